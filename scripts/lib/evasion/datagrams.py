"""Strategies below TCP and UDP: IP fragments and IPv6 extension headers.

zapret: ipfrag1, ipfrag2, hopbyhop, destopt. RFC 791, RFC 8200 §4, RFC 5722 (overlaps).
"""

import os
import random

from .mangler import Pause
from .packets import DESTINATION, HOP_BY_HOP, fragment, fragments
from .segments import host_middle
from .strategy import HTTP, QUIC, TLS, Strategy

ALL_PROTOCOLS = (HTTP, TLS, QUIC)
PADDING = b"\0\0\1\4\0\0\0\0"  # an extension header of eight octets, all of them padding
UDP_HEADER = 8


def new_ident():
    return random.getrandbits(32)


def cut_at(*cuts):
    """Where an IP payload is cut; a cut is a multiple of eight, or finds its place itself."""
    def act(packet, flow):
        whole = packet.datagram()
        found = {cut(packet, flow) if callable(cut) else cut for cut in cuts}
        inside = sorted(cut for cut in found if 0 < cut < len(whole.payload))
        return fragments(whole, inside, new_ident())
    return act


def in_host(packet, flow):
    """The multiple of eight nearest before the middle of the name; of a QUIC packet its middle."""
    ip_payload = packet.datagram().payload
    header = len(ip_payload) - len(packet.payload)
    place = len(packet.payload) // 2 if header == UDP_HEADER else host_middle(packet, flow)
    return max(8, (header + place) // 8 * 8)


def every_eight(packet, flow):
    length = len(packet.datagram().payload)
    return cut_at(*range(8, length, 8 if length < 700 else 24))(packet, flow)


def turned(act):
    return lambda packet, flow: act(packet, flow)[::-1]


def twice(act):
    return lambda packet, flow: [piece for piece in act(packet, flow) for _ in range(2)]


def slowly(act):
    """A pause before the last piece."""
    def paused(packet, flow):
        *pieces, last = act(packet, flow)
        return [*pieces, Pause(0.2), last]
    return paused


def overlapping(packet, flow):
    """The second fragment begins eight octets early, with other octets there."""
    whole, ident, cut = packet.datagram(), new_ident(), in_host(packet, flow)
    tail = os.urandom(8) + whole.payload[cut:]
    return [fragment(whole, 0, whole.payload[:cut], True, ident),
            fragment(whole, cut - 8, tail, False, ident)]


def replaced(packet, flow):
    """The same fragment twice, first with other octets, then the true one."""
    whole, ident, cut = packet.datagram(), new_ident(), in_host(packet, flow)
    return [fragment(whole, cut, os.urandom(len(whole.payload) - cut), False, ident),
            fragment(whole, 0, whole.payload[:cut], True, ident),
            fragment(whole, cut, whole.payload[cut:], False, ident)]


def hidden_fake(packet, flow):
    """A first fragment of garbage that ends at the router, then the true two."""
    whole, ident, cut = packet.datagram(), new_ident(), in_host(packet, flow)
    lost = whole.but(ttl=2)
    return [fragment(lost, cut, os.urandom(len(whole.payload) - cut), False, ident),
            *fragments(whole, [cut], ident)]


def atomic(packet, flow):
    """RFC 6946: a fragment header on what is no fragment."""
    whole = packet.datagram()
    return [fragment(whole, 0, whole.payload, False, new_ident())]


def headers(*numbers):
    """IPv6 extension headers before the payload."""
    def act(packet, flow):
        whole = packet.datagram()
        return [whole.but(extensions=tuple((number, PADDING) for number in numbers))]
    return act


def headers_and_fragments(numbers, cut):
    """The same before the fragment header: they are of the unfragmentable part."""
    def act(packet, flow):
        whole = headers(*numbers)(packet, flow)[0]
        return fragments(whole, [cut(packet, flow) if callable(cut) else cut], new_ident())
    return act


def destination_inside(packet, flow):
    """Destination options after the fragment header: the first fragment holds only them."""
    whole = packet.datagram()
    inner = whole.but(proto=DESTINATION, payload=bytes([whole.proto]) + PADDING[1:] + whole.payload)
    return fragments(inner, [8], new_ident())


def everywhere(name, family, act, conflicting=False):
    return Strategy(name, ALL_PROTOCOLS, "IP", data=act, datagram=act, family=family,
                    conflicting=conflicting)


def on_every_packet(name, family, act):
    return Strategy(name, ALL_PROTOCOLS, "IP", data=act, syn=act, other=act, datagram=act,
                    family=family)


ALL = [strategy for family in (4, 6) for strategy in (
    everywhere(f"IPv{family} fragments at 8", family, cut_at(8)),
    everywhere(f"IPv{family} fragments at 24", family, cut_at(24)),
    everywhere(f"IPv{family} fragments in the host name", family, cut_at(in_host)),
    everywhere(f"IPv{family} fragments, last first", family, turned(cut_at(24, in_host))),
    everywhere(f"IPv{family} fragments of 8 or 24 octets", family, every_eight),
    everywhere(f"IPv{family} fragments, each twice", family, twice(cut_at(24, in_host))),
    everywhere(f"IPv{family} fragments with a pause", family, slowly(cut_at(in_host))),
    everywhere(f"IPv{family} fragments that overlap", family, overlapping),
    everywhere(f"IPv{family} fragments, garbage first", family, replaced, True),
    everywhere(f"IPv{family} fragments, hidden garbage first, ttl 2", family, hidden_fake, True),
    on_every_packet(f"IPv{family} fragments at 8 of every packet", family, cut_at(8)),
)] + [
    on_every_packet("IPv6 atomic fragments", 6, atomic),
    on_every_packet("IPv6 hop-by-hop options", 6, headers(HOP_BY_HOP)),
    on_every_packet("IPv6 destination options", 6, headers(DESTINATION)),
    on_every_packet("IPv6 destination options, three", 6, headers(*[DESTINATION] * 3)),
    on_every_packet("IPv6 hop-by-hop and destination options", 6,
                    headers(HOP_BY_HOP, DESTINATION)),
    everywhere("IPv6 hop-by-hop options, fragments at 8", 6,
               headers_and_fragments([HOP_BY_HOP], 8)),
    everywhere("IPv6 destination options, fragments in the host name", 6,
               headers_and_fragments([DESTINATION], in_host)),
    everywhere("IPv6 destination options in the first fragment only", 6, destination_inside),
]

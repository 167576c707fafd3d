"""Strategies on how the segments of a request are cut, ordered and repeated.

zapret: split, multisplit, multidisorder, seqovl. GoodbyeDPI: -f, -e (fragments, by window size),
--reverse-frag. No octet differs from what the client wrote, except where `overlap` is in the name.
"""

import os

from . import packets
from .mangler import Pause
from .strategy import DNS, HTTP, TLS, Strategy

TCP = (HTTP, TLS)
WINDOW = 4


def host_begin(packet, flow):
    """Where the host name begins in the first data; in DNS its first label."""
    whole = packet.payload.lower()
    place = whole.find(flow.name)
    return place if place >= 0 else max(1, whole.find(flow.name.split(b".")[0]))


def host_end(packet, flow):
    return min(host_begin(packet, flow) + len(flow.name), len(packet.payload) - 1)


def host_middle(packet, flow):
    return host_begin(packet, flow) + len(flow.name) // 2


def places(packet, flow, where):
    """Those cuts that lie inside the payload, each once, in order. A negative number counts from
    the end."""
    found = {place(packet, flow) if callable(place) else place % (1 << 16) if place > 0
             else len(packet.payload) + place for place in where}
    return sorted(place for place in found if 0 < place < len(packet.payload))


def split(*where):
    return lambda packet, flow: packet.cut(*places(packet, flow, where))


def disorder(*where):
    return lambda packet, flow: packet.cut(*places(packet, flow, where))[::-1]


def every_octet(packet, flow):
    return packet.cut(*range(1, host_end(packet, flow) + 1))


def every_octet_backwards(packet, flow):
    return every_octet(packet, flow)[::-1]


def slowly(packet, flow):
    """A pause between the halves of the name, longer than a delayed acknowledgement."""
    first, second = packet.cut(host_middle(packet, flow))
    return [first, Pause(0.3), second]


def doubled(packet, flow):
    return [piece for piece in packet.cut(2, host_middle(packet, flow)) for _ in range(2)]


def same_octets_overlapping(packet, flow):
    """Pieces that overlap each other with the same octets."""
    middle, end = host_middle(packet, flow), len(packet.payload)
    return [packet.but(seq=packet.seq + begin, payload=packet.payload[begin:stop])
            for begin, stop in ((0, middle), (middle - 3, end), (0, end))]


def garbage(count):
    return os.urandom(count)


def overlap_before(packet, flow):
    """zapret multisplit with seqovl: garbage in front of the first octet, which the server's
    kernel has no room for and cuts off."""
    first, second = packet.cut(host_middle(packet, flow))
    size = 20
    return [first.but(seq=first.seq - size, payload=garbage(size) + first.payload), second]


def overlap_disorder(packet, flow):
    """zapret multidisorder with seqovl: the second part comes first and begins with garbage over
    the end of the first part, which a kernel replaces by the first part."""
    first, second = packet.cut(host_middle(packet, flow))
    size = 8
    return [second.but(seq=second.seq - size, payload=garbage(size) + second.payload), first]


def overlap_ahead(packet, flow):
    """Garbage for the second half waits at the server; the whole request then covers it."""
    middle = host_middle(packet, flow)
    later = packet.but(seq=packet.seq + middle, payload=garbage(len(packet.payload) - middle))
    return [later, packet]


def retransmitted_otherwise(packet, flow):
    """What the server has already taken is sent again with other octets, and then the rest."""
    first, second = packet.cut(host_middle(packet, flow))
    return [first, first.but(payload=garbage(len(first.payload))), second]


def replaced_before_the_rest(packet, flow):
    """The first half, then a whole request for the decoy over it, then the true second half."""
    first, second = packet.cut(host_middle(packet, flow))
    name = packet.payload.replace(flow.name, flow.decoy)
    return [first, packet.but(payload=name[:len(first.payload)]), second]


def small_window(packet, flow):
    """The server seems to take four octets at a time, so the client's own kernel cuts."""
    if not isinstance(packet, packets.Tcp) or not packet.flags & packets.SYN:
        return [packet]
    place = packet.option(3)  # no window scale: the four octets are four octets
    options = packet.options
    if place is not None:
        options = options[:place] + b"\1\1\1" + options[place + 3:]
    return [packet.but(window=WINDOW, options=options)]


def first_segment_twice_with_gap(packet, flow):
    """The second half, a pause, the first: the server buffers, the client may resend."""
    first, second = packet.cut(host_middle(packet, flow))
    return [second, Pause(0.15), first]


ALL = [Strategy(name, protocols, "segments", data=function, conflicting="overlap" in name)
       for name, protocols, function in (
    ("split after 1", (*TCP, DNS), split(1)),
    ("split after 2", (*TCP, DNS), split(2)),
    ("split inside the host name", (*TCP, DNS), split(host_middle)),
    ("split at the host name's ends", TCP, split(host_begin, host_end)),
    ("split before the last octet", TCP, split(-1)),
    ("multisplit 1, 2, host", (*TCP, DNS), split(1, 2, host_middle)),
    ("multisplit at every octet", (*TCP, DNS), every_octet),
    ("split with a pause", TCP, slowly),
    ("disorder after 1", TCP, disorder(1)),
    ("disorder inside the host name", (*TCP, DNS), disorder(host_middle)),
    ("multidisorder 1, 2, host", TCP, disorder(1, 2, host_middle)),
    ("multidisorder at every octet", TCP, every_octet_backwards),
    ("disorder with a pause", TCP, first_segment_twice_with_gap),
    ("each piece twice", TCP, doubled),
    ("pieces that overlap, same octets", TCP, same_octets_overlapping),
    ("seqovl: garbage before the first octet", TCP, overlap_before),
    ("seqovl disorder: overlap garbage, then first part", TCP, overlap_disorder),
    ("overlap: garbage ahead, then the request", TCP, overlap_ahead),
    ("retransmission with other octets, overlap", TCP, retransmitted_otherwise),
    ("retransmission with another name, overlap", TCP, replaced_before_the_rest),
)] + [
    Strategy("window of 4 octets", TCP, "segments", reply=small_window),
]

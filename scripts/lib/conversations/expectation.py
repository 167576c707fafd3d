"""From tshark's layers of a frame to the conversation that tshark shows, and to the session Weir should count it to.

Where the two differ there is a Reason, established from this frame (and for fragments from those of its datagram), and
each Reason is explained in docs/conversations.md.
"""
import collections
import dataclasses
import enum
import ipaddress

import capture_oracle

from . import dissection
from .dissection import ICMP, ICMP6, SCTP, TCP, UDP

WITH_PORTS = (TCP, UDP, SCTP)
VLANS_MAX = 2
SERVICE_PORTS_END = 1024
EXTENSIONS_MAX = 16
NO_NEXT_HEADER = 59
# What stands between two IP headers, less what says nothing: the tunnels of docs/tunnels.md.
FILLINGS = ("eth", "ethertype", "vlan", "ieee8021ad", "mpls", "pwethheuristic", "pwethcw", "pwethnocw", "ppp", "pppoes",
            *dissection.EXTENSIONS.values())
FOLLOWED = ((), ("gre",), ("gre", "erspan"), ("udp", "vxlan"), ("udp", "gtp"), ("udp", "teredo"))
LINK_UNREAD = ("llc", "etag", "nsh", "vntag", "ieee8021ah")
# The request that a reply answers.
REQUESTS = {ICMP: {0: 8, 14: 13, 16: 15, 18: 17}, ICMP6: {129: 128}}


class Reason(enum.Enum):
    VLAN = "vlan"
    ICMP_KIND = "icmp_kind"
    QUOTED = "quoted"
    TUNNEL = "tunnel"
    TUNNEL_UNREAD = "tunnel_unread"
    TUNNEL_DOUBTFUL = "tunnel_doubtful"
    LINK_UNREAD = "link_unread"
    FRAGMENT = "fragment"
    FRAGMENT_INCOMPLETE = "fragment_incomplete"
    FRAGMENT_AGAIN = "fragment_again"
    FRAGMENT_FIRST = "fragment_first"
    FRAGMENT_CUT = "fragment_cut"
    TOO_DEEP = "too_deep"
    GIVEN_UP = "given_up"
    STREAM_SILENCE = "stream_silence"
    STREAM_REOPENED = "stream_reopened"
    STREAM_SYN = "stream_syn"
    STREAM_MIDDLE = "stream_middle"
    STREAM_FLOWS = "stream_flows"
    NEIGHBOR_DISCOVERY = "neighbor_discovery"
    LENGTH = "length"
    TORN = "torn"


@dataclasses.dataclass(frozen=True)
class Flow:
    """Both directions: the ends are sorted, each an address and a port, or 0."""

    protocol: int
    ends: tuple
    vlans: tuple = ()

    def __str__(self):
        low, high = (f"{address} {port}" if port else address for address, port in self.ends)
        tags = f" vlan {'.'.join(map(str, self.vlans))}" if self.vlans else ""
        return f"{self.protocol} {low} - {high}{tags}"


@dataclasses.dataclass
class Counted:
    """One frame, as counted to a flow."""

    flow: Flow
    from_low: bool
    octets: int
    number: int
    time_ns: int
    layer: object = None


@dataclasses.dataclass
class Expected:
    frame: dissection.Frame
    shown: Counted  # None: tshark shows no IP
    session: Counted  # None: no session
    reasons: set
    carrying: int = 0  # place of the layer that the session is of


def counted(protocol, src, dst, vlans, octets, frame, layer=None):
    ends = tuple(sorted((src, dst)))
    return Counted(Flow(protocol, ends, vlans), src == ends[0], octets, frame.number, frame.time_ns, layer)


def shown_of(frame):
    """The conversation of the last layer that tshark has dissected."""
    if not frame.layers:
        return None
    layer = frame.layers[-1]
    src_port, dst_port = layer.ports if layer.ports and layer.protocol in WITH_PORTS else (0, 0)
    return counted(layer.protocol, (layer.src, src_port), (layer.dst, dst_port), (), layer.ip_bytes, frame, layer)


def tunnel_reason(names, outer, inner):
    """Why Weir does not look into what tshark takes for a tunnel; None: it does."""
    if names[:1] in (("icmp",), ("icmpv6",)):
        return Reason.QUOTED
    if names not in FOLLOWED:
        return Reason.TUNNEL_UNREAD
    if names[:1] != ("udp",):
        return None
    is_bubble = names == ("udp", "teredo") and inner.protocol == NO_NEXT_HEADER
    if is_bubble or inner.checksum_bad or min(outer.ports) < SERVICE_PORTS_END:
        return Reason.TUNNEL_DOUBTFUL
    return None


def choose_layer(frame, reasons):
    """The place of the layer whose session the frame belongs to."""
    for place, inner in enumerate(frame.layers[1:], 1):
        names = tuple(name for name in inner.carrier if name not in FILLINGS)
        reason = tunnel_reason(names, frame.layers[place - 1], inner)
        reasons.add(reason or Reason.TUNNEL)
        if reason:
            return place - 1
    return len(frame.layers) - 1


def ends_of(layer, reasons):
    """(src, dst) as Weir keys them; an ICMP reply has its request's type on the other end."""
    if layer.protocol in WITH_PORTS:
        src_port, dst_port = layer.ports or (0, 0)
        return (layer.src, src_port), (layer.dst, dst_port)
    if layer.protocol not in REQUESTS:
        return (layer.src, 0), (layer.dst, 0)
    reasons.add(Reason.ICMP_KIND)
    if layer.ports is None:
        return (layer.src, 0), (layer.dst, 0)
    kind, code = layer.ports
    if kind in REQUESTS[layer.protocol]:
        return (layer.src, 0), (layer.dst, REQUESTS[layer.protocol][kind] << 8)
    return (layer.src, kind << 8 | code), (layer.dst, 0)


def is_neighbor_discovery(layer):
    """RFC 4861, where no router would forward it."""
    if layer.protocol != ICMP6 or layer.version != 6 or layer.extensions or layer.hop_limit != 255:
        return False
    if layer.ports is None or not 133 <= layer.ports[0] <= 137 or layer.ports[1] != 0:
        return False
    src, dst = ipaddress.ip_address(layer.src), ipaddress.ip_address(layer.dst)
    return dst.is_multicast or src.is_link_local or dst.is_link_local


def ports_in(link_type, record):
    """The ports behind an IPv4 header that tshark did not read to its end."""
    part = capture_oracle.network_part(link_type, record) if link_type in capture_oracle.KNOWN_LINK_TYPES else None
    if part is None or part[0] != 0x0800:
        return None
    at = part[1] + (record.data[part[1]] & 15) * 4
    ports = record.data[at : at + 4]
    return (int.from_bytes(ports[:2], "big"), int.from_bytes(ports[2:], "big")) if len(ports) == 4 else None


def octets_of(frame, link_type, record):
    """Of the outermost datagram: what its header says, but never more than was on the wire."""
    claimed = frame.layers[0].ip_bytes
    part = capture_oracle.network_part(link_type, record) if link_type in capture_oracle.KNOWN_LINK_TYPES else None
    if part is None:
        return min(claimed, frame.wire_bytes)
    _, at, end = part
    return min(claimed, end - at) or end - at


def expect(frame, link_type, record):
    reasons = set()
    shown = shown_of(frame)
    if frame.is_torn:
        reasons.add(Reason.TORN)
    if shown is None:
        return Expected(frame, None, None, reasons)
    if any(name in LINK_UNREAD for name in frame.layers[0].carrier):
        return Expected(frame, shown, None, reasons | {Reason.LINK_UNREAD})
    if is_neighbor_discovery(frame.layers[0]):
        return Expected(frame, shown, None, reasons | {Reason.NEIGHBOR_DISCOVERY})
    chosen = choose_layer(frame, reasons)
    layer = frame.layers[chosen]
    if len(layer.extensions) > EXTENSIONS_MAX:
        reasons.add(Reason.TOO_DEEP)
        layer = dataclasses.replace(layer, protocol=layer.extensions[EXTENSIONS_MAX], ports=None)
    if chosen == 0 and layer.protocol in WITH_PORTS and layer.ports is None and not layer.is_fragment:
        layer = dataclasses.replace(layer, ports=ports_in(link_type, record))
        reasons |= {Reason.GIVEN_UP} if layer.ports else set()
    octets = octets_of(frame, link_type, record)
    if octets != frame.layers[0].ip_bytes:
        reasons.add(Reason.LENGTH)
    src, dst = ends_of(layer, reasons)
    vlans = frame.vlans[:VLANS_MAX]
    if vlans:
        reasons.add(Reason.VLAN)
    return Expected(frame, shown, counted(layer.protocol, src, dst, vlans, octets, frame, layer), reasons, chosen)


def datagram_key(expected):
    """What the fragments of one datagram have in common (RFC 791 §3.2, RFC 8200 §4.5)."""
    layer = expected.session.layer
    protocol = layer.protocol if layer.version == 4 else None
    return layer.src, layer.dst, layer.fragment_id, protocol, expected.frame.vlans


class Datagrams:
    """Which frames hold the fragments of one datagram, as tshark has put them together."""

    def __init__(self, all_expected):
        self.by_number = {one.frame.number: one for one in all_expected}
        self.pieces = {}  # of the frame that completes a datagram: those of its fragments
        self.placed = set()
        self.completing = collections.defaultdict(list)  # by datagram_key()
        for one in all_expected:
            if one.session and one.frame.fragments and is_piece(one):
                self.add(one)

    def add(self, completing):
        self.pieces[completing.frame.number] = [self.by_number[number] for number in completing.frame.fragments]
        self.placed.update(completing.frame.fragments)
        self.completing[datagram_key(completing)].append(completing)

    def near(self, piece):
        """The datagram that a piece that tshark has left out is of: the next of its key, else the one before."""
        same = self.completing[datagram_key(piece)]
        later = [one for one in same if one.frame.number > piece.frame.number]
        return (later or same[-1:] or [None])[0]


def is_piece(expected):
    """A fragment on the way to the session's layer, not one that an ICMP message quotes."""
    return any(layer.is_fragment for layer in expected.frame.layers[:expected.carrying + 1])


def join_fragments(all_expected, ask_again):
    """Gives every fragment the session of its datagram. `ask_again()`: the frames as they are dissected one by one."""
    datagrams = Datagrams(all_expected)
    unclear = []  # what only the first fragment itself can tell
    for number, pieces in datagrams.pieces.items():
        completing = datagrams.by_number[number]
        if says_otherwise(pieces, completing):
            for piece in pieces:
                piece.reasons.add(Reason.FRAGMENT_FIRST)
            unclear += pieces
            continue
        for piece in pieces:
            move(piece, completing, Reason.FRAGMENT)
    for one in all_expected:
        if not one.session or not is_piece(one) or one.frame.number in datagrams.placed:
            continue
        near = datagrams.near(one)
        if near is not None:
            move(one, near, Reason.FRAGMENT_AGAIN)
        else:
            one.reasons.add(Reason.FRAGMENT_INCOMPLETE)
            unclear.append(one)
    if unclear:
        follow_firsts(unclear, {frame.number: frame for frame in ask_again()})


def says_otherwise(pieces, completing):
    """tshark reads a datagram by the protocol that its last fragment names; the first one's counts (RFC 8200 §4.5)."""
    first = [piece for piece in pieces if piece.session.layer.fragment_offset == 0]
    return completing.carrying == 0 and any(one.frame.layers[0].protocol != completing.frame.layers[0].protocol
                                            for one in first)


def follow_firsts(pieces, singly):
    """Sessions by what the first fragment shows; fragments without a first one are sessions without ports."""
    firsts = {}
    for piece in pieces:
        layer = singly[piece.frame.number].layers[piece.carrying]
        if layer.fragment_offset == 0 and layer.ports:
            piece.session.layer = layer
            recount(piece, layer)
        if piece.frame.captured_bytes < piece.frame.wire_bytes:
            piece.reasons.add(Reason.FRAGMENT_CUT)
        elif layer.fragment_offset == 0 and layer.ports:
            firsts[datagram_key(piece)] = piece
    for piece in pieces:
        first = firsts.get(datagram_key(piece))
        if first is not None and Reason.FRAGMENT_CUT not in piece.reasons:
            move(piece, first, Reason.FRAGMENT)


def recount(expected, layer):
    src, dst = ends_of(layer, expected.reasons)
    expected.session = counted(layer.protocol, src, dst, expected.frame.vlans[:VLANS_MAX], expected.session.octets,
                               expected.frame, layer)


def move(expected, to, reason):
    if expected is to or to.session is None or expected.session is None:
        return
    expected.reasons |= {reason} | (to.reasons & {Reason.ICMP_KIND, Reason.TUNNEL})
    session = to.session
    expected.session = Counted(session.flow, session.from_low, expected.session.octets, expected.frame.number,
                               expected.frame.time_ns, expected.session.layer)


def totals(counts):
    """Packets and octets of each flow: [from the low end: packets, octets; from the high end: packets, octets]."""
    sums = collections.defaultdict(lambda: [0, 0, 0, 0])
    for one in counts:
        at = 0 if one.from_low else 2
        sums[one.flow][at] += 1
        sums[one.flow][at + 1] += one.octets
    return sums

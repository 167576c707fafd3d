"""What tshark says of every frame of a capture: its IP layers from the outside in, each with what carries it.

tshark prints fields without their places in the frame, but always in the order in which it dissected, and so it does
with the names of the protocols. So walking along the names hands each layer its own fields. Later protocols of TCP do
not matter here, and nothing is put together from TCP segments; fragments of IP are, and tshark then says which.
"""
import collections
import dataclasses
import ipaddress
import subprocess

OPTIONS = ("ip.defragment:TRUE", "ipv6.defragment:TRUE", "ip.check_checksum:TRUE", "tcp.desegment_tcp_streams:FALSE",
           "ip.tso_support:TRUE")
SECONDS_A_CAPTURE = 120

# Fields by the protocol that has one of each, in the order of Fields' values.
FIELDS = {
    "ip": ("ip.src", "ip.dst", "ip.len", "ip.proto", "ip.flags.mf", "ip.frag_offset", "ip.checksum.status", "ip.id"),
    "ipv6": ("ipv6.src", "ipv6.dst", "ipv6.plen", "ipv6.nxt", "ipv6.hlim"),
    "ipv6.hopopts": ("ipv6.hopopts.nxt",),
    "ipv6.routing": ("ipv6.routing.nxt",),
    "ipv6.dstopts": ("ipv6.dstopts.nxt",),
    "ipv6.fraghdr": ("ipv6.fraghdr.nxt", "ipv6.fraghdr.more", "ipv6.fraghdr.offset", "ipv6.fraghdr.ident"),
    "ah": ("ah.next_header",),
    "tcp": ("tcp.srcport", "tcp.dstport", "tcp.stream", "tcp.flags"),
    "udp": ("udp.srcport", "udp.dstport"),
    "sctp": ("sctp.srcport", "sctp.dstport"),
    "icmp": ("icmp.type", "icmp.code"),
    "icmpv6": ("icmpv6.type", "icmpv6.code"),
    "vlan": ("vlan.id",),
    "ieee8021ad": ("ieee8021ad.id",),
}
FRAME_FIELDS = ("frame.number", "frame.time_epoch", "frame.len", "frame.cap_len", "frame.protocols", "ip.fragment",
                "ipv6.fragment")
ALL_FIELDS = (*FRAME_FIELDS, *(name for names in FIELDS.values() for name in names))

VLAN_TAGS = ("vlan", "ieee8021ad")
ICMP, TCP, UDP, SCTP, ICMP6, UDP_LITE = 1, 6, 17, 132, 58, 136
FRAGMENT, AUTHENTICATION = 44, 51
EXTENSIONS = {0: "ipv6.hopopts", 43: "ipv6.routing", 44: "ipv6.fraghdr", 60: "ipv6.dstopts", 51: "ah"}
TRANSPORTS = {TCP: "tcp", UDP: "udp", UDP_LITE: "udp", SCTP: "sctp", ICMP: "icmp", ICMP6: "icmpv6"}


@dataclasses.dataclass
class Layer:
    """One IP header and what is behind it up to the next."""

    version: int
    src: str
    dst: str
    ip_bytes: int  # as the header has it
    protocol: int  # behind IPv6's extension headers
    carrier: tuple  # tshark's names between the layer before and this one
    ports: tuple = None  # (src, dst), of ICMP (type, code); None: tshark shows none
    stream: str = None  # of TCP
    tcp_flags: int = 0
    is_fragment: bool = False
    fragment_offset: int = 0
    fragment_id: int = 0
    checksum_bad: bool = False
    hop_limit: int = 0  # of IPv6
    extensions: tuple = ()  # numbers of IPv6's extension headers


@dataclasses.dataclass
class Frame:
    number: int
    time_ns: int
    wire_bytes: int
    captured_bytes: int
    protocols: tuple
    vlans: tuple  # of the frame itself, the outer first
    layers: list
    fragments: tuple  # numbers of the frames whose fragments tshark puts together here
    is_torn: bool  # an IP header that tshark names and does not read


class TsharkFailed(RuntimeError):
    """tshark ended in a way that it should not."""


def dissect(capture, singly=False):
    """The frames of the capture, and what tshark complains of (it then has read what could be read).

    `singly`: fragments are not put together, and the first of a datagram shows what it holds of the transport header.
    """
    command = ["tshark", "-n", "-r", str(capture), "-T", "fields", "-E", "separator=/t", "-E", "occurrence=a",
               "-E", "aggregator=,"]
    for option in OPTIONS:
        command += ["-o", option.replace("defragment:TRUE", "defragment:FALSE") if singly else option]
    for field in ALL_FIELDS:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False,
                          timeout=SECONDS_A_CAPTURE)
    if done.returncode not in (0, 2):  # 2: the capture breaks off
        raise TsharkFailed(f"tshark: exit {done.returncode}: {done.stderr.strip()}")
    return [frame_of(line) for line in done.stdout.splitlines()], done.stderr.strip()


def address_of(text):
    """In one spelling; an IPv4 address as IPv6 maps it (RFC 4291 §2.5.5.2) is that IPv4 address."""
    address = ipaddress.ip_address(text)
    return str(getattr(address, "ipv4_mapped", None) or address)


def number_of(text):
    return int(text, 16) if text.startswith("0x") else int(text)


def time_ns_of(text):
    """frame.time_epoch, without the rounding of a float."""
    seconds, _, fraction = text.lstrip("-").partition(".")
    value = int(seconds) * 10**9 + int(fraction.ljust(9, "0")[:9])
    return -value if text.startswith("-") else value


class Values:
    """The fields of one frame, taken protocol by protocol in the order of dissection."""

    def __init__(self, columns):
        self.left = {name: collections.deque(text.split(",") if text else ()) for name, text in columns.items()}

    def take(self, protocol):
        """One value of each field of the protocol, None where tshark has shown no more."""
        return [self.left[name].popleft() if self.left[name] else None for name in FIELDS[protocol]]


def frame_of(line):
    columns = dict(zip(ALL_FIELDS, line.split("\t")))
    protocols = tuple(columns["frame.protocols"].split(":"))
    values = Values({name: columns[name] for names in FIELDS.values() for name in names})
    fragments = ",".join(filter(None, (columns["ip.fragment"], columns["ipv6.fragment"])))
    frame = Frame(int(columns["frame.number"]), time_ns_of(columns["frame.time_epoch"]), int(columns["frame.len"]),
                  int(columns["frame.cap_len"]), protocols, (), [],
                  tuple(int(number) for number in fragments.split(",") if number), False)
    walk(frame, values)
    return frame


def walk(frame, values):
    carrier, expected = [], None
    for name in frame.protocols:
        if name in ("ip", "ipv6"):
            layer, expected = (take_ipv4 if name == "ip" else take_ipv6)(values, tuple(carrier))
            carrier = []
            if layer is None:
                frame.is_torn = True
                return
            frame.layers.append(layer)
            continue
        carrier.append(name)
        if name in VLAN_TAGS:
            (vlan,) = values.take(name)
            if not frame.layers and vlan is not None:
                frame.vlans += (int(vlan),)
        elif name in FIELDS and frame.layers:
            expected = take_behind(frame.layers[-1], name, values.take(name), expected)


def take_ipv4(values, carrier):
    src, dst, length, protocol, more, offset, checksum, ident = values.take("ip")
    if None in (src, dst, length, protocol):
        return None, None
    layer = Layer(4, src, dst, int(length), int(protocol), carrier)
    layer.fragment_offset = int(offset or 0)
    layer.is_fragment = more in ("1", "True") or layer.fragment_offset != 0
    layer.fragment_id = number_of(ident or "0")
    layer.checksum_bad = checksum == "0"
    return layer, layer.protocol


def take_ipv6(values, carrier):
    src, dst, length, following, hop_limit = values.take("ipv6")
    if None in (src, dst, length, following, hop_limit):
        return None, None
    layer = Layer(6, address_of(src), address_of(dst), 40 + int(length), int(following), carrier)
    layer.hop_limit = int(hop_limit)
    return layer, layer.protocol


def take_behind(layer, name, taken, expected):
    """Fills the layer from the header of that name; what is to be expected behind it."""
    if EXTENSIONS.get(expected) == name:
        layer.extensions += (expected,)
        if name == "ipv6.fraghdr" and not layer.is_fragment:
            layer.fragment_offset = int(taken[2] or 0)
            layer.is_fragment = taken[1] in ("1", "True") or layer.fragment_offset != 0
            layer.fragment_id = number_of(taken[3] or "0")
        layer.protocol = int(taken[0] or expected)
        return layer.protocol
    if TRANSPORTS.get(expected) == name and layer.ports is None and None not in taken[:2]:
        layer.ports = int(taken[0]), int(taken[1])
        if name == "tcp":
            layer.stream, layer.tcp_flags = taken[2], number_of(taken[3] or "0")
    return None

"""Generated traffic: conversations of many kinds, interleaved, always the same from the same seed.

Every frame is whole and right, save where a kind is about what is not. `mix()` gives the frames by time; each says from
which side of the bridge it comes, so that the lab can send it as well as a file can hold it.
"""
import dataclasses
import ipaddress
import random
import struct

from evasion import packets
from evasion.packets import ACK, FIN, PSH, RST, SYN, Ip, Tcp, Udp

BEGIN_NS = 1_767_225_600 * 10**9  # 2026-01-01
MILLISECOND, SECOND = 10**6, 10**9
MAC_INSIDE, MAC_OUTSIDE = bytes.fromhex("025700000001"), bytes.fromhex("025700000002")
VLAN, SERVICE_VLAN, IPV4, IPV6 = 0x8100, 0x88A8, 0x0800, 0x86DD
ICMP, IPIP, IPV6_IN_IP, GRE, ICMP6, OSPF, SCTP = 1, 4, 41, 47, 58, 89, 132
VXLAN_PORT, DNS_PORT = 4789, 53
CLIENTS4, SERVERS4 = "10.20.64.0", "198.51.100.0"
CLIENTS6, SERVERS6 = "2001:db8:20:1::", "2001:db8:cafe:1::"


@dataclasses.dataclass(frozen=True)
class Sent:
    time_ns: int
    from_inside: bool
    octets: bytes


class Pair:
    """A client inside and a server outside, the ports of one conversation, and what is around its datagrams."""

    def __init__(self, dice, number, version):
        self.dice, self.version = dice, version
        clients, servers = (CLIENTS4, SERVERS4) if version == 4 else (CLIENTS6, SERVERS6)
        # Each conversation has addresses of its own, so that one cannot answer for another.
        self.client = (ipaddress.ip_address(clients) + number + 1).packed
        self.server = (ipaddress.ip_address(servers) + number % 40 + 1).packed
        self.sport, self.dport = dice.randrange(20000, 60000), dice.choice((80, 443, 8080, 9999))
        self.vlans, self.around = (), None
        self.ident = dice.randrange(60000)

    def ip(self, from_client, proto, payload=b"", **changes):
        src, dst = (self.client, self.server) if from_client else (self.server, self.client)
        self.ident = (self.ident + 1) % 65536
        return Ip(self.version, src, dst, 64, proto, payload, self.ident, **changes)

    def tcp(self, from_client, flags, seq, ack, payload=b""):
        sport, dport = (self.sport, self.dport) if from_client else (self.dport, self.sport)
        return Tcp(self.ip(from_client, packets.TCP), sport, dport, seq, ack, flags, 60000, 0, b"", payload).datagram()

    def udp(self, from_client, payload):
        sport, dport = (self.sport, self.dport) if from_client else (self.dport, self.sport)
        return Udp(self.ip(from_client, packets.UDP), sport, dport, payload).datagram()

    def frame(self, from_client, ip):
        ip = self.around(from_client, ip) if self.around else ip
        ends = MAC_OUTSIDE + MAC_INSIDE if from_client else MAC_INSIDE + MAC_OUTSIDE
        tags = b""
        for place, vlan in enumerate(self.vlans):
            kind = SERVICE_VLAN if len(self.vlans) > 1 and place == 0 else VLAN
            tags += struct.pack("!HH", kind, vlan)
        return ends + tags + struct.pack("!H", IPV4 if ip.version == 4 else IPV6) + ip.raw()


# A conversation yields (pause before it in ns, whether the client sends, the datagram).

def pause(dice):
    return dice.randrange(MILLISECOND, 80 * MILLISECOND)


def tcp(pair, segments=None, end="fin", begin="syn", disturbed=True):
    """A connection with what networks do to it: a repetition, a swap."""
    dice = pair.dice
    numbers = {True: dice.randrange(2**32), False: dice.randrange(2**32)}
    sent = []

    def say(from_client, flags, payload=b""):
        segment = pair.tcp(from_client, flags, numbers[from_client], numbers[not from_client] if flags & ACK else 0,
                           payload)
        numbers[from_client] += len(payload) + bool(flags & (SYN | FIN))
        sent.append((pause(dice), from_client, segment))

    if begin == "syn":
        say(True, SYN)
        say(False, SYN | ACK)
        say(True, ACK)
    for _ in range(dice.randrange(2, 12) if segments is None else segments):
        speaker = dice.random() < 0.4
        say(speaker, ACK | PSH, dice.randbytes(dice.randrange(1, 1200)))
        say(not speaker, ACK)
    if disturbed:
        for place in range(4, len(sent)):
            if dice.random() < 0.05:
                sent[place - 1], sent[place] = sent[place], sent[place - 1]
        sent = [twice for one in sent for twice in ([one, one] if dice.random() < 0.05 else [one])]
    if end == "fin":
        say(True, FIN | ACK)
        say(False, FIN | ACK)
        say(True, ACK)
    elif end == "rst":
        say(dice.random() < 0.5, RST | ACK)
    yield from sent


def tcp_from_the_middle(pair):
    yield from tcp(pair, begin="middle", end="none")


def half_open(pair):
    segment = pair.tcp(True, SYN, 77, 0)
    for seconds in (0, 1, 2, 4):
        yield seconds * SECOND, True, segment


def refused(pair):
    yield 0, True, pair.tcp(True, SYN, 100, 0)
    yield MILLISECOND, False, pair.tcp(False, RST | ACK, 0, 101)


def port_reused(pair):
    """Closed, and begun again at once: two streams, two sessions, one flow."""
    yield from tcp(pair, segments=3, disturbed=False)
    yield from tcp(pair, segments=2, end="rst", disturbed=False)
    yield from tcp(pair, segments=1, disturbed=False)


def goes_on_after_the_end(pair):
    """A straggler 15 s after the connection was closed: the same stream, another session."""
    yield from tcp(pair, segments=2, disturbed=False)
    yield 15 * SECOND, False, pair.tcp(False, RST, 5, 0)


def udp(pair):
    for _ in range(pair.dice.randrange(1, 9)):
        from_client = pair.dice.random() < 0.6
        yield pause(pair.dice), from_client, pair.udp(from_client, pair.dice.randbytes(pair.dice.randrange(1300)))


def udp_with_a_silence(pair):
    yield 0, True, pair.udp(True, b"before")
    yield SECOND, False, pair.udp(False, b"answer")
    yield 130 * SECOND, True, pair.udp(True, b"after")


def dns(pair):
    pair.dport = DNS_PORT
    ident = pair.dice.randrange(65536)
    name = b"".join(bytes([len(label)]) + label for label in (b"www%d" % pair.dice.randrange(1000), b"example")) + b"\0"
    question = name + struct.pack("!HH", 1, 1)
    yield 0, True, pair.udp(True, struct.pack("!6H", ident, 0x0100, 1, 0, 0, 0) + question)
    answer = struct.pack("!HHHIH4s", 0xC00C, 1, 1, 60, 4, b"\xc6\x33\x64\x07")
    yield pause(pair.dice), False, pair.udp(False, struct.pack("!6H", ident, 0x8180, 1, 1, 0, 0) + question + answer)


def icmp_message(pair, from_client, kind, code, rest):
    proto = ICMP if pair.version == 4 else ICMP6
    message = struct.pack("!BBH", kind, code, 0) + rest
    head = b"" if pair.version == 4 else pair.ip(from_client, proto).pseudo_header(proto, len(message))
    message = message[:2] + struct.pack("!H", packets.checksum(head + message)) + message[4:]
    return pair.ip(from_client, proto, message)


def ping(pair):
    request, reply = (8, 0) if pair.version == 4 else (128, 129)
    for number in range(pair.dice.randrange(1, 6)):
        rest = struct.pack("!HH", pair.sport, number) + pair.dice.randbytes(56)
        yield pause(pair.dice), True, icmp_message(pair, True, request, 0, rest)
        yield pause(pair.dice), False, icmp_message(pair, False, reply, 0, rest)


def only_replies(pair):
    """Whose requests went another way."""
    reply = 0 if pair.version == 4 else 129
    for number in range(2):
        rest = struct.pack("!HH", pair.sport, number) + bytes(56)
        yield pause(pair.dice), False, icmp_message(pair, False, reply, 0, rest)


def unreachable(pair):
    """A datagram, and the error that quotes it."""
    datagram = pair.udp(True, b"is anybody there?")
    yield 0, True, datagram
    kind, code = (3, 3) if pair.version == 4 else (1, 4)
    yield pause(pair.dice), False, icmp_message(pair, False, kind, code, bytes(4) + datagram.raw())


def with_extensions(pair):
    """IPv6: hop-by-hop options, routing and destination options before UDP."""
    options = b"\0\0\1\4\0\0\0\0"
    chains = (((0, options),), ((60, options),), ((0, options), (43, b"\0\0\xfd\0\0\0\0\0"), (60, options)))
    for extensions in chains:
        datagram = pair.udp(True, pair.dice.randbytes(100))
        yield pause(pair.dice), True, datagram.but(extensions=extensions)
        yield pause(pair.dice), False, pair.udp(False, b"answer")


def cut(pair, ip):
    """Its fragments, cut anywhere but none too long for a link, often not in order."""
    cuts = {8 * pair.dice.randrange(1, len(ip.payload) // 8) for _ in range(pair.dice.randrange(1, 4))}
    cuts = sorted(cuts | set(range(1200, len(ip.payload), 1200)))
    pair.ident += 1
    pieces = packets.fragments(ip, cuts, pair.ident)
    if pair.dice.random() < 0.4:
        pair.dice.shuffle(pieces)
    return pieces


def fragments(pair):
    for _ in range(pair.dice.randrange(1, 4)):
        for piece in cut(pair, pair.udp(True, pair.dice.randbytes(pair.dice.randrange(400, 3000)))):
            yield MILLISECOND, True, piece
        yield pause(pair.dice), False, pair.udp(False, b"answer")


def fragments_with_a_gap(pair):
    pieces = packets.fragments(pair.udp(True, bytes(1200)), (400, 800), 4711)
    for piece in (pieces[0], pieces[2]):
        yield MILLISECOND, True, piece
    yield pause(pair.dice), True, pair.udp(True, b"and a whole one")


def fragments_without_a_first(pair):
    for piece in packets.fragments(pair.udp(True, bytes(1200)), (400, 800), 4712)[1:]:
        yield MILLISECOND, True, piece


def sctp(pair):
    for from_client in (True, False, True):
        sport, dport = (pair.sport, pair.dport) if from_client else (pair.dport, pair.sport)
        chunk = struct.pack("!BBHIIHHI", 1 if from_client else 2, 0, 20, 1, 65536, 1, 1, 1)
        common = struct.pack("!HHII", sport, dport, 7, 0)
        yield pause(pair.dice), from_client, pair.ip(from_client, SCTP, common + chunk)


def other_protocol(pair):
    for _ in range(3):
        yield pause(pair.dice), True, pair.ip(True, OSPF, bytes.fromhex("0201002c") + bytes(40))


def tagged(pair):
    pair.vlans = (pair.dice.randrange(1, 4095),)
    yield from tcp(pair)


def tagged_twice(pair):
    pair.vlans = (pair.dice.randrange(1, 4095), pair.dice.randrange(1, 4095))
    yield from udp(pair)


def between_gateways(pair, wrap, proto):
    """Puts `wrap(datagram)` behind the protocol, between two gateways."""
    def around(from_client, ip):
        ends = ipaddress.ip_address("10.20.63.1").packed, ipaddress.ip_address("198.51.100.251").packed
        src, dst = ends if from_client else ends[::-1]
        return Ip(4, src, dst, 64, proto, wrap(ip))
    return around


def gre(pair):
    pair.around = between_gateways(
        pair, lambda ip: struct.pack("!HH", 0, IPV4 if ip.version == 4 else IPV6) + ip.raw(), GRE)
    yield from tcp(pair)


def ip_in_ip(pair):
    pair.around = between_gateways(pair, lambda ip: ip.raw(), IPIP if pair.version == 4 else IPV6_IN_IP)
    yield from udp(pair)


def vxlan(pair):
    def wrap(ip):
        ether = MAC_OUTSIDE + MAC_INSIDE + struct.pack("!H", IPV4 if ip.version == 4 else IPV6)
        payload = struct.pack("!II", 0x08000000, 42 << 8) + ether + ip.raw()
        return struct.pack("!HHHH", 50000, VXLAN_PORT, 8 + len(payload), 0) + payload
    pair.around = between_gateways(pair, wrap, packets.UDP)
    yield from tcp(pair)


BOTH, FOUR, SIX = (4, 6), (4,), (6,)
# How often of a hundred, in which versions of IP.
KINDS = {
    tcp: (26, BOTH), tcp_from_the_middle: (2, BOTH), half_open: (3, BOTH), refused: (3, BOTH), port_reused: (3, BOTH),
    goes_on_after_the_end: (2, BOTH), udp: (12, BOTH), udp_with_a_silence: (1, BOTH), dns: (10, BOTH), ping: (4, BOTH),
    only_replies: (2, BOTH), unreachable: (3, BOTH), with_extensions: (3, SIX), fragments: (5, BOTH),
    fragments_with_a_gap: (2, BOTH), fragments_without_a_first: (1, BOTH), sctp: (3, BOTH), other_protocol: (1, BOTH),
    tagged: (4, BOTH), tagged_twice: (2, BOTH), gre: (3, BOTH), ip_in_ip: (3, BOTH), vxlan: (2, BOTH),
}


def mix(seed, conversations, without=(), over_seconds=60):
    """The frames of so many conversations, of each kind its share and at least one a version, in the order of time."""
    dice = random.Random(seed)
    kinds = {kind: told for kind, told in KINDS.items() if kind not in without}
    chosen = [(kind, version) for kind, (_, versions) in kinds.items() for version in versions]
    shares = [share for share, _ in kinds.values()]
    while len(chosen) < conversations:
        kind = dice.choices(list(kinds), shares)[0]
        chosen.append((kind, dice.choice(kinds[kind][1])))
    sent = []
    for number, (kind, version) in enumerate(chosen):
        pair = Pair(dice, number, version)
        now = BEGIN_NS + dice.randrange(over_seconds * SECOND)
        for wait, from_client, ip in kind(pair):
            now += wait
            sent.append(Sent(now // 1000 * 1000, from_client, pair.frame(from_client, ip)))
    return sorted(sent, key=lambda one: one.time_ns)


def write_pcap(path, sent, snapshot=262144):
    """Of Ethernet, in microseconds."""
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, snapshot, 1))
        for one in sent:
            kept = one.octets[:snapshot]
            file.write(struct.pack("<IIII", one.time_ns // SECOND, one.time_ns % SECOND // 1000, len(kept),
                                   len(one.octets)))
            file.write(kept)

"""IP datagrams, TCP segments and UDP datagrams as values: parsed, changed with `but`, and written
out again with right checksums, or with wrong ones where that is asked for.

Values are never changed in place. `raw()` of each of them is a whole IP datagram.
"""

import dataclasses
import struct

TCP, UDP, FRAGMENT, HOP_BY_HOP, DESTINATION = 6, 17, 44, 0, 60
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
EXTENSIONS = (HOP_BY_HOP, 43, FRAGMENT, DESTINATION)
DONT_FRAGMENT, MORE_FRAGMENTS = 0x4000, 0x2000


def checksum(data):
    """RFC 1071, over a whole number of octets of any count."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


class Value:
    def but(self, **changes):
        """The same with some fields changed."""
        return dataclasses.replace(self, **changes)


@dataclasses.dataclass(frozen=True)
class Ip(Value):
    """An IPv4 or IPv6 datagram or fragment; `extensions` are (header number, octets), IPv6 only."""

    version: int
    src: bytes
    dst: bytes
    ttl: int
    proto: int
    payload: bytes
    ident: int = 0
    flags_offset: int = DONT_FRAGMENT  # IPv4: RFC 791 flags and offset
    extensions: tuple = ()
    sum_error: int = 0  # IPv4: added to the right header checksum

    @classmethod
    def parse(cls, raw):
        if raw[0] >> 4 == 4:
            length, ident, flags_offset, ttl, proto = struct.unpack_from("!HHHBB", raw, 2)
            header = (raw[0] & 15) * 4
            return cls(4, raw[12:16], raw[16:20], ttl, proto, raw[header:length], ident,
                       flags_offset)
        length, proto, ttl = struct.unpack_from("!HBB", raw, 4)
        return cls(6, raw[8:24], raw[24:40], ttl, proto, raw[40:40 + length])

    def raw(self):
        if self.version == 4:
            head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(self.payload), self.ident,
                               self.flags_offset, self.ttl, self.proto, 0, self.src, self.dst)
            told = struct.pack("!H", (checksum(head) + self.sum_error) % 2**16)
            return head[:10] + told + head[12:] + self.payload
        first, body = chain(self.extensions, self.proto)
        body += self.payload
        return struct.pack("!IHBB16s16s", 6 << 28, len(body), first, self.ttl, self.src,
                           self.dst) + body

    def pseudo_header(self, proto, length):
        """RFC 9293 §3.1 and RFC 8200 §8.1."""
        shape = "!4s4sHH" if self.version == 4 else "!16s16sII"
        return struct.pack(shape, self.src, self.dst, *(
            (proto, length) if self.version == 4 else (length, proto)))


def chain(extensions, last):
    """The number of the first of those IPv6 headers, and all of them with their next headers."""
    octets = b""
    for number, body in reversed(extensions):
        octets = bytes([last]) + body[1:] + octets
        last = number
    return last, octets


@dataclasses.dataclass(frozen=True)
class Tcp(Value):
    ip: Ip
    sport: int
    dport: int
    seq: int
    ack: int
    flags: int
    window: int
    urgent: int
    options: bytes
    payload: bytes
    sum_error: int = 0  # added to the right checksum
    words_error: int = 0  # added to the right header length, in words of four octets

    @classmethod
    def parse(cls, ip):
        sport, dport, seq, ack, offset, flags, window, _, urgent = struct.unpack_from(
            "!HHIIBBHHH", ip.payload)
        header = (offset >> 4) * 4
        return cls(ip, sport, dport, seq, ack, flags, window, urgent, ip.payload[20:header],
                   ip.payload[header:])

    def datagram(self):
        options = self.options + b"\0" * (-len(self.options) % 4)
        words = (20 + len(options)) // 4 + self.words_error
        head = struct.pack("!HHIIBBHHH", self.sport, self.dport, self.seq % 2**32,
                           self.ack % 2**32, words << 4, self.flags, self.window, 0, self.urgent)
        segment = head + options + self.payload
        right = checksum(self.ip.pseudo_header(TCP, len(segment)) + segment)
        wrong = struct.pack("!H", (right + self.sum_error) % 2**16)
        return self.ip.but(proto=TCP, payload=segment[:16] + wrong + segment[18:])

    def raw(self):
        return self.datagram().raw()

    def cut(self, *positions):
        """The segments between these positions of the payload, in order; only the last may push
        or finish."""
        edges = [0, *positions, len(self.payload)]
        pieces = []
        for begin, end in zip(edges, edges[1:]):
            flags = self.flags if end == edges[-1] else self.flags & ~(PSH | FIN)
            pieces.append(self.but(seq=self.seq + begin, payload=self.payload[begin:end],
                                   flags=flags))
        return pieces

    def option(self, kind):
        """The place of an option's first octet in `options`, None when it has none."""
        place = 0
        while place < len(self.options) and self.options[place]:
            if self.options[place] == kind:
                return place
            place += 1 if self.options[place] == 1 else max(2, self.options[place + 1])
        return None


@dataclasses.dataclass(frozen=True)
class Udp(Value):
    ip: Ip
    sport: int
    dport: int
    payload: bytes
    sum_error: int = 0
    length_error: int = 0  # added to the right length, after the checksum was taken

    @classmethod
    def parse(cls, ip):
        sport, dport = struct.unpack_from("!HH", ip.payload)
        return cls(ip, sport, dport, ip.payload[8:])

    def datagram(self):
        length = 8 + len(self.payload)
        head = struct.pack("!HHHH", self.sport, self.dport, length, 0)
        right = checksum(self.ip.pseudo_header(UDP, length) + head + self.payload) or 0xFFFF
        told = struct.pack("!HH", (length + self.length_error) % 2**16,
                           (right + self.sum_error) % 2**16)
        return self.ip.but(proto=UDP, payload=head[:4] + told + self.payload)

    def raw(self):
        return self.datagram().raw()


def parse(raw):
    """The value of one IP datagram as a kernel sends it: Tcp, Udp, or Ip for anything else."""
    ip = Ip.parse(raw)
    if ip.proto == TCP:
        return Tcp.parse(ip)
    if ip.proto == UDP:
        return Udp.parse(ip)
    return ip


def fragments(ip, cuts, ident):
    """The fragments of a datagram, cut at these multiples of eight octets of what may be cut."""
    edges = [0, *cuts, len(ip.payload)]
    return [fragment(ip, begin, ip.payload[begin:end], end != edges[-1], ident)
            for begin, end in zip(edges, edges[1:])]


def fragment(ip, offset, octets, more, ident):
    """One fragment that holds `octets` at `offset` (RFC 791 §3.2, RFC 8200 §4.5)."""
    if ip.version == 4:
        return ip.but(payload=octets, ident=ident % 2**16,
                      flags_offset=(MORE_FRAGMENTS if more else 0) | offset // 8)
    body = struct.pack("!BBHI", 0, 0, offset | more, ident)
    return ip.but(payload=octets, extensions=(*ip.extensions, (FRAGMENT, body)))

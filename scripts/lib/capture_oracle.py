"""Reads capture files and counts their IP packets, without libpcap and without Weir.

The second opinion of scripts/check_corpus: plain and slow on purpose, from the formats' own documents
(draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng, RFC 791, RFC 8200, IEEE 802.1Q, RFC 2516, RFC 3032, RFC 4448).
A session counts the outermost datagram, so tunnels over IP need not be known here.
"""
import struct
from typing import NamedTuple

ETHERNET, NULL, PPP, RAW_BSD, RAW, SLL, LOOP, IPV4, IPV6, SLL2 = 1, 0, 9, 12, 101, 113, 108, 228, 229, 276
KNOWN_LINK_TYPES = (ETHERNET, NULL, PPP, RAW_BSD, RAW, SLL, LOOP, IPV4, IPV6, SLL2)
SNAPSHOT_MAX = 262144  # what libpcap takes for a file that says nothing sensible
VLAN_TAGS = (0x8100, 0x88A8, 0x9100)
VLAN_TAGS_MAX = 8
MPLS, PPPOE = (0x8847, 0x8848), 0x8864
MPLS_LABELS_MAX = 16
WRAPS_MAX = 4  # PPPoE headers and MPLS stacks, together
FOLLOWED = (0x0800, 0x86DD, *VLAN_TAGS, *MPLS, PPPOE)
PPP_PROTOCOLS = {0x21: 0x0800, 0x57: 0x86DD, 0x281: 0x8847}


class Record(NamedTuple):
    time_ns: int
    wire_bytes: int
    data: bytes


class Capture:
    """Records up to the end of the file or its first fault; `fault` says why it ended early."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self._bytes = file.read()
        self.link_type = None
        self.fault = None
        self.records = []
        magic = self._bytes[:4]
        if magic == b"\x0a\x0d\x0d\x0a":
            self._read_pcapng()
        elif magic in _PCAP_MAGICS:
            self._read_pcap(*_PCAP_MAGICS[magic])
        else:
            self.fault = "not a capture"

    def _read_pcap(self, order, tick_ns, record_header_bytes):
        if len(self._bytes) < 24:
            self.fault = "not a capture"
            return
        (minor,) = struct.unpack_from(order + "H", self._bytes, 6)
        snapshot, link_type = struct.unpack_from(order + "II", self._bytes, 16)
        self.link_type = link_type & 0xFFFF
        snapshot = snapshot if 0 < snapshot <= SNAPSHOT_MAX else SNAPSHOT_MAX
        at = 24
        while at < len(self._bytes):
            if at + record_header_bytes > len(self._bytes):
                self.fault = "cut in a record's header"
                return
            seconds, fraction, captured, wire = struct.unpack_from(order + "IIII", self._bytes, at)
            at += record_header_bytes
            # Before version 2.3 the lengths stood the other way round; programs of 2.3 wrote both.
            if minor < 3 or (minor == 3 and captured > wire):
                captured, wire = wire, captured
            if captured > SNAPSHOT_MAX:
                self.fault = "a record longer than any"
                return
            if at + captured > len(self._bytes):
                self.fault = "cut in a record"
                return
            data = self._bytes[at : at + min(captured, snapshot)]
            self.records.append(Record(seconds * 10**9 + fraction * tick_ns, wire, data))
            at += captured

    def _read_pcapng(self):
        at, order, interfaces = 0, "<", []
        while at < len(self._bytes):
            if at + 12 > len(self._bytes):
                self.fault = "cut in a block's header"
                return
            if self._bytes[at : at + 4] == b"\x0a\x0d\x0d\x0a":
                order = "<" if self._bytes[at + 8 : at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
                interfaces = []
            kind, length = struct.unpack_from(order + "II", self._bytes, at)
            if length < 12 or length % 4 or at + length > len(self._bytes):
                self.fault = "cut in a block"
                return
            body = self._bytes[at + 8 : at + length - 4]
            if kind == 1:
                interfaces.append(_Interface(order, body))
                if self.link_type is None:
                    self.link_type = interfaces[0].link_type
                elif interfaces[-1].link_type != self.link_type:
                    self.fault = "interfaces of several link types"
                    return
            elif kind in (2, 3, 6):
                record = _pcapng_record(kind, order, body, interfaces)
                if record is None:
                    self.fault = "a packet of no interface"
                    return
                self.records.append(record)
            at += length


_PCAP_MAGICS = {
    b"\xd4\xc3\xb2\xa1": ("<", 1000, 16),
    b"\xa1\xb2\xc3\xd4": (">", 1000, 16),
    b"\x4d\x3c\xb2\xa1": ("<", 1, 16),
    b"\xa1\xb2\x3c\x4d": (">", 1, 16),
    b"\x34\xcd\xb2\xa1": ("<", 1000, 24),
    b"\xa1\xb2\xcd\x34": (">", 1000, 24),
}


class _Interface:
    def __init__(self, order, body):
        self.link_type, _, self.snapshot = struct.unpack_from(order + "HHI", body)
        self.ticks_per_second, self.offset_s = 10**6, 0
        at = 8
        while at + 4 <= len(body):
            code, length = struct.unpack_from(order + "HH", body, at)
            value = body[at + 4 : at + 4 + length]
            if code == 9 and value:  # if_tsresol
                exponent = value[0] & 0x7F
                self.ticks_per_second = 2**exponent if value[0] & 0x80 else 10**exponent
            elif code == 14 and length == 8:  # if_tsoffset
                self.offset_s = struct.unpack(order + "q", value)[0]
            elif code == 0:
                break
            at += 4 + (length + 3) // 4 * 4

    def time_ns(self, ticks):
        seconds, rest = divmod(ticks, self.ticks_per_second)
        return (seconds + self.offset_s) * 10**9 + rest * 10**9 // self.ticks_per_second


def _pcapng_record(kind, order, body, interfaces):
    if kind == 3:  # simple packet: the first interface, no time
        if not interfaces:
            return None
        (wire,) = struct.unpack_from(order + "I", body)
        captured = min(wire, interfaces[0].snapshot or wire, len(body) - 4)
        return Record(0, wire, body[4 : 4 + captured])
    if kind == 6:
        number, high, low, captured, wire = struct.unpack_from(order + "IIIII", body)
    else:  # the old packet block
        number, _, high, low, captured, wire = struct.unpack_from(order + "HHIIII", body)
    if number >= len(interfaces) or 20 + captured > len(body):
        return None
    return Record(interfaces[number].time_ns(high << 32 | low), wire, body[20 : 20 + captured])


def _number(data, at, length=2):
    """Big-endian; None where the data ends before."""
    return int.from_bytes(data[at : at + length], "big") if at + length <= len(data) else None


def _ppp(data, at):
    """(EtherType, offset) behind a PPP protocol field, which may be one byte long."""
    compressed = at < len(data) and data[at] & 1
    protocol = _number(data, at, 1 if compressed else 2)
    return PPP_PROTOCOLS.get(protocol), at + (1 if compressed else 2)


def _link_part(link_type, data):
    """(EtherType, offset) of what is behind the capture's own link header; the type None: nothing known."""
    if link_type in (RAW, RAW_BSD, IPV4, IPV6):
        version = data[0] >> 4 if data else 0
        return {4: 0x0800, 6: 0x86DD}.get(version), 0
    if link_type in (NULL, LOOP):
        if len(data) < 4:
            return None, 0
        family = min(struct.unpack("<I", data[:4])[0], struct.unpack(">I", data[:4])[0])
        return {2: 0x0800, 10: 0x86DD, 24: 0x86DD, 28: 0x86DD, 30: 0x86DD}.get(family), 4
    if link_type == PPP:
        return _ppp(data, 2 if data[:2] == b"\xff\x03" else 0)
    at, end = {ETHERNET: (12, 14), SLL: (14, 16), SLL2: (0, 20)}[link_type]
    return (_number(data, at), end) if len(data) >= end else (None, 0)


def _behind_tags(data, ether_type, at):
    for _ in range(VLAN_TAGS_MAX):
        if ether_type not in VLAN_TAGS:
            break
        ether_type, at = _number(data, at + 2), at + 4
    return ether_type, at


def _sound(data, at, end, version, guessed):
    """A whole IP header of this version, claiming no more than there is."""
    ip = data[at:end]
    if version == 6:
        if len(ip) < 40 or ip[0] >> 4 != 6:
            return False
        jumbogram = ip[4:7] == b"\0\0\0"
        return jumbogram or 40 + _number(ip, 4) <= end - at
    header = (ip[0] & 15) * 4 if ip else 0
    if len(ip) < max(20, header) or ip[0] >> 4 != 4 or not 20 <= header <= _number(ip, 2) <= end - at:
        return False
    total = sum(_number(ip, word) for word in range(0, header, 2))
    return not guessed or total % 0xFFFF == 0


def _behind_labels(data, at, end):
    """(EtherType, offset, guessed) of what an MPLS label stack carries."""
    for _ in range(MPLS_LABELS_MAX):
        label = _number(data, at, 4)
        if label is None:
            return None, at, True
        at += 4
        if label & 0x100:
            break
    else:
        return None, at, True
    version = data[at] >> 4 if at < len(data) else 0
    is_ip = version in (4, 6) and _sound(data, at, end, version, guessed=True)
    bare = _number(data, at + 12)
    controlled = _number(data, at + 16) if _number(data, at) == 0 else None
    if controlled in FOLLOWED:
        wire = controlled, at + 18, True
    elif bare in FOLLOWED:
        wire = bare, at + 14, True
    else:
        wire = None, at, True
    fills = version == 4 or end - at <= 46 or (is_ip and 40 + _number(data, at + 4) == end - at)
    if is_ip and (wire[0] is None or fills):
        return (0x0800 if version == 4 else 0x86DD), at, True
    return wire


def network_part(link_type, record):
    """(EtherType, offset, end on the wire) of the outermost IP datagram, or None."""
    data, end = record.data, max(record.wire_bytes, len(record.data))
    ether_type, at = _behind_tags(data, *_link_part(link_type, data))
    wraps, guessed = 0, False
    while ether_type in MPLS or ether_type == PPPOE or (wraps and ether_type in VLAN_TAGS):
        if ether_type in VLAN_TAGS:
            ether_type, at = _behind_tags(data, ether_type, at)
            if ether_type in VLAN_TAGS:
                return None
            continue
        wraps += 1
        if wraps > WRAPS_MAX:
            return None
        if ether_type == PPPOE:
            length = _number(data, at + 4)
            if length is None or data[at : at + 2] != b"\x11\0" or at + 6 + length > end:
                return None
            end = at + 6 + length
            ether_type, at = _ppp(data[:end], at + 6)
        else:
            ether_type, at, guessed = _behind_labels(data, at, end)
    if ether_type not in (0x0800, 0x86DD):
        return None
    if wraps and not _sound(data, at, end, 4 if ether_type == 0x0800 else 6, guessed):
        return None
    return ether_type, at, end


def _is_neighbor_discovery(ip):
    """RFC 4861, where no router would forward it: the link's own, and no session."""
    if len(ip) < 44 or ip[6] != 58 or ip[7] != 255 or not 133 <= ip[40] <= 137 or ip[41] != 0:
        return False
    source, target = ip[8:24], ip[24:40]
    return target[0] == 0xFF or any(a[0] == 0xFE and a[1] & 0xC0 == 0x80 for a in (source, target))


def ip_bytes(link_type, record):
    """Length of the record's outermost IP datagram, never more than was on the wire; None: no session."""
    part = network_part(link_type, record)
    if part is None:
        return None
    ether_type, at, end = part
    ip, on_wire = record.data[at:end], end - at
    if ether_type == 0x0800:
        if len(ip) < 20 or ip[0] >> 4 != 4:
            return None
        header, claimed = (ip[0] & 15) * 4, int.from_bytes(ip[2:4], "big")
        length = min(claimed, on_wire) if claimed else on_wire
        return length if 20 <= header <= min(length, len(ip)) else None
    if len(ip) < 40 or ip[0] >> 4 != 6:
        return None
    payload = int.from_bytes(ip[4:6], "big")
    jumbogram = payload == 0 and ip[6] == 0
    length = on_wire if jumbogram else min(40 + payload, on_wire)
    return None if _is_neighbor_discovery(ip[:length]) else length


def ip_totals(capture):
    """(packets, bytes) of all IP datagrams of the capture."""
    lengths = [ip_bytes(capture.link_type, record) for record in capture.records]
    lengths = [length for length in lengths if length is not None]
    return len(lengths), sum(lengths)

"""Strategies that send what the server must not take: fakes, each made unacceptable to the server
(or to the way there) by one of zapret's "foolings", so that only an observer believes them.

zapret: fake, fakedsplit, fakeddisorder, hostfakesplit, rst, rstack, syndata, synack. Geneva: the
same as trees of duplicate and tamper. GoodbyeDPI: --wrong-chksum, --wrong-seq, --set-ttl.
"""

import functools
import os
import random
import ssl
import string
import struct

from .packets import ACK, FIN, RST, SYN
from .segments import host_begin, host_end, host_middle
from .strategy import HTTP, TLS, Strategy

TCP = (HTTP, TLS)
MD5_OPTION, TIMESTAMP_OPTION = 19, 8
BAD_SEQ, BAD_ACK, OLD_TS = -10000, -66000, -600000  # nfqws' defaults


@functools.cache  # the mangler's thread has other packets to see to
def client_hello(name):
    """A real ClientHello that asks for that name, as one record."""
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    session = context.wrap_bio(into, out, server_hostname=name.decode())
    try:
        session.do_handshake()
    except ssl.SSLWantReadError:
        pass  # it has said its first words, and waits for the server's
    return out.read()


def decoy_request(packet, flow):
    """A request for the allowed name in the same protocol."""
    if packet.dport == 443:
        return client_hello(flow.decoy)
    return b"GET / HTTP/1.1\r\nHost: " + flow.decoy + b"\r\nUser-Agent: curl/7.88.1\r\n\r\n"


def same_length(octets, length):
    """Cut, or followed by zeros, so that the fake covers just what the true one takes."""
    return octets[:length].ljust(length, b"\0")


# ---------------------------------------------------------------------------- foolings
# Each takes a segment and makes it one that no server takes.

def low_ttl(hops):
    return lambda packet: packet.but(ip=packet.ip.but(ttl=hops))


def bad_sum(packet):
    return packet.but(sum_error=0x1234)


def bad_seq(packet):
    return packet.but(seq=packet.seq + BAD_SEQ)


def bad_ack(packet):
    return packet.but(ack=packet.ack + BAD_ACK)


def far_ahead(packet):
    return packet.but(seq=packet.seq + 0x10000000)


def md5_signed(packet):
    """RFC 2385, with a signature that the server, having no key, refuses."""
    option = struct.pack("!BB", MD5_OPTION, 18) + os.urandom(16)
    aligned = packet.options + b"\1" * (-len(packet.options) % 4)
    return packet.but(options=aligned + option + b"\1\1")


def old_timestamp(packet):
    """RFC 7323 §5.3: older than the last one, so the server takes it for a duplicate."""
    place = packet.option(TIMESTAMP_OPTION)
    if place is None:
        return bad_sum(packet)
    value = struct.unpack_from("!I", packet.options, place + 2)[0]
    old = struct.pack("!I", (value + OLD_TS) % 2**32)
    return packet.but(options=packet.options[:place + 2] + old + packet.options[place + 6:])


def bad_ip_sum(packet):
    return packet.but(ip=packet.ip.but(sum_error=0x1234))


def bad_offset(packet):
    """A TCP header that claims to be shorter than one can be."""
    return packet.but(words_error=4 - (20 + len(packet.options) + 3) // 4)


def syn_flag(packet):
    """In the middle of a connection: a server answers with its own numbers and takes nothing."""
    return packet.but(flags=packet.flags | SYN)


def no_flags(packet):
    return packet.but(flags=0, ack=0)


def no_ack(packet):
    return packet.but(flags=packet.flags & ~ACK, ack=0)


FOOLINGS = {
    "ttl 1": low_ttl(1), "ttl 2": low_ttl(2), "ttl 3": low_ttl(3), "badsum": bad_sum,
    "badseq": bad_seq, "badack": bad_ack, "md5sig": md5_signed, "ts": old_timestamp,
    "datanoack": no_ack, "no flags": no_flags, "syn flag": syn_flag, "out of window": far_ahead,
    "bad IP checksum": bad_ip_sum, "bad header length": bad_offset,
}
# These reach no server, but nobody before the router can know: the true octets may have to wait.
HIDDEN = ("ttl 1", "ttl 2", "ttl 3")


# ---------------------------------------------------------------------------- strategies

def fake(fooling):
    """A decoy in the place of the request, then the request."""
    def act(packet, flow):
        decoy = same_length(decoy_request(packet, flow), len(packet.payload))
        return [fooling(packet.but(payload=decoy)), packet]
    return act


def fake_garbage(fooling):
    return lambda packet, flow: [
        fooling(packet.but(payload=os.urandom(len(packet.payload)))), packet]


def fake_and_disorder(fooling):
    """The common mix of zapret: fake, then the request in two parts, the second first."""
    def act(packet, flow):
        first, second = packet.cut(host_middle(packet, flow))
        return [*fake(fooling)(packet, flow)[:1], second, first]
    return act


def faked(piece, fooling):
    """zapret's fakedsplit around each piece: garbage, the piece, garbage."""
    garbage = fooling(piece.but(payload=os.urandom(len(piece.payload))))
    return [garbage, piece, garbage]


def faked_split(fooling):
    def act(packet, flow):
        first, second = packet.cut(host_middle(packet, flow))
        return faked(first, fooling) + faked(second, fooling)
    return act


def faked_disorder(fooling):
    def act(packet, flow):
        first, second = packet.cut(host_middle(packet, flow))
        return faked(second, fooling) + faked(first, fooling)
    return act


def host_fake_split(fooling):
    """Only the host name is faked, by another of its length."""
    def act(packet, flow):
        before, host, after = packet.cut(host_begin(packet, flow), host_end(packet, flow))
        length = len(host.payload)
        other = "".join(random.choices(string.ascii_lowercase, k=max(1, length - 4))) + ".com"
        decoy = fooling(host.but(payload=other.encode()[-length:]))
        return [before, decoy, host, decoy, after]
    return act


def control_fake(flags, fooling):
    """An empty segment with those flags, then the request."""
    return lambda packet, flow: [fooling(packet.but(flags=flags, payload=b"")), packet]


def fin_with_decoy(packet, flow):
    decoy = decoy_request(packet, flow)
    return [low_ttl(2)(packet.but(flags=FIN | ACK, payload=decoy)), packet]


def syn_again(packet, flow):
    """A new handshake seems to begin, with other numbers, and a decoy in it."""
    syn = packet.but(flags=SYN, seq=packet.seq + 0x12345, ack=0, payload=b"")
    data = packet.but(seq=packet.seq + 0x12346, payload=decoy_request(packet, flow))
    return [low_ttl(2)(syn), low_ttl(2)(data), packet]


def from_the_server(packet, flow):
    """As if the server had answered, or closed, with the client's own port on the wire."""
    back = packet.but(ip=packet.ip.but(src=packet.ip.dst, dst=packet.ip.src), sport=packet.dport,
                      dport=packet.sport, seq=packet.ack, ack=packet.seq)
    return [back.but(payload=b"HTTP/1.1 200 OK\r\n\r\n"), back.but(flags=RST | ACK, payload=b""),
            packet]


def syn_with_decoy(packet, flow):
    """zapret syndata: the server has no cookie from us, so it takes the SYN and not the data."""
    return [packet.but(payload=decoy_request(packet, flow))]


def syn_ack_first(packet, flow):
    """zapret synack: who is the client is turned round for an observer."""
    decoy = packet.but(flags=SYN | ACK, ack=random.getrandbits(32))
    return [low_ttl(2)(decoy), packet]


def fake_syn_first(packet, flow):
    """Another sequence number in a SYN that does not arrive."""
    return [low_ttl(2)(packet.but(seq=packet.seq + 0x10000)), packet]


def of_each_fooling(title, make, names):
    return [Strategy(f"{title}, {name}", TCP, "fakes", data=make(FOOLINGS[name]),
                     conflicting=name in HIDDEN) for name in names]


ALL = [
    *of_each_fooling("fake", fake, FOOLINGS),
    *of_each_fooling("fake of garbage", fake_garbage, ("ttl 2", "badsum", "md5sig")),
    *of_each_fooling("fake and disorder", fake_and_disorder, ("ttl 2", "badseq", "md5sig")),
    *of_each_fooling("fakedsplit", faked_split, ("ttl 2", "badsum", "badseq", "md5sig", "ts",
                                                 "datanoack")),
    *of_each_fooling("fakeddisorder", faked_disorder, ("ttl 2", "badsum", "badseq", "md5sig",
                                                       "ts", "datanoack")),
    *of_each_fooling("hostfakesplit", host_fake_split, ("ttl 2", "badsum", "badseq", "md5sig",
                                                        "ts", "datanoack")),
    *(Strategy(f"{title}, {name}", TCP, "fakes", data=control_fake(flags, FOOLINGS[name]))
      for title, flags in (("rst", RST), ("rstack", RST | ACK), ("fin", FIN | ACK))
      for name in ("ttl 2", "badsum", "badseq", "md5sig")),
    Strategy("fin with a decoy, ttl 2", TCP, "fakes", data=fin_with_decoy, conflicting=True),
    Strategy("a second handshake with a decoy, ttl 2", TCP, "fakes", data=syn_again),
    Strategy("answer and rst as from the server", TCP, "fakes", data=from_the_server),
    Strategy("syndata: a decoy in the SYN", TCP, "fakes", syn=syn_with_decoy, conflicting=True),
    Strategy("synack before the SYN, ttl 2", TCP, "fakes", syn=syn_ack_first),
    Strategy("SYN with another number first, ttl 2", TCP, "fakes", syn=fake_syn_first),
    Strategy("IPv6: fake, hop limit 2", TCP, "fakes", data=fake(low_ttl(2)), family=6,
             conflicting=True),
    Strategy("IPv6: fake, badsum", TCP, "fakes", data=fake(bad_sum), family=6),
]

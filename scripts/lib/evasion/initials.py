"""Strategies on QUIC: fakes and noise before the Initial, its CRYPTO data cut, reordered and spread
over several Initials, odd UDP lengths, version negotiation, Retry.

zapret: fake, udplen, ipfrag for UDP; byedpi: udp-fake. Browsers cut and mix CRYPTO frames too.
"""

import os
import random

from . import quic_crypto
from .fakes import bad_sum, client_hello, low_ttl
from .mangler import Pause
from .quic_crypto import Initial, Keys, crypto_frame, crypto_octets, is_initial
from .strategy import QUIC, RETRY_SERVER, Strategy

RECORD_HEADER = 5
DATAGRAM = 1200  # RFC 9000 §14.1: an Initial fills at least that
OVERHEAD = 100  # of it at most for header and tag
ACK_FRAMES = (2, 3)
ETH_PADDING = b"\0" * 12
ZERO_RTT = ("--session-file={file}.session", "--tp-file={file}.parameters")


def decoy_initial(decoy, dcid=None):
    """An Initial that asks for the decoy, of a connection of its own unless one is given."""
    dcid = dcid or os.urandom(8)
    frames = crypto_frame(0, client_hello(decoy)[RECORD_HEADER:])
    initial = Initial(dcid, os.urandom(8), b"", 0, padded(frames))
    return initial.sealed(Keys(dcid, b"client"))


def padded(frames):
    return frames.ljust(DATAGRAM - OVERHEAD, b"\0")


def on_first_initial(act):
    """Only the first Initial of a connection is changed; what follows goes as it is."""
    def act_once(packet, flow):
        if flow.sent != 1 or not is_initial(packet.payload):
            return [packet]
        return act(packet, flow)
    return act_once


def noise(*sizes):
    return on_first_initial(lambda packet, flow: [
        *(packet.but(payload=os.urandom(size)) for size in sizes), packet])


def fake(fooling, same_connection=False, count=1):
    def act(packet, flow):
        place = 6 + packet.payload[5]
        dcid = packet.payload[6:place] if same_connection else None
        return [*(fooling(packet.but(payload=decoy_initial(flow.decoy, dcid)))
                  for _ in range(count)), packet]
    return on_first_initial(act)


def arrives(packet):
    return packet


def reframed(frames_of):
    """The same Initial with its CRYPTO data in the frames that frames_of(data) returns."""
    def act(packet, flow):
        initial, rest = quic_crypto.opened(packet.payload)
        data = crypto_octets(initial.frames)
        if not data:
            return [packet]
        frames = padded(frames_of(data))
        sealed = initial.but(frames=frames).sealed(Keys(initial.dcid, b"client"))
        return [packet.but(payload=sealed + rest)]
    return on_first_initial(act)


def early_data_first(packet, flow):
    """What follows the Initial in its datagram, here 0-RTT, in a datagram before it."""
    initial, rest = quic_crypto.opened(packet.payload)
    full = initial.but(frames=padded(initial.frames)).sealed(Keys(initial.dcid, b"client"))
    return [packet.but(payload=rest), packet.but(payload=full)]


def cut(data, count):
    """(offset, octets) of that many pieces; one cut is where a name at the end has its middle."""
    edges = sorted({len(data) * number // count for number in range(count)} | {len(data)})
    return [(begin, data[begin:end]) for begin, end in zip(edges, edges[1:])]


def mixed_frames(data):
    """As browsers do: small frames in any order, pings and padding between them."""
    pieces = cut(data, 12)
    random.shuffle(pieces)
    return b"".join(bytes(random.randrange(4)) + b"\1" + crypto_frame(*piece) for piece in pieces)


def overlapping_frames(data):
    """Pieces that overlap each other with the same octets, the last first."""
    middle = len(data) // 2
    return crypto_frame(middle, data[middle:]) + crypto_frame(0, data[:middle + 20])


# ---------------------------------------------------------------------------- several Initials
# The client sends one Initial, the wire has several: from then on the client's packet numbers are
# shifted on their way out, and the server's acknowledgements on their way back.

def spread(count, order, pause=0.0):
    """The CRYPTO data in `count` Initials, sent in the order that order(list) returns."""
    def act(packet, flow):
        if not is_initial(packet.payload):
            return [packet]
        if "keys" not in flow.notes:
            return first(packet, flow)
        initial, rest = quic_crypto.opened(packet.payload, flow.notes["keys"])
        later = initial.but(number=initial.number + count - 1)
        return [packet.but(payload=later.sealed(flow.notes["keys"]) + rest)]

    def first(packet, flow):
        initial, _ = quic_crypto.opened(packet.payload)
        data = crypto_octets(initial.frames)
        if not data:
            return [packet]
        flow.notes["keys"] = keys = Keys(initial.dcid, b"client")
        flow.notes["server"] = Keys(initial.dcid, b"server")
        flow.notes["added"] = count - 1
        pieces = order(cut(data, count))
        out = []
        for number, piece in enumerate(pieces):
            one = initial.but(number=number, frames=padded(crypto_frame(*piece)))
            out += [packet.but(payload=one.sealed(keys)), Pause(pause)]
        return out
    return act


def acknowledged(packet, flow):
    """The server's Initials with the acknowledgements that the client can understand."""
    if "server" not in flow.notes or not is_initial(packet.payload):
        return [packet]
    initial, rest = quic_crypto.opened(packet.payload, flow.notes["server"])
    frames = shifted_ack(initial.frames, flow.notes["added"])
    return [packet.but(payload=initial.but(frames=frames).sealed(flow.notes["server"]) + rest)]


def shifted_ack(frames, added):
    """An ACK frame at the beginning (RFC 9000 §19.3) for packet numbers less by `added`. While the
    added ones are still on their way there is nothing to tell, and it becomes padding."""
    if not frames or frames[0] not in ACK_FRAMES:
        return frames
    largest, place = quic_crypto.read_varint(frames, 1)
    _, place = quic_crypto.read_varint(frames, place)
    ranges, place = quic_crypto.read_varint(frames, place)
    length, end = quic_crypto.read_varint(frames, place)
    if largest >= added and ranges == 0 and max(largest, length) < 64:
        return b"".join((frames[:1], bytes([largest - added]), frames[2:place],
                         bytes([max(0, length - added)]), frames[end:]))
    for _ in range(2 * ranges + (3 if frames[0] == 3 else 0)):
        _, end = quic_crypto.read_varint(frames, end)
    return bytes(end) + frames[end:]


# ---------------------------------------------------------------------------- UDP

def longer(count):
    """zapret udplen: octets after the QUIC packet, inside the UDP datagram."""
    return on_first_initial(lambda packet, flow: [packet.but(payload=packet.payload
                                                             + os.urandom(count))])


def beyond_udp(packet, flow):
    """Octets after the UDP datagram, inside the IP datagram; a kernel ignores them."""
    whole = packet.datagram()
    return [whole.but(payload=whole.payload + ETH_PADDING)]


def no_checksum(packet, flow):
    """RFC 768: zero says that the sender made none; IPv4 only."""
    right = int.from_bytes(packet.datagram().payload[6:8], "big")
    return [packet.but(sum_error=-right)]


def twice(packet, flow):
    return [packet, packet]


def quic(name, act, **more):
    return Strategy(name, (QUIC,), "QUIC", datagram=act, **more)


def spread_over(name, count, order, pause=0.0):
    return quic(name, spread(count, order, pause), reply=acknowledged)


ALL = [
    quic("noise first: 64 octets", noise(64)),
    quic("noise first: three datagrams of 1,200 octets", noise(1200, 1200, 1200)),
    quic("noise first: sixteen datagrams", noise(*range(20, 340, 20))),
    quic("fake Initial, ttl 2", fake(low_ttl(2))),
    quic("six fake Initials, ttl 2", fake(low_ttl(2), count=6)),
    quic("fake Initial, badsum", fake(bad_sum)),
    quic("fake Initial that arrives", fake(arrives)),
    quic("fake Initial of the same connection, ttl 2", fake(low_ttl(2), same_connection=True),
         conflicting=True),
    quic("fake Initial of the same connection, badsum", fake(bad_sum, same_connection=True)),
    quic("CRYPTO frames in any order, pings and padding between", reframed(mixed_frames)),
    quic("CRYPTO frames that overlap, same octets", reframed(overlapping_frames)),
    spread_over("CRYPTO data in two Initials", 2, list),
    spread_over("CRYPTO data in two Initials, the second first", 2, lambda all: all[::-1]),
    spread_over("CRYPTO data in two Initials, a pause between", 2, list, 0.1),
    spread_over("CRYPTO data in four Initials, the last first", 4, lambda all: all[::-1]),
    quic("every datagram twice", twice),
    quic("udplen: 25 octets more", longer(25)),
    quic("octets after the UDP datagram", beyond_udp),
    quic("UDP without a checksum", no_checksum),
    quic("version 2 (draft)", None, client=("--version=v2draft",)),
    quic("Retry", None, server=RETRY_SERVER),
    quic("Retry, every datagram twice", twice, server=RETRY_SERVER),
    quic("0-RTT", None, prime=True, client=ZERO_RTT),
    quic("0-RTT before the Initial", on_first_initial(early_data_first), prime=True,
         client=ZERO_RTT),
    quic("version negotiation first", None,
         client=("--version=0x1a2a3a4a", "--preferred-versions=v1")),
]

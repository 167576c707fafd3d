"""How much of a request for a host name the server's application has read.

NOTHING: not the name. NAME: its octets, but so little after them that the application cannot act
on it, as the line or message it stands in is not complete. REQUEST: the complete line or message.
"""

import enum
import re

HEXDUMP = re.compile(rb"^[0-9a-f]{8}  ((?:[0-9a-f]{2} +)+) *\|")
INITIAL_CRYPTO = b"Ordered CRYPTO data in Initial crypto level\n"
HANDSHAKE, CLIENT_HELLO = 22, 1


class Seen(enum.IntEnum):
    NOTHING = 0
    NAME = 1
    REQUEST = 2


def in_http(data, name):
    """One octet after the name shows where it ends: that is all a server needs of the line."""
    text = bytes(data).lower()
    if name not in text:
        return Seen.NOTHING
    return Seen.NAME if text.endswith(name) and text.count(name) == 1 else Seen.REQUEST


def in_tls(data, name):
    """In the handshake messages, whatever records they came in."""
    data = bytes(data)
    return max(in_hello(handshake(data), name), Seen.NAME if name in data.lower() else 0)


def handshake(data):
    """The contents of the leading handshake records, put together (RFC 8446 §5.1); the last may
    be cut off."""
    contents = b""
    while len(data) > 5 and data[0] == HANDSHAKE:
        length = int.from_bytes(data[3:5], "big")
        contents += data[5:5 + length]
        data = data[5 + length:]
    return contents


def in_hello(messages, name):
    """In octets that begin with a ClientHello (RFC 8446 §4), whole or not."""
    if name not in messages.lower():
        return Seen.NOTHING
    length = 4 + int.from_bytes(messages[1:4], "big")
    whole = messages[0] == CLIENT_HELLO and len(messages) >= length
    return Seen.REQUEST if whole else Seen.NAME


def in_dns(data, name):
    """In the messages of a TCP connection (RFC 1035 §4.2.2)."""
    data = bytes(data).lower()
    labels = b"".join(bytes([len(label)]) + label for label in name.split(b"."))
    place = 0
    while place + 2 <= len(data):
        end = place + 2 + int.from_bytes(data[place:place + 2], "big")
        if labels in data[place:end] and end <= len(data):
            return Seen.REQUEST
        place = end
    return Seen.NAME if labels in data else Seen.NOTHING


def in_quic(log, name):
    """In the CRYPTO data that gtlsserver, by its log, took from Initial packets."""
    return in_hello(b"".join(dumped(part) for part in log.split(INITIAL_CRYPTO)[1:]), name)


def dumped(part):
    """The octets of the hex dump that `part` begins with."""
    octets = b""
    for line in part.split(b"\n"):
        match = HEXDUMP.match(line)
        if not match:
            break
        octets += bytes.fromhex(match[1].decode())
    return octets

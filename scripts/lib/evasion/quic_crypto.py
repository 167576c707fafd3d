"""QUIC Initial packets, opened and made (RFC 9001 §5), with the system's libcrypto.

Anybody on the path can do this: the keys follow from the client's first connection id.
"""

import ctypes
import ctypes.util
import dataclasses
import hashlib
import hmac

from .packets import Value

SALT = {1: bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a")}
TAG, SAMPLE = 16, 16
SET_IV_LENGTH, GET_TAG, SET_TAG = 9, 16, 17  # EVP_CTRL_AEAD_…
CRYPTO, PING, PADDING = 6, 1, 0

crypto = ctypes.CDLL(ctypes.util.find_library("crypto") or "libcrypto.so.3")
for function in ("EVP_CIPHER_CTX_new", "EVP_aes_128_ecb", "EVP_aes_128_gcm"):
    getattr(crypto, function).restype = ctypes.c_void_p
for function in ("EVP_CipherInit_ex", "EVP_CipherUpdate", "EVP_CipherFinal_ex",
                 "EVP_CIPHER_CTX_ctrl", "EVP_CIPHER_CTX_free"):
    getattr(crypto, function).argtypes = {
        "EVP_CipherInit_ex": [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p,
                              ctypes.c_char_p, ctypes.c_int],
        "EVP_CipherUpdate": [ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(ctypes.c_int),
                             ctypes.c_char_p, ctypes.c_int],
        "EVP_CipherFinal_ex": [ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(ctypes.c_int)],
        "EVP_CIPHER_CTX_ctrl": [ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_char_p],
        "EVP_CIPHER_CTX_free": [ctypes.c_void_p],
    }[function]


class Cipher:
    """One use of an EVP cipher; `encrypt` is 1 or 0."""

    def __init__(self, kind, key, nonce, encrypt):
        self.context = crypto.EVP_CIPHER_CTX_new()
        self.must(crypto.EVP_CipherInit_ex(self.context, kind, None, key, nonce, encrypt))

    def must(self, result):
        if result != 1:
            raise ValueError("libcrypto refuses")

    def update(self, octets):
        out = ctypes.create_string_buffer(len(octets) + 16)
        length = ctypes.c_int()
        self.must(crypto.EVP_CipherUpdate(self.context, out, ctypes.byref(length), octets,
                                          len(octets)))
        return out.raw[:length.value]

    def authenticate(self, octets):
        length = ctypes.c_int()
        self.must(crypto.EVP_CipherUpdate(self.context, None, ctypes.byref(length), octets,
                                          len(octets)))

    def final(self):
        self.must(crypto.EVP_CipherFinal_ex(self.context, ctypes.create_string_buffer(16),
                                            ctypes.byref(ctypes.c_int())))

    def control(self, what, octets):
        self.must(crypto.EVP_CIPHER_CTX_ctrl(self.context, what, len(octets), octets))

    def __del__(self):
        crypto.EVP_CIPHER_CTX_free(self.context)


def ecb(key, block):
    return Cipher(crypto.EVP_aes_128_ecb(), key, None, 1).update(block)[:16]


def seal(key, nonce, header, plain):
    cipher = Cipher(crypto.EVP_aes_128_gcm(), key, nonce, 1)
    cipher.authenticate(header)
    sealed = cipher.update(plain)
    cipher.final()
    tag = ctypes.create_string_buffer(TAG)
    cipher.must(crypto.EVP_CIPHER_CTX_ctrl(cipher.context, GET_TAG, TAG, tag))
    return sealed + tag.raw


def unseal(key, nonce, header, sealed):
    """Raises ValueError when the tag is not right."""
    cipher = Cipher(crypto.EVP_aes_128_gcm(), key, nonce, 0)
    cipher.authenticate(header)
    plain = cipher.update(sealed[:-TAG])
    cipher.control(SET_TAG, sealed[-TAG:])
    cipher.final()
    return plain


def expand(secret, label, length):
    """HKDF-Expand-Label of RFC 8446 §7.1, without a context, for at most 32 octets."""
    label = b"tls13 " + label
    info = length.to_bytes(2, "big") + bytes([len(label)]) + label + b"\0\1"
    return hmac.digest(secret, info, hashlib.sha256)[:length]


class Keys:
    """The Initial keys of one side, `client` or `server`."""

    def __init__(self, client_dcid, side):
        initial = hmac.digest(SALT[1], client_dcid, hashlib.sha256)
        secret = expand(initial, side + b" in", 32)
        self.key = expand(secret, b"quic key", 16)
        self.iv = expand(secret, b"quic iv", 12)
        self.mask_key = expand(secret, b"quic hp", 16)

    def nonce(self, number):
        return bytes(a ^ b for a, b in zip(self.iv, number.to_bytes(12, "big")))


def varint(value):
    for size, prefix in ((1, 0), (2, 0x40), (4, 0x80), (8, 0xC0)):
        if value < 1 << (8 * size - 2):
            octets = value.to_bytes(size, "big")
            return bytes([octets[0] | prefix]) + octets[1:]
    raise ValueError(value)


def read_varint(octets, place):
    """(value, place after it)."""
    size = 1 << (octets[place] >> 6)
    value = int.from_bytes(octets[place:place + size], "big") & ((1 << (8 * size - 2)) - 1)
    return value, place + size


@dataclasses.dataclass(frozen=True)
class Initial(Value):
    """One Initial packet of version 1, opened."""

    dcid: bytes
    scid: bytes
    token: bytes
    number: int
    frames: bytes

    def sealed(self, keys):
        """As it goes on the wire, with a packet number of four octets."""
        head = b"\xc3\0\0\0\1" + bytes([len(self.dcid)]) + self.dcid
        head += bytes([len(self.scid)]) + self.scid + varint(len(self.token)) + self.token
        length = 4 + len(self.frames) + TAG
        head += (0x4000 | length).to_bytes(2, "big") + self.number.to_bytes(4, "big")
        body = seal(keys.key, keys.nonce(self.number), head, self.frames)
        mask = ecb(keys.mask_key, body[:SAMPLE])
        number = bytes(a ^ b for a, b in zip(head[-4:], mask[1:]))
        return bytes([head[0] ^ (mask[0] & 15)]) + head[1:-4] + number + body


def is_initial(datagram):
    """Whether a datagram begins with an Initial of version 1."""
    return len(datagram) > 60 and datagram[0] & 0xF0 == 0xC0 and datagram[1:5] == b"\0\0\0\1"


def opened(datagram, keys=None):
    """(the Initial a datagram begins with, what follows it in the datagram). Without keys, those
    of a client that uses this destination connection id for the first time."""
    place = 6 + datagram[5]
    dcid = datagram[6:place]
    scid = datagram[place + 1:place + 1 + datagram[place]]
    token_length, place = read_varint(datagram, place + 1 + datagram[place])
    token = datagram[place:place + token_length]
    length, place = read_varint(datagram, place + token_length)
    end = place + length
    keys = keys or Keys(dcid, b"client")
    mask = ecb(keys.mask_key, datagram[place + 4:place + 4 + SAMPLE])
    first = datagram[0] ^ (mask[0] & 15)
    size = (first & 3) + 1
    number = bytes(a ^ b for a, b in zip(datagram[place:place + size], mask[1:]))
    head = bytes([first]) + datagram[1:place] + number
    count = int.from_bytes(number, "big")
    frames = unseal(keys.key, keys.nonce(count), head, datagram[place + size:end])
    return Initial(dcid, scid, token, count, frames), datagram[end:]


def crypto_frame(offset, octets):
    return bytes([CRYPTO]) + varint(offset) + varint(len(octets)) + octets


def crypto_octets(frames):
    """The CRYPTO data of a packet's frames, in order; nothing where there are others than CRYPTO,
    padding and pings, as in the packet of a client that gives up."""
    pieces, place = {}, 0
    while place < len(frames):
        kind = frames[place]
        place += 1
        if kind == CRYPTO:
            offset, place = read_varint(frames, place)
            length, place = read_varint(frames, place)
            pieces[offset] = frames[place:place + length]
            place += length
        elif kind not in (PADDING, PING):
            return b""
    return b"".join(pieces[offset] for offset in sorted(pieces))

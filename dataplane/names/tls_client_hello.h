// The TLS ClientHello, from a client's byte stream or from QUIC's CRYPTO stream.
//
// A worker's thread; pure functions, bounded by kTlsStreamBytesMax, no allocation. The spans of a
// ClientHello point into the bytes parsed or into the scratch buffer, and live as long as these.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/names/outcome.h"

namespace weir::names {

// The longest client stream looked at, and so the longest hello: post-quantum keys take 1,700
// bytes, a resumption with tickets a few thousand.
inline constexpr size_t kTlsStreamBytesMax = 16384;
inline constexpr size_t kServerNamesMax = 4;
inline constexpr size_t kAlpnMax = 16;

// Where handshake bytes are put together when they do not lie in one piece.
using HandshakeBuffer = std::array<uint8_t, kTlsStreamBytesMax>;
using ByteSpan = std::span<const uint8_t>;

struct ClientHello {
  uint16_t legacy_version = 0;
  uint16_t version_max = 0;  // the highest offered, GREASE aside (RFC 8701)
  bool has_sni = false;      // the extension is there, whatever it holds
  bool has_ech = false;      // encrypted_client_hello 0xfe0d around another hello, or GREASE
  bool has_esni = false;     // encrypted_server_name 0xffce, the draft before
  bool sslv2 = false;        // an SSLv2-compatible hello: nothing else is set
  bool damaged = false;      // bytes behind the first fault were not read
  uint8_t server_name_count = 0;
  uint8_t alpn_count = 0;  // the first kAlpnMax of the list
  std::array<ByteSpan, kServerNamesMax> server_names;
  std::array<ByteSpan, kAlpnMax> alpn;
  ByteSpan cipher_suites;         // big-endian pairs of bytes
  ByteSpan extensions;            // the whole block, for JA4
  ByteSpan signature_algorithms;  // pairs
};

// A handshake message as it lies in QUIC's CRYPTO stream: type, 24-bit length, body.
// kFound (a server name), kNone (a hello without), kNeedMore, kMalformed, kTooLong, kNotThis.
Outcome ParseHandshake(ByteSpan handshake, ClientHello& out);

// How many bytes the message that begins there takes, header included; 4 until that is known.
size_t HandshakeBytes(ByteSpan handshake);

// The client's stream from its first byte: records of any size, fragments across them, alerts and
// ChangeCipherSpec skipped, an SSLv2-compatible hello noticed (kNone). Outcomes as above.
struct TlsParse {
  Outcome outcome = Outcome::kNeedMore;
  // With kNeedMore: no outcome but this before the stream is so long. A caller asked again with
  // less may answer for itself.
  size_t needed_bytes = 0;
};
TlsParse ParseTlsClientHello(ByteSpan stream, HandshakeBuffer& scratch, ClientHello& out);

// True for the values RFC 8701 reserves: 0x0a0a, 0x1a1a, … 0xfafa.
constexpr bool IsGrease(uint16_t value) {
  return (value & 0x0f0f) == 0x0a0a && (value >> 8) == (value & 0xff);
}

}  // namespace weir::names

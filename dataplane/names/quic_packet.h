// QUIC packets of the long header form (RFC 8999, RFC 9000 §17.2): versions, boundaries,
// protection.
//
// A worker's thread, with the worker's Crypto; no allocation.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "dataplane/base/cursor.h"
#include "dataplane/names/crypto.h"
#include "dataplane/names/tls_client_hello.h"

namespace weir::names {

inline constexpr size_t kQuicCidBytesMax = 20;

// How the Initial packets of one version are read.
struct QuicVersion {
  uint32_t version;
  std::array<uint8_t, 20> salt;
  std::string_view key_label;
  std::string_view iv_label;
  std::string_view hp_label;
  uint8_t initial_type;  // the two bits of the first byte
  bool google_frames;    // frame types of Google's QUIC (Q050, T050, T051)
  bool google_hello;     // "CHLO" in place of TLS (Q050)
};

// Null for a version that is not listed.
const QuicVersion* FindQuicVersion(uint32_t version);

// What a version that is not listed may be in truth, most likely first: another number for one of
// these (Meta's for version 1 and its own), or a number nobody speaks, sent to make a server offer
// its versions (RFC 9000 §15).
std::span<const QuicVersion> UnlistedQuicVersions();

struct QuicPacket {
  enum class Kind : uint8_t {
    kInitial,
    kOther,     // 0-RTT, Handshake: passed over by their length
    kRest,      // Retry, version negotiation, short header: whatever follows belongs to it
    kUnlisted,  // a version that is not listed: nothing can be said of what follows
    kNotQuic,   // no long header, or one that contradicts itself
  };
  Kind kind = Kind::kNotQuic;
  const QuicVersion* version = nullptr;  // null but for kInitial and kOther
  ByteSpan dcid;
  ByteSpan bytes;            // the packet alone, first byte to last
  size_t number_offset = 0;  // of the packet number within `bytes`; kInitial only
};

// The packet at the start of `datagram`; for kInitial and kOther the next follows behind `bytes`.
// One of a version that is not listed is read as if it were of `unlisted`, or is kUnlisted. The
// fixed bit is not looked at (RFC 9287 lets clients grease it).
QuicPacket ReadQuicPacket(ByteSpan datagram, const QuicVersion* unlisted = nullptr);

// What protects a client's Initial packets (RFC 9001 §5.2).
struct QuicKeys {
  AesBlock key;
  AesBlock hp;
  AesIv iv;
};
QuicKeys DeriveClientKeys(const QuicVersion& version, ByteSpan dcid, Crypto& crypto);

// Takes header protection and sealing off an Initial (RFC 9001 §5.3, §5.4). `largest_number` is the
// largest packet number opened before, -1 for none, and is raised. The frames, a part of `out`;
// empty when the packet was not sealed with these keys.
ByteSpan OpenInitial(const QuicPacket& packet, const QuicKeys& keys, Crypto& crypto,
                     int64_t& largest_number, std::span<uint8_t> out);

// A variable-length integer (RFC 9000 §16).
uint64_t ReadVarint(base::Cursor& cursor);

}  // namespace weir::names

#include "dataplane/names/quic_packet.h"

#include <algorithm>

namespace weir::names {
namespace {

using base::Cursor;

using Salt = std::array<uint8_t, 20>;

constexpr Salt kSaltDraft22 = {0x7f, 0xbc, 0xdb, 0x0e, 0x7c, 0x66, 0xbb, 0xe9, 0x19, 0x3a,
                               0x96, 0xcd, 0x21, 0x51, 0x9e, 0xbd, 0x7a, 0x02, 0x64, 0x4a};
constexpr Salt kSaltDraft23 = {0xc3, 0xee, 0xf7, 0x12, 0xc7, 0x2e, 0xbb, 0x5a, 0x11, 0xa7,
                               0xd2, 0x43, 0x2b, 0xb4, 0x63, 0x65, 0xbe, 0xf9, 0xf5, 0x02};
constexpr Salt kSaltDraft29 = {0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97,
                               0x86, 0xf1, 0x9c, 0x61, 0x11, 0xe0, 0x43, 0x90, 0xa8, 0x99};
constexpr Salt kSaltV1 = {0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
                          0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a};
constexpr Salt kSaltV2 = {0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93,
                          0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9};
constexpr Salt kSaltV2Draft = {0xa7, 0x07, 0xc2, 0x03, 0xa5, 0x9b, 0x47, 0x18, 0x4a, 0x1d,
                               0x62, 0xca, 0x57, 0x04, 0x06, 0xea, 0x7a, 0xe3, 0xe5, 0xd3};
constexpr Salt kSaltQ050 = {0x50, 0x45, 0x74, 0xef, 0xd0, 0x66, 0xfe, 0x2f, 0x9d, 0x94,
                            0x5c, 0xfc, 0xdb, 0xd3, 0xa7, 0xf0, 0xd3, 0xb5, 0x6b, 0x45};
constexpr Salt kSaltT050 = {0x7f, 0xf5, 0x79, 0xe5, 0xac, 0xd0, 0x72, 0x91, 0x55, 0x80,
                            0x30, 0x4c, 0x43, 0xa2, 0x36, 0x7c, 0x60, 0x48, 0x83, 0x10};
constexpr Salt kSaltT051 = {0x7a, 0x4e, 0xde, 0xf4, 0xe7, 0xcc, 0xee, 0x5f, 0xa4, 0x50,
                            0x6c, 0x19, 0x12, 0x4f, 0xc8, 0xcc, 0xda, 0x6e, 0x03, 0x3d};

constexpr QuicVersion Ietf(uint32_t version, const Salt& salt) {
  return {version, salt, "quic key", "quic iv", "quic hp", 0, false, false};
}
constexpr QuicVersion Second(uint32_t version, const Salt& salt) {  // RFC 9369 §3.2, §3.3
  return {version, salt, "quicv2 key", "quicv2 iv", "quicv2 hp", 1, false, false};
}
constexpr QuicVersion Google(uint32_t version, const Salt& salt, bool google_hello) {
  return {version, salt, "quic key", "quic iv", "quic hp", 0, true, google_hello};
}

constexpr QuicVersion kVersions[] = {
    Ietf(0x00000001, kSaltV1),         // RFC 9000
    Second(0x6b3343cf, kSaltV2),       // RFC 9369
    Second(0x709a50c4, kSaltV2Draft),  // its drafts
    Ietf(0xff000022, kSaltV1),         // draft-34
    Ietf(0xff000021, kSaltV1),         // draft-33
    Ietf(0xff000020, kSaltDraft29),    // draft-32 …
    Ietf(0xff00001f, kSaltDraft29),
    Ietf(0xff00001e, kSaltDraft29),
    Ietf(0xff00001d, kSaltDraft29),  // draft-29
    Ietf(0xff00001c, kSaltDraft23),  // draft-28 …
    Ietf(0xff00001b, kSaltDraft23),
    Ietf(0xff00001a, kSaltDraft23),
    Ietf(0xff000019, kSaltDraft23),
    Ietf(0xff000018, kSaltDraft23),
    Ietf(0xff000017, kSaltDraft23),  // draft-23
    Ietf(0xff000016, kSaltDraft22),  // draft-22
    Ietf(0xfaceb001, kSaltDraft22),  // mvfst
    Ietf(0xfaceb002, kSaltDraft23),
    Ietf(0xfaceb00e, kSaltDraft23),
    Google(0x51303530, kSaltQ050, true),   // "Q050"
    Google(0x54303530, kSaltT050, false),  // "T050"
    Google(0x54303531, kSaltT051, false),  // "T051"
};

constexpr uint8_t kLongHeader = 0x80;
constexpr size_t kSampleBytes = 16;
constexpr size_t kTagBytes = 16;
constexpr uint8_t kRetryBeyondInitial =
    3;  // Retry's type is Initial's + 3, modulo 4, in all versions

// The packet number whose lowest `bits` are `truncated` and which is nearest to the one expected
// (RFC 9000 appendix A.3).
uint64_t DecodeNumber(uint64_t truncated, unsigned bits, int64_t largest) {
  const auto expected = static_cast<uint64_t>(largest + 1);
  const uint64_t window = uint64_t{1} << bits;
  const uint64_t candidate = (expected & ~(window - 1)) | truncated;
  if (candidate + window / 2 <= expected) return candidate + window;
  if (candidate > expected + window / 2 && candidate >= window) return candidate - window;
  return candidate;
}

}  // namespace

const QuicVersion* FindQuicVersion(uint32_t version) {
  const auto* found = std::find_if(std::begin(kVersions), std::end(kVersions),
                                   [version](const auto& each) { return each.version == version; });
  return found == std::end(kVersions) ? nullptr : found;
}

std::span<const QuicVersion> UnlistedQuicVersions() {
  static constexpr QuicVersion kLikely[] = {
      Ietf(0, kSaltV1),
      Ietf(0, kSaltDraft29),
      Ietf(0, kSaltDraft23),
      Second(0, kSaltV2),
  };
  return kLikely;
}

uint64_t ReadVarint(Cursor& cursor) {
  uint64_t value = cursor.U8();
  const unsigned more = (1U << (value >> 6)) - 1;
  value &= 0x3f;
  for (unsigned i = 0; i < more; ++i) value = (value << 8) | cursor.U8();
  return cursor.ok() ? value : 0;
}

QuicPacket ReadQuicPacket(ByteSpan datagram, const QuicVersion* unlisted) {
  QuicPacket packet;
  Cursor header(datagram);
  const uint8_t first = header.U8();
  if (!header.ok()) return packet;
  if ((first & kLongHeader) == 0) {
    packet.kind = QuicPacket::Kind::kRest;
    return packet;
  }
  const uint32_t version = header.U32();
  packet.dcid = header.Bytes(header.U8());
  const size_t scid_bytes = header.U8();
  header.Skip(scid_bytes);
  if (!header.ok()) return packet;
  if (version == 0) {
    packet.kind = QuicPacket::Kind::kRest;
    return packet;
  }
  packet.version = FindQuicVersion(version);
  if (packet.version == nullptr) packet.version = unlisted;
  if (packet.version == nullptr) {
    packet.kind = QuicPacket::Kind::kUnlisted;
    return packet;
  }
  if (packet.dcid.size() > kQuicCidBytesMax || scid_bytes > kQuicCidBytesMax) return packet;
  const unsigned type = ((first >> 4) - packet.version->initial_type) & 3U;
  if (type == kRetryBeyondInitial) {
    packet.kind = QuicPacket::Kind::kRest;
    return packet;
  }
  const bool initial = type == 0;
  if (initial) header.Skip(ReadVarint(header));  // token
  const uint64_t length = ReadVarint(header);
  packet.number_offset = header.offset();
  if (!header.ok() || length > header.left()) return packet;
  packet.kind = initial ? QuicPacket::Kind::kInitial : QuicPacket::Kind::kOther;
  packet.bytes = datagram.first(packet.number_offset + length);
  return packet;
}

QuicKeys DeriveClientKeys(const QuicVersion& version, ByteSpan dcid, Crypto& crypto) {
  const Sha256 initial_secret = crypto.Hmac(version.salt, dcid);
  Sha256 client_secret;
  crypto.ExpandLabel(initial_secret, "client in", client_secret);
  QuicKeys keys;
  crypto.ExpandLabel(client_secret, version.key_label, keys.key);
  crypto.ExpandLabel(client_secret, version.iv_label, keys.iv);
  crypto.ExpandLabel(client_secret, version.hp_label, keys.hp);
  return keys;
}

ByteSpan OpenInitial(const QuicPacket& packet, const QuicKeys& keys, Crypto& crypto,
                     int64_t& largest_number, std::span<uint8_t> out) {
  constexpr size_t kNumberBytesMax = 4;
  // First byte, version, two connection ids with lengths, and the number; the token makes the
  // header as long as the packet, so it is patched where the authenticated data is put together: in
  // `out`.
  const size_t sample_at = packet.number_offset + kNumberBytesMax;
  if (packet.bytes.size() < sample_at + kSampleBytes) return {};
  const AesBlock mask =
      crypto.EncryptBlock(keys.hp, packet.bytes.subspan(sample_at).first<kSampleBytes>());
  const auto first = static_cast<uint8_t>(packet.bytes[0] ^ (mask[0] & 0x0f));
  const size_t number_bytes = (first & 3U) + 1;
  const size_t header_bytes = packet.number_offset + number_bytes;
  const ByteSpan sealed = packet.bytes.subspan(header_bytes);
  if (sealed.size() < kTagBytes || packet.bytes.size() > out.size()) return {};

  const std::span<uint8_t> header = out.first(header_bytes);
  std::copy_n(packet.bytes.begin(), header_bytes, header.begin());
  header[0] = first;
  uint64_t truncated = 0;
  for (size_t i = 0; i < number_bytes; ++i) {
    uint8_t& byte = header[packet.number_offset + i];
    byte = static_cast<uint8_t>(byte ^ mask[1 + i]);
    truncated = (truncated << 8) | byte;
  }
  const uint64_t number =
      DecodeNumber(truncated, static_cast<unsigned>(number_bytes) * 8, largest_number);
  AesIv nonce = keys.iv;
  for (size_t i = 0; i < 8; ++i) {
    nonce[4 + i] = static_cast<uint8_t>(nonce[4 + i] ^ (number >> (56 - 8 * i)));
  }
  const std::span<uint8_t> plain = out.subspan(header_bytes, sealed.size() - kTagBytes);
  if (!crypto.Open({keys.key, nonce, header}, sealed, plain)) return {};
  largest_number = std::max(largest_number, static_cast<int64_t>(number));
  return plain;
}

}  // namespace weir::names

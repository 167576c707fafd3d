#include "dataplane/parse/udp_tunnel.h"

#include <array>

namespace weir::parse {
namespace {

constexpr uint32_t kUdpBytes = 8;
constexpr size_t kAddressBytes = 16;
constexpr size_t kIpv6SourceAt = 8;

// What the UDP header says is its payload, as ParseUdp() has it, on the wire.
Stretch PayloadOf(const packet::Packet& packet, Stretch at) {
  base::Cursor cursor(BytesOf(packet, at));
  cursor.Skip(4);
  const uint32_t claimed = cursor.U16();
  const bool credible = claimed >= kUdpBytes && claimed <= at.bytes();
  return {at.begin + kUdpBytes, credible ? at.begin + claimed : at.end};
}

// RFC 7348 §5: the I flag; the G flag and its policy in the reserved bytes are in wide use.
Found FollowVxlan(const packet::Packet& packet, Stretch at, Budget& budget) {
  constexpr uint8_t kNetworkIdValid = 0x08, kGroupPolicy = 0x80;
  base::Cursor cursor(BytesOf(packet, at));
  const uint8_t flags = cursor.U8();
  cursor.Skip(7);
  if (!cursor.ok() || (flags & ~kGroupPolicy) != kNetworkIdValid) return {};
  return FollowEthernet(packet, Behind(at, cursor), Evidence::kGuessed, budget);
}

// RFC 4380 §2.6, or the link-local addresses of its router solicitation (§5.2.1).
bool IsTeredoAddress(std::span<const uint8_t> address) {
  static constexpr std::array<uint8_t, 4> kPrefix = {0x20, 0x01, 0, 0};
  const bool link_local = address[0] == 0xfe && (address[1] & 0xc0) == 0x80;
  return link_local || std::ranges::equal(address.first<4>(), kPrefix);
}

// RFC 4380 §5.1.1: an authentication, then an origin indication, each if there.
void SkipIndications(base::Cursor& cursor) {
  const auto begins = [&](uint8_t kind) {
    const auto rest = cursor.rest();
    return rest.size() >= 2 && rest[0] == 0 && rest[1] == kind;
  };
  if (begins(1)) {
    cursor.Skip(2);
    const uint8_t client_id_bytes = cursor.U8();
    const uint8_t value_bytes = cursor.U8();
    constexpr size_t kNonceAndConfirmation = 9;
    cursor.Skip(size_t{client_id_bytes} + value_bytes + kNonceAndConfirmation);
  }
  if (begins(0)) cursor.Skip(8);
}

Found FollowTeredo(const packet::Packet& packet, Stretch at) {
  base::Cursor cursor(BytesOf(packet, at));
  SkipIndications(cursor);
  if (!cursor.ok()) return {};
  const Found found = FindIpv6(packet, Behind(at, cursor));
  if (found.layer == Layer::kNone) return {};
  cursor.Skip(6);
  const uint8_t next_header = cursor.U8();
  cursor.Skip(kIpv6SourceAt - 7);
  const auto src = cursor.Bytes(kAddressBytes);
  const auto dst = cursor.Bytes(kAddressBytes);
  // A bubble (§5.2.8) is empty: it opens a NAT and says nothing.
  if (!cursor.ok() || next_header == packet::ip_protocol::kNoNextHeader) return {};
  return IsTeredoAddress(src) || IsTeredoAddress(dst) ? found : Found{};
}

// TS 29.281 §5.2: each a length in words of four bytes, and its last byte names the next.
void SkipGtpExtensions(base::Cursor& cursor, uint8_t type) {
  constexpr unsigned kExtensionsMax = 8;
  for (unsigned i = 0; type != 0 && cursor.ok(); ++i) {
    const size_t bytes = cursor.U8() * 4U;
    if (bytes == 0 || i == kExtensionsMax) return cursor.Fail();
    cursor.Skip(bytes - 2);
    type = cursor.U8();
  }
}

// TS 29.281 §5.1: version 1, not GTP'; only message 255 carries a user's packet.
Found FollowGtpUser(const packet::Packet& packet, Stretch at) {
  constexpr uint8_t kVersionAndType = 0x30, kVersionAndTypeMask = 0xf0;
  constexpr uint8_t kUserPacket = 255, kAnyOptional = 0x07, kExtensions = 0x04;
  base::Cursor cursor(BytesOf(packet, at));
  const uint8_t flags = cursor.U8();
  const uint8_t message = cursor.U8();
  const uint16_t bytes = cursor.U16();
  cursor.Skip(4);
  if (!cursor.ok() || (flags & kVersionAndTypeMask) != kVersionAndType || message != kUserPacket) {
    return {};
  }
  if (bytes != Behind(at, cursor).bytes()) return {};
  if ((flags & kAnyOptional) != 0) {
    cursor.Skip(3);
    const uint8_t type = cursor.U8();
    if ((flags & kExtensions) != 0) SkipGtpExtensions(cursor, type);
  }
  if (!cursor.ok()) return {};
  return FindIp(packet, Behind(at, cursor), Evidence::kGuessed);
}

}  // namespace

Found FollowUdp(const packet::Packet& packet, Stretch at, Budget& budget) {
  const packet::Headers& headers = packet.headers;
  const Stretch payload = PayloadOf(packet, at);
  if (headers.dst_port == kVxlanPort) return FollowVxlan(packet, payload, budget);
  if (headers.dst_port == kGtpUserPort) return FollowGtpUser(packet, payload);
  return FollowTeredo(packet, payload);
}

}  // namespace weir::parse

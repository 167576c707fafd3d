#include "dataplane/parse/layer.h"

#include "dataplane/base/checksum.h"

namespace weir::parse {
namespace {

constexpr size_t kIpv4BytesMin = 20;
constexpr size_t kIpv6Bytes = 40;
constexpr uint8_t kHopByHop = 0;

// RFC 1071: the sum over a header with its checksum in place is all ones.
bool ChecksumHolds(std::span<const uint8_t> header) {
  return base::FoldSum(base::AddToSum(0, header)) == 0xffff;
}

}  // namespace

Found FindIpv4(const packet::Packet& packet, Stretch at, Evidence evidence) {
  const auto bytes = BytesOf(packet, at);
  base::Cursor cursor(bytes);
  const uint8_t version_length = cursor.U8();
  cursor.Skip(1);
  const uint16_t total_bytes = cursor.U16();
  const size_t header_bytes = (version_length & 0x0fU) * 4U;
  const bool whole = version_length >> 4 == 4 && header_bytes >= kIpv4BytesMin &&
                     header_bytes <= bytes.size() && total_bytes >= header_bytes &&
                     total_bytes <= at.bytes();
  if (!whole) return {};
  if (evidence == Evidence::kGuessed && !ChecksumHolds(bytes.first(header_bytes))) return {};
  return {Layer::kIpv4, at};
}

Found FindIpv6(const packet::Packet& packet, Stretch at) {
  const auto bytes = BytesOf(packet, at);
  if (bytes.size() < kIpv6Bytes) return {};
  base::Cursor cursor(bytes);
  const uint8_t version = cursor.U8() >> 4;
  cursor.Skip(3);
  const uint16_t payload_bytes = cursor.U16();
  const bool jumbogram = payload_bytes == 0 && cursor.U8() == kHopByHop;
  if (version != 6) return {};
  if (!jumbogram && kIpv6Bytes + payload_bytes > at.bytes()) return {};
  return {Layer::kIpv6, at};
}

Found FindIp(const packet::Packet& packet, Stretch at, Evidence evidence) {
  const auto bytes = BytesOf(packet, at);
  if (bytes.empty()) return {};
  if (bytes[0] >> 4 == 4) return FindIpv4(packet, at, evidence);
  if (bytes[0] >> 4 == 6) return FindIpv6(packet, at);
  return {};
}

}  // namespace weir::parse

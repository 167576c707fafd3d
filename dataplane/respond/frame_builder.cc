#include "dataplane/respond/frame_builder.h"

#include <algorithm>

#include "dataplane/base/byte_order.h"

namespace weir::respond {
namespace {

constexpr size_t kMacBytes = 6;
constexpr size_t kIpv4Bytes = 20;
constexpr size_t kIpv6Bytes = 40;
constexpr uint8_t kHopLimit = 64;
constexpr size_t kIpv4AddressAt = 12;  // in the mapped form

packet::Side OtherSide(packet::Side side) {
  if (side == packet::Side::kInside) return packet::Side::kOutside;
  if (side == packet::Side::kOutside) return packet::Side::kInside;
  return packet::Side::kUnknown;
}

struct Endpoints {
  const base::IpAddress& src;
  const base::IpAddress& dst;
};

Endpoints EndpointsOf(const packet::Headers& headers, Towards towards) {
  if (towards == Towards::kSender) return {headers.dst_ip, headers.src_ip};
  return {headers.src_ip, headers.dst_ip};
}

std::span<const uint8_t> AddressBytes(const base::IpAddress& address, packet::L3 l3) {
  const std::span<const uint8_t> all(address.bytes());
  return l3 == packet::L3::kIpv4 ? all.subspan(kIpv4AddressAt) : all;
}

uint32_t AddWords(uint32_t sum, std::span<const uint8_t> bytes) {
  size_t i = 0;
  for (; i + 1 < bytes.size(); i += 2) sum += base::LoadBe<uint16_t>(bytes.data() + i);
  if (i < bytes.size()) sum += static_cast<uint32_t>(bytes[i]) << 8;
  return sum;
}

uint16_t Fold(uint32_t sum) {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

void WriteIpv4(uint8_t* at, const Endpoints& ends, uint8_t protocol, size_t total_bytes) {
  std::fill_n(at, kIpv4Bytes, uint8_t{0});
  at[0] = 0x45;
  base::StoreBe(at + 2, static_cast<uint16_t>(total_bytes));
  base::StoreBe(at + 6, uint16_t{0x4000});  // don't fragment
  at[8] = kHopLimit;
  at[9] = protocol;
  std::ranges::copy(AddressBytes(ends.src, packet::L3::kIpv4), at + 12);
  std::ranges::copy(AddressBytes(ends.dst, packet::L3::kIpv4), at + 16);
  base::StoreBe(at + 10, Checksum({at, kIpv4Bytes}));
}

void WriteIpv6(uint8_t* at, const Endpoints& ends, uint8_t protocol, size_t payload_bytes) {
  std::fill_n(at, kIpv6Bytes, uint8_t{0});
  at[0] = 0x60;
  base::StoreBe(at + 4, static_cast<uint16_t>(payload_bytes));
  at[6] = protocol;
  at[7] = kHopLimit;
  std::ranges::copy(ends.src.bytes(), at + 8);
  std::ranges::copy(ends.dst.bytes(), at + 24);
}

}  // namespace

uint16_t Checksum(std::span<const uint8_t> bytes) { return Fold(AddWords(0, bytes)); }

uint16_t PseudoChecksum(const packet::Packet& packet, Towards towards, uint8_t protocol,
                        std::span<const uint8_t> transport) {
  const packet::L3 l3 = packet.headers.l3;
  const Endpoints ends = EndpointsOf(packet.headers, towards);
  uint32_t sum = AddWords(0, AddressBytes(ends.src, l3));
  sum = AddWords(sum, AddressBytes(ends.dst, l3));
  sum += protocol + static_cast<uint32_t>(transport.size());
  return Fold(AddWords(sum, transport));
}

uint16_t UnfinishedChecksum(const packet::Packet& packet, uint8_t protocol,
                            size_t transport_bytes) {
  const packet::Headers& headers = packet.headers;
  uint32_t sum = AddWords(0, AddressBytes(headers.src_ip, headers.l3));
  sum = AddWords(sum, AddressBytes(headers.dst_ip, headers.l3));
  return static_cast<uint16_t>(~Fold(sum + protocol + static_cast<uint32_t>(transport_bytes)));
}

std::span<uint8_t> BuildHeaders(const packet::Packet& packet, Towards towards, uint8_t protocol,
                                size_t transport_bytes, OutFrame& out) {
  const packet::Headers& headers = packet.headers;
  const bool v4 = headers.l3 == packet::L3::kIpv4;
  const size_t link_bytes = headers.l3_offset;
  const size_t ip_bytes = v4 ? kIpv4Bytes : kIpv6Bytes;
  const size_t all_bytes = link_bytes + ip_bytes + transport_bytes;
  if (headers.l3 == packet::L3::kNone || all_bytes > out.data.size()) return {};

  std::copy_n(packet.data, link_bytes, out.data.data());
  const bool back = towards == Towards::kSender;
  if (back)
    std::swap_ranges(out.data.data(), out.data.data() + kMacBytes, out.data.data() + kMacBytes);
  const Endpoints ends = EndpointsOf(headers, towards);
  uint8_t* ip = out.data.data() + link_bytes;
  if (v4) {
    WriteIpv4(ip, ends, protocol, ip_bytes + transport_bytes);
  } else {
    WriteIpv6(ip, ends, protocol, transport_bytes);
  }
  out.bytes = static_cast<uint16_t>(all_bytes);
  out.to = back ? packet.rx_side : OtherSide(packet.rx_side);
  return std::span(out.data).subspan(link_bytes + ip_bytes, transport_bytes);
}

}  // namespace weir::respond

#include "dataplane/parse/transport_checksum.h"

#include "dataplane/base/byte_order.h"
#include "dataplane/base/checksum.h"

namespace weir::parse {

namespace {

// Of a TCP segment or UDP datagram, with the pseudo-header.
ChecksumState CheckSum(const packet::Packet& packet, uint8_t ip_protocol) {
  const packet::Headers& headers = packet.headers;
  const bool is_whole = headers.note == packet::ParseNote::kComplete && !headers.is_fragment &&
                        headers.ip_protocol == ip_protocol;
  if (!is_whole) return ChecksumState::kUnknown;
  const size_t end = size_t{headers.payload_offset} + headers.payload_bytes;
  if (end != size_t{headers.l3_offset} + headers.ip_bytes) return ChecksumState::kUnknown;
  const std::span<const uint8_t> segment(packet.data + headers.l4_offset, end - headers.l4_offset);
  // The mapped form of an IPv4 address adds 0xffff for each, which is nothing in this arithmetic.
  uint64_t sum = base::AddToSum(0, headers.src_ip.bytes());
  sum = base::AddToSum(sum, headers.dst_ip.bytes());
  const auto length = static_cast<uint32_t>(segment.size());
  sum += base::ByteSwap(length);
  sum += base::ByteSwap(uint32_t{headers.ip_protocol});
  sum = base::AddToSum(sum, segment);
  return base::FoldSum(sum) == 0xffff ? ChecksumState::kRight : ChecksumState::kWrong;
}

}  // namespace

ChecksumState CheckTcpChecksum(const packet::Packet& packet) {
  return CheckSum(packet, packet::ip_protocol::kTcp);
}

ChecksumState CheckUdpChecksum(const packet::Packet& packet) {
  constexpr size_t kChecksumAt = 6;
  const ChecksumState state = CheckSum(packet, packet::ip_protocol::kUdp);
  if (state != ChecksumState::kWrong || packet.headers.l3 != packet::L3::kIpv4) return state;
  const uint8_t* const checksum = packet.data + packet.headers.l4_offset + kChecksumAt;
  return base::LoadBe<uint16_t>(checksum) == 0 ? ChecksumState::kRight : state;
}

bool Ipv4HeaderChecksumIsRight(const packet::Packet& packet) {
  const packet::Headers& headers = packet.headers;
  if (headers.l3 != packet::L3::kIpv4) return true;
  const size_t header_bytes = size_t{packet.data[headers.l3_offset] & 0xfU} * 4;
  const std::span<const uint8_t> header(packet.data + headers.l3_offset, header_bytes);
  return base::FoldSum(base::AddToSum(0, header)) == 0xffff;
}

}  // namespace weir::parse

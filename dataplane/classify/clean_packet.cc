#include "dataplane/classify/clean_packet.h"

#include <algorithm>
#include <cstring>

#include "dataplane/base/byte_order.h"

namespace weir::classify {
namespace {

constexpr size_t kIpv4HeaderBytes = 20;
constexpr size_t kIpv6HeaderBytes = 40;
constexpr size_t kPacketBytesMax = 65535;  // nDPI counts lengths in 16 bits
constexpr size_t kZeroBytesAfter = 4096;   // further than any read past the end that is known

// From the transport header to the end of the datagram as captured.
std::span<const uint8_t> Transport(const packet::Packet& packet) {
  const packet::Headers& headers = packet.headers;
  if (headers.l3_offset == packet::kNoOffset || headers.l4_offset == packet::kNoOffset) return {};
  const size_t datagram_end =
      std::min<size_t>(size_t{headers.l3_offset} + headers.ip_bytes, packet.captured_bytes);
  if (headers.l4_offset >= datagram_end) return {};
  return packet.frame().subspan(headers.l4_offset, datagram_end - headers.l4_offset);
}

}  // namespace

CleanPacket::CleanPacket() : buffer_(kPacketBytesMax + kZeroBytesAfter) {}

std::span<const uint8_t> CleanPacket::Write(const packet::Packet& packet) {
  const packet::Headers& headers = packet.headers;
  if (headers.fragment_offset_bytes != 0) return {};
  if (headers.note != packet::ParseNote::kComplete &&
      headers.note != packet::ParseNote::kUnknownTransport) {
    return {};
  }
  const size_t header_bytes = headers.l3 == packet::L3::kIpv6 ? kIpv6HeaderBytes : kIpv4HeaderBytes;
  std::span<const uint8_t> transport = Transport(packet);
  if (transport.empty()) return {};
  transport = transport.first(std::min(transport.size(), kPacketBytesMax - header_bytes));
  const size_t bytes =
      headers.l3 == packet::L3::kIpv6 ? WriteIpv6(packet, transport) : WriteIpv4(packet, transport);
  if (bytes < bytes_) std::memset(buffer_.data() + bytes, 0, bytes_ - bytes);
  bytes_ = bytes;
  return {buffer_.data(), bytes};
}

size_t CleanPacket::WriteIpv4(const packet::Packet& packet, std::span<const uint8_t> transport) {
  const uint8_t* original = packet.data + packet.headers.l3_offset;
  const size_t bytes = kIpv4HeaderBytes + transport.size();
  uint8_t* out = buffer_.data();
  std::memset(out, 0, kIpv4HeaderBytes);
  out[0] = 0x45;
  out[1] = original[1];  // type of service
  base::StoreBe(out + 2, static_cast<uint16_t>(bytes));
  out[8] = original[8];  // time to live
  out[9] = packet.headers.ip_protocol;
  std::memcpy(out + 12, packet.headers.src_ip.bytes().data() + 12, 4);
  std::memcpy(out + 16, packet.headers.dst_ip.bytes().data() + 12, 4);
  std::memcpy(out + kIpv4HeaderBytes, transport.data(), transport.size());
  return bytes;
}

size_t CleanPacket::WriteIpv6(const packet::Packet& packet, std::span<const uint8_t> transport) {
  const uint8_t* original = packet.data + packet.headers.l3_offset;
  uint8_t* out = buffer_.data();
  std::memcpy(out, original, 4);  // version, traffic class, flow label
  base::StoreBe(out + 4, static_cast<uint16_t>(transport.size()));
  out[6] = packet.headers.ip_protocol;
  out[7] = original[7];  // hop limit
  std::memcpy(out + 8, packet.headers.src_ip.bytes().data(), 16);
  std::memcpy(out + 24, packet.headers.dst_ip.bytes().data(), 16);
  std::memcpy(out + kIpv6HeaderBytes, transport.data(), transport.size());
  return kIpv6HeaderBytes + transport.size();
}

}  // namespace weir::classify

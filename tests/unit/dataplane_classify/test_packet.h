// Packets with their headers already found, as parse would leave them.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "dataplane/base/byte_order.h"
#include "dataplane/packet/packet.h"

namespace weir::classify {

struct Endpoints {
  const char* src;
  const char* dst;
  uint16_t src_port;
  uint16_t dst_port;
};

class TestPacket {
 public:
  static constexpr uint8_t kTcp = 6, kUdp = 17;

  TestPacket(uint8_t protocol, const Endpoints& ends, std::string_view payload,
             uint8_t tcp_flags = packet::tcp_flag::kAck | packet::tcp_flag::kPsh) {
    packet::Headers& headers = packet_.headers;
    headers.src_ip = base::IpAddress::Parse(ends.src).value();
    headers.dst_ip = base::IpAddress::Parse(ends.dst).value();
    headers.l3 = headers.src_ip.is_v4() ? packet::L3::kIpv4 : packet::L3::kIpv6;
    headers.note = packet::ParseNote::kComplete;
    headers.ip_protocol = protocol;
    headers.src_port = ends.src_port;
    headers.dst_port = ends.dst_port;
    headers.tcp_flags = tcp_flags;
    const size_t ip_bytes = headers.src_ip.is_v4() ? 20 : 40;
    const size_t transport_bytes = protocol == kTcp ? 20 : 8;
    headers.l3_offset = 14;
    headers.l4_offset = static_cast<uint16_t>(14 + ip_bytes);
    headers.payload_offset = static_cast<uint16_t>(headers.l4_offset + transport_bytes);
    headers.payload_bytes = static_cast<uint32_t>(payload.size());
    headers.ip_bytes = static_cast<uint32_t>(ip_bytes + transport_bytes + payload.size());
    bytes_.assign(headers.payload_offset, 0);
    uint8_t* transport = bytes_.data() + headers.l4_offset;
    bytes_[14] = headers.src_ip.is_v4() ? 0x45 : 0x60;
    base::StoreBe(transport, ends.src_port);
    base::StoreBe(transport + 2, ends.dst_port);
    if (protocol == kTcp) {
      base::StoreBe<uint32_t>(transport + 4, 1000);
      transport[12] = 0x50;
      transport[13] = tcp_flags;
    } else {
      base::StoreBe(transport + 4, static_cast<uint16_t>(8 + payload.size()));
    }
    bytes_.insert(bytes_.end(), payload.begin(), payload.end());
    packet_.data = bytes_.data();
    packet_.captured_bytes = packet_.wire_bytes = static_cast<uint32_t>(bytes_.size());
    packet_.time.ns = base::kNsPerSecond;
  }
  TestPacket(const TestPacket&) = delete;
  TestPacket& operator=(const TestPacket&) = delete;

  packet::Packet& packet() { return packet_; }
  std::vector<uint8_t>& bytes() { return bytes_; }

 private:
  packet::Packet packet_;
  std::vector<uint8_t> bytes_;
};

}  // namespace weir::classify

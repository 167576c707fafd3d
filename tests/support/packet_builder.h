// Frames for tests, layer by layer, with right lengths and checksums:
//
//   PacketBuilder().Vlan(20).Ipv4("10.0.0.1", "192.0.2.1").Tcp({.src_port = 4000, .dst_port = 80,
//       .flags = tcp_flag::kSyn, .seq = 100}).Build()
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "dataplane/packet/packet.h"

namespace weir::testing {

using Bytes = std::vector<uint8_t>;

Bytes BytesOf(std::string_view text);
Bytes FromHex(std::string_view hex);  // spaces are passed over

struct TcpFields {
  uint16_t src_port = 40000;
  uint16_t dst_port = 443;
  uint8_t flags = packet::tcp_flag::kAck;
  uint32_t seq = 1;
  uint32_t ack = 1;
  uint16_t window = 65535;
  Bytes options = {};  // padded to four bytes with zeros
};

struct UdpFields {
  uint16_t src_port = 40000;
  uint16_t dst_port = 53;
};

class PacketBuilder {
 public:
  PacketBuilder();

  // Locally administered addresses, one a side, where nothing else is said.
  PacketBuilder& Macs(std::string_view src, std::string_view dst);
  PacketBuilder& Vlan(uint16_t id, uint16_t tag_type = 0x8100);

  PacketBuilder& Ipv4(std::string_view src, std::string_view dst);
  PacketBuilder& Ipv6(std::string_view src, std::string_view dst);
  // IPv4 options, a multiple of four bytes; or an IPv6 extension header of this type, whole.
  PacketBuilder& Ipv4Options(Bytes options);
  PacketBuilder& Ipv6Extension(uint8_t type, Bytes header);
  // This datagram is a piece of a larger one. Offset in bytes, a multiple of 8.
  PacketBuilder& Fragment(uint32_t id, uint16_t offset_bytes, bool more);

  PacketBuilder& Tcp(const TcpFields& fields);
  PacketBuilder& Udp(const UdpFields& fields);
  PacketBuilder& Icmp(uint8_t type, uint8_t code);  // ICMPv6 after Ipv6()
  // A transport of this protocol number, or a later fragment's bytes, exactly as in Payload().
  PacketBuilder& Raw(uint8_t protocol);

  PacketBuilder& Payload(std::span<const uint8_t> payload);
  PacketBuilder& Payload(std::string_view payload);
  PacketBuilder& Padding(size_t bytes);  // behind the datagram, as Ethernet pads to 60

  Bytes Build() const;

 private:
  enum class Transport : uint8_t { kRaw, kTcp, kUdp, kIcmp };

  Bytes BuildTransport() const;
  Bytes BuildIpv4(const Bytes& transport) const;
  Bytes BuildIpv6(const Bytes& transport) const;
  uint16_t TransportChecksum(const Bytes& transport) const;

  Bytes macs_;
  Bytes tags_;
  packet::L3 l3_ = packet::L3::kNone;
  base::IpAddress src_;
  base::IpAddress dst_;
  Bytes ip_options_;
  std::vector<std::pair<uint8_t, Bytes>> extensions_;
  bool is_fragment_ = false;
  bool more_fragments_ = false;
  uint32_t fragment_id_ = 0;
  uint16_t fragment_offset_bytes_ = 0;
  Transport transport_ = Transport::kRaw;
  uint8_t protocol_ = 0;
  TcpFields tcp_;
  UdpFields udp_;
  uint8_t icmp_type_ = 0;
  uint8_t icmp_code_ = 0;
  Bytes payload_;
  size_t padding_bytes_ = 0;
};

}  // namespace weir::testing

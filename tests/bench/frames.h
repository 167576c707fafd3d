// Ethernet frames of a flow, for benchmarks: IPv4 or IPv6, with a VLAN tag or without, and right
// checksums.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/packet/packet.h"

namespace weir::bench {

inline constexpr size_t kFrameBytesMax = 1600;

struct Frame {
  std::array<uint8_t, kFrameBytesMax> bytes;
  uint16_t size = 0;
  packet::Side side = packet::Side::kInside;

  void FillIn(packet::Packet& packet, base::MonoTime now);
};

struct Ends {
  bool v6 = false;
  bool client_outside = false;
  uint16_t vlan = 0;                 // 0: no tag
  std::array<uint8_t, 16> client{};  // IPv4 in the first four bytes
  std::array<uint8_t, 16> server{};
  uint16_t client_port = 0;
  uint16_t server_port = 443;

  size_t address_bytes() const { return v6 ? 16 : 4; }
  // Numbers for addresses: of IPv4 clients in 10.0.0.0/8 and servers in 100.0.0.0/8 the low 24 bits
  // count, of IPv6 (2001:db8::/32, RFC 3849) all 32.
  void Place(uint32_t client_number, uint32_t server_number);
};

struct TcpSegment {
  uint8_t flags = packet::tcp_flag::kAck;
  uint32_t seq = 1;  // of the sender
  uint32_t ack = 1;
  std::span<const uint8_t> payload;
};

void WriteTcp(const Ends& ends, bool from_client, const TcpSegment& segment, Frame& out);
void WriteUdp(const Ends& ends, bool from_client, std::span<const uint8_t> payload, Frame& out);
// An echo request from the client, or its answer; of ICMP or ICMPv6.
void WritePing(const Ends& ends, bool from_client, uint16_t number, Frame& out);
// A UDP datagram over IPv4 in two fragments; `payload` is longer than the first takes, 1,472 bytes.
void WriteInTwo(const Ends& ends, uint16_t id, std::span<const uint8_t> payload, Frame& first,
                Frame& second);
// A segment with `payload_bytes` of whatever was there and no checksum: nobody looks at either once
// the flow's name is known.
void WriteUnchecked(const Ends& ends, bool from_client, uint16_t payload_bytes, Frame& out);

}  // namespace weir::bench

// What tests wrap datagrams and frames in. Bytes in, bytes out: wrap the innermost first.
//
//   Bytes inner = DatagramOf(PacketBuilder().Ipv4("10.0.0.1", "192.0.2.7").Tcp({}));
//   Bytes frame = Over(PacketBuilder().Ipv4("198.51.100.1", "198.51.100.2"), 47,
//                      Gre(kIpv4Type, inner));
#pragma once

#include <initializer_list>

#include "tests/support/packet_builder.h"

namespace weir::testing {

inline constexpr uint16_t kIpv4Type = 0x0800, kIpv6Type = 0x86dd, kMplsType = 0x8847;
inline constexpr uint16_t kPppoeType = 0x8864, kBridgedType = 0x6558;

// The IP datagram of a frame without VLAN tags; the tagged frame without its Ethernet header.
Bytes DatagramOf(const PacketBuilder& builder);

Bytes Ethernet(uint16_t ether_type, const Bytes& payload);
Bytes Vlan(uint16_t id, uint16_t ether_type, const Bytes& payload);  // behind a VLAN's EtherType
// `session` counts the length of what is put in.
Bytes Pppoe(uint16_t ppp_protocol, const Bytes& payload);
// Labels outermost first; the last one is the bottom of the stack.
Bytes Mpls(std::initializer_list<uint32_t> labels, const Bytes& payload);

// A frame whose IP datagram, of the builder's addresses, carries `payload` as `ip_protocol`.
Bytes Over(PacketBuilder ip, uint8_t ip_protocol, const Bytes& payload);
// The same in UDP.
Bytes OverUdp(PacketBuilder ip, const UdpFields& ports, const Bytes& payload);

// `flags`: the first two bytes; each optional field that they announce is four bytes of 0x5a.
Bytes Gre(uint16_t protocol, const Bytes& payload, uint16_t flags = 0);
// Version 1 (RFC 2637) with key, sequence and acknowledgment; `ppp` from its first byte.
Bytes PptpGre(const Bytes& ppp);
Bytes Vxlan(const Bytes& frame, uint8_t flags = 0x08);
// Erspan type II, behind Gre(0x88be, …, 0x1000).
Bytes Erspan2(const Bytes& frame);
// With a client identifier and a value in the authentication, and an origin.
Bytes TeredoIndications(const Bytes& datagram);
// Message 255; `flags` may announce the optional fields, and an extension header.
Bytes GtpUser(const Bytes& datagram, uint8_t flags = 0x30);

}  // namespace weir::testing

// From a link-layer header to the IP datagram behind it: VLAN tags, PPPoE sessions, MPLS label
// stacks, Ethernet pseudowires, PPP; one behind another.
//
// Looking only: the packet is not changed. No recursion; every step takes bytes from the stretch
// and Budget bounds how many there are.
#pragma once

#include "dataplane/parse/layer.h"

namespace weir::parse {

namespace ether_type {
inline constexpr uint16_t kIpv4 = 0x0800, kIpv6 = 0x86dd;
inline constexpr uint16_t kVlan = 0x8100, kServiceVlan = 0x88a8, kOldServiceVlan = 0x9100;
inline constexpr uint16_t kMpls = 0x8847, kMplsMulticast = 0x8848, kPppoeSession = 0x8864;
}  // namespace ether_type

inline bool IsVlanTag(uint16_t type) {
  return type == ether_type::kVlan || type == ether_type::kServiceVlan ||
         type == ether_type::kOldServiceVlan;
}

// What one frame may still hold of PPPoE headers and MPLS label stacks, in all its layers together.
struct Budget {
  unsigned wraps_left;
};

// What an EtherType announces at `at`. VLAN tags are passed over.
Found FollowEtherType(const packet::Packet& packet, uint16_t type, Stretch at, Evidence evidence,
                      Budget& budget);

// A frame that begins with its Ethernet header (IEEE 802.3), as tunnels carry it.
Found FollowEthernet(const packet::Packet& packet, Stretch at, Evidence evidence, Budget& budget);

// A frame that begins with its PPP protocol field, also compressed to one byte (RFC 1661 §6.5).
Found FollowPpp(const packet::Packet& packet, Stretch at, Budget& budget);

}  // namespace weir::parse

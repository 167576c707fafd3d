// A DHCP lease as it was seen on the wire: somebody has an address from now on and for so long, or
// has given it back. Beside event.h, with its rules.
#pragma once

#include "dataplane/events/event.h"

namespace weir::events {

enum class LeaseState : uint8_t { kBound, kReleased };
std::string_view LeaseStateName(LeaseState state);  // "bound", "released"

inline constexpr uint32_t kLeaseForever = 0xffffffff;
inline constexpr uint8_t kLeaseBitsMax = 128;

struct LeaseEvent {
  base::WallTime time;
  LeaseState state = LeaseState::kBound;
  uint8_t prefix_bits = kLeaseBitsMax;  // fewer: a delegated prefix, in the 128-bit form
  base::IpAddress ip;                   // … and its first address
  base::MacAddress mac;                 // zero: not known
  uint32_t lease_s = 0;                 // bound: 1 to kLeaseForever; released: 0
  base::IpAddress server;               // who answered, or who was told; perhaps a relay for it
  base::IpAddress relay;                // as the message names it; "::": none
  uint16_t vlan = 0;                    // the frame's outer one; 0: none
  std::string_view client_id;           // DHCPv6: the DUID's bytes
  std::string_view circuit;             // RFC 3046, or interface-id: bytes of the relay's choice
  std::string_view remote;
};

size_t Encode(const LeaseEvent& event, std::span<uint8_t, kEncodedBytesMax> out);
// Fails as the others do, and on a lease that lasts no time or has neither MAC address nor DUID.
base::Result<LeaseEvent> DecodeLease(std::span<const uint8_t> bytes);

// What relays and clients choose, for people: as it is where it is printable ASCII, else
// "0x0a1b…".
std::string LeaseText(std::string_view bytes);
std::string BytesText(std::string_view bytes);  // "0a1b…"; "" for none

}  // namespace weir::events

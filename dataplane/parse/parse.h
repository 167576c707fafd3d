// From the first byte of an Ethernet frame to the first byte of transport payload.
//
// Ethernet II, stacked VLAN tags (802.1Q, 802.1ad, 0x9100), IPv4 (RFC 791), IPv6 with its extension
// headers (RFC 8200), TCP, UDP, UDP-Lite, SCTP, ICMP and ICMPv6. All else is ParseNote::kNotIp and
// passes untouched. Bytes are read through base::Cursor only; a frame is never changed.
#pragma once

#include "dataplane/packet/packet.h"

namespace weir::parse {

inline constexpr unsigned kVlanTagsMax = 8;           // deeper: kNotIp
inline constexpr unsigned kExtensionHeadersMax = 16;  // more: the transport counts as unknown

// Fills `packet.headers`. Any bytes are taken.
void Parse(packet::Packet& packet);

}  // namespace weir::parse

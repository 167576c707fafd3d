// From the first byte of an Ethernet frame to the first byte of the innermost transport payload.
//
// Ethernet II, stacked VLAN tags (802.1Q, 802.1ad, 0x9100), PPPoE sessions (RFC 2516), MPLS with IP
// or Ethernet behind it (RFC 3032, RFC 4448), IPv4 (RFC 791), IPv6 with its extension headers (RFC
// 8200), and the IP datagrams that IP datagrams carry: IP in IP (RFC 2003, 4213, 2473), GRE (RFC
// 2784, 2890, 2637), VXLAN (RFC 7348), Teredo (RFC 4380), GTP-U (TS 29.281), to a depth of
// packet::kTunnelDepthMax. Then TCP, UDP, UDP-Lite, SCTP, ICMP and ICMPv6. All else is
// ParseNote::kNotIp and passes untouched. Bytes are read through base::Cursor only; a frame is
// never changed. Any thread; no state.
#pragma once

#include "dataplane/packet/packet.h"

namespace weir::parse {

// What is beyond these is not read: headers.too_deep.
inline constexpr unsigned kVlanTagsMax = 8;  // behind one Ethernet header
inline constexpr unsigned kMplsLabelsMax = 16;
inline constexpr unsigned kWrapsMax = 4;  // PPPoE headers and MPLS stacks of a frame, together
inline constexpr unsigned kExtensionHeadersMax = 16;

// Fills `packet.headers` with the innermost datagram, and `packet.outers` with the IP layers around
// it. A tunnel whose payload is no whole IP header is a datagram like any other. Any bytes are
// taken.
void Parse(packet::Packet& packet);

// A datagram put together from fragments, as a frame of its own, the last of them `fragment`: what
// was around that is around the whole too. Neighbor discovery is not, for no host takes it in
// fragments (RFC 6980 §5).
void ParseWhole(packet::Packet& whole, const packet::Packet& fragment);

}  // namespace weir::parse

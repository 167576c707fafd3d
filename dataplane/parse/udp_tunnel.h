// Tunnels in UDP: VXLAN (RFC 7348), Teredo (RFC 4380), GTP-U (3GPP TS 29.281).
//
// A port proves nothing, so what is behind the tunnel's header must be an IP datagram that could be
// meant: whole, of a length that is there, with a right checksum (IPv4) or an address of the tunnel
// (Teredo). All else on these ports stays plain UDP, and so does what goes to or comes from a
// service's port: a client may choose 3544 as its own, and ask a name server in a way that looks
// like a tunnel.
#pragma once

#include "dataplane/parse/link.h"

namespace weir::parse {

inline constexpr uint16_t kVxlanPort = 4789;
inline constexpr uint16_t kTeredoPort = 3544;
inline constexpr uint16_t kGtpUserPort = 2152;

// Below, ports are those of services (RFC 6335 §6), and never of a tunnel's other end.
inline constexpr uint16_t kServicePortsEnd = 1024;

// VXLAN and GTP-U always go to their port. Teredo's is the server's, on either end.
inline bool IsTunnelPort(uint16_t src_port, uint16_t dst_port) {
  return dst_port == kVxlanPort || dst_port == kGtpUserPort || dst_port == kTeredoPort ||
         src_port == kTeredoPort;
}

// `at`: from the UDP header to the datagram's end.
Found FollowUdp(const packet::Packet& packet, Stretch at, Budget& budget);

}  // namespace weir::parse

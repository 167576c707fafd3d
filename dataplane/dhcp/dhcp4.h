// DHCPv4 (RFC 2131, options of RFC 2132, the relay's of RFC 3046): which address a DHCPACK gives to
// whom and for how long, and which one a DHCPRELEASE gives back.
//
// Reads options wherever RFC 2131 §4.1 allows them (option overload). What two clients would read
// in two ways is malformed: a message type or lease time that is there twice. An ACK without an
// address, as one to a DHCPINFORM is, tells no lease. BOOTP without a message type is not looked
// at. Pure; any thread.
#pragma once

#include "dataplane/dhcp/message.h"

namespace weir::dhcp {

// `datagram`: the UDP payload. Fills in all of `out`.
void ReadDhcp4(std::span<const uint8_t> datagram, Message& out);

}  // namespace weir::dhcp

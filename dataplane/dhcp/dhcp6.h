// DHCPv6 (RFC 8415): which addresses (IA_NA, IA_TA) and prefixes (IA_PD) a Reply gives to whom and
// for how long, and which a Release gives back; within Relay-reply and Relay-forward as well.
//
// Who the client is its DUID says. Its MAC address is the one that a relay told (RFC 6939), else
// the one in a DUID-LLT or DUID-LL (§11.2, §11.4), which the client may have from another
// interface. Relays tell it to the server, which need not send it back: so what they pass on to it
// is read as well. An address with a valid lifetime of 0 has been taken back; one with a status
// code that is not Success was not given. Pure; any thread.
#pragma once

#include "dataplane/dhcp/message.h"

namespace weir::dhcp {

// Hop counts go from 0 to HOP_COUNT_LIMIT (RFC 8415 §7.6, §19.1.2). More is malformed.
inline constexpr unsigned kRelaysMax = 9;

// `datagram`: the UDP payload. Fills in all of `out`.
void ReadDhcp6(std::span<const uint8_t> datagram, Message& out);

}  // namespace weir::dhcp

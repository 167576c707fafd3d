// Which addresses may be those of one host, beyond its link.
//
// Pure; any thread.
#pragma once

#include "dataplane/base/ip_address.h"

namespace weir::base {

// Not so: unspecified, link-local, multicast and broadcast addresses, and those of "this network"
// (RFC 1122 §3.2.1.3, RFC 3927, RFC 4291 §2.4). What has one is nobody's and yet not unknown.
bool MayBeSomebodys(const IpAddress& address);

// As its first and its last address: so none that holds all of IPv4, or all there is.
bool MayBeSomebodys(const IpPrefix& prefix);

}  // namespace weir::base

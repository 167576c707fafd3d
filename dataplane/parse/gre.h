// Generic routing encapsulation: RFC 2784 with RFC 2890's key and sequence, and RFC 2637's variant
// for PPP (PPTP).
#pragma once

#include "dataplane/parse/link.h"

namespace weir::parse {

// The datagram behind the GRE header at `at`. None for source routes (RFC 1701), other versions,
// acknowledgements without payload, compressed or encrypted PPP, and protocols that carry no IP.
Found FollowGre(const packet::Packet& packet, Stretch at, Budget& budget);

}  // namespace weir::parse

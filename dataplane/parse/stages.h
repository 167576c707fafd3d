// The parsers of each layer, called by Parse() in order; not for use outside this folder.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/packet/packet.h"

namespace weir::parse {

// Each is handed a packet whose headers are filled in up to its own layer's offset.
void ParseIpv4(packet::Packet& packet);
void ParseIpv6(packet::Packet& packet);

// `segment`: the datagram's captured bytes from l4_offset on.
void ParseTransport(packet::Headers& headers, std::span<const uint8_t> segment);

}  // namespace weir::parse

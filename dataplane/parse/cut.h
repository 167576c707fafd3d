// The part of a datagram that can be read: what the header claims, cut to what was captured.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "dataplane/packet/packet.h"

namespace weir::parse {

// Sets ip_bytes from the length the header claims and returns the captured bytes of the datagram,
// from its own first byte on. A claim of zero (segmentation offload) or beyond the wire means "to
// the end".
inline std::span<const uint8_t> CutDatagram(packet::Packet& packet, uint32_t claimed_bytes) {
  packet::Headers& headers = packet.headers;
  const uint32_t on_wire = std::max(packet.wire_bytes, packet.captured_bytes) - headers.l3_offset;
  const uint32_t captured = packet.captured_bytes - headers.l3_offset;
  headers.ip_bytes = claimed_bytes == 0 ? on_wire : std::min(claimed_bytes, on_wire);
  return {packet.data + headers.l3_offset, std::min(headers.ip_bytes, captured)};
}

}  // namespace weir::parse

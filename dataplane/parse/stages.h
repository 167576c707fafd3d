// The parsers of each layer, called by Parse() in order; not for use outside this folder.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/packet/packet.h"
#include "dataplane/parse/udp_tunnel.h"

namespace weir::parse {

// Offsets in Headers have 16 bits. Behind this one there is room for the longest IPv4 and TCP
// headers.
inline constexpr uint32_t kHeaderOffsetMax = packet::kNoOffset - 1 - 60 - 60;

// A datagram from its IP header, at headers.l3_offset, to the end of what it is in: the bytes that
// were captured, and how many there were on the wire.
struct Room {
  std::span<const uint8_t> captured;
  uint32_t wire_bytes;
};

// To the transport's payload. A claim of zero bytes (segmentation offload) or of more than there is
// room for means "to the end".
void ParseIpv4(packet::Headers& headers, const Room& room);
void ParseIpv6(packet::Headers& headers, const Room& room);

// Sets headers.ip_bytes and returns the captured bytes of the datagram.
inline std::span<const uint8_t> CutDatagram(packet::Headers& headers, uint32_t claimed_bytes,
                                            const Room& room) {
  const uint32_t bytes =
      claimed_bytes == 0 ? room.wire_bytes : std::min(claimed_bytes, room.wire_bytes);
  headers.ip_bytes = bytes;
  return room.captured.first(std::min<size_t>(bytes, room.captured.size()));
}

// Sets headers.l4_offset, or too_deep where that is out of reach: then there is no transport.
inline bool PlaceTransport(packet::Headers& headers, size_t offset) {
  if (offset > kHeaderOffsetMax) {
    headers.note = packet::ParseNote::kUnknownTransport;
    headers.too_deep = true;
    return false;
  }
  headers.l4_offset = static_cast<uint16_t>(offset);
  return true;
}

// `segment`: the datagram's captured bytes from l4_offset on.
void ParseTransport(packet::Headers& headers, std::span<const uint8_t> segment);

// True for a datagram whose protocol or port may announce another one within. A piece of a datagram
// is nothing to look into; whole ones come back from the fragment stage.
inline bool MayCarry(const packet::Headers& headers) {
  using namespace packet::ip_protocol;  // NOLINT(google-build-using-namespace): a dozen constants
  if (headers.ip_protocol == kTcp) return false;
  if (headers.ip_protocol == kUdp && !IsTunnelPort(headers.src_port, headers.dst_port))
    return false;
  if (headers.is_fragment || headers.l4_offset == packet::kNoOffset) return false;
  switch (headers.ip_protocol) {
    case kUdp:
      return headers.note == packet::ParseNote::kComplete &&
             std::min(headers.src_port, headers.dst_port) >= kServicePortsEnd;
    case kIpv4:
    case kIpv6:
    case kGre:
    case kMpls:
      return true;
    default:
      return false;
  }
}
// The datagram within, for headers that MayCarry.
Found FindInner(const packet::Packet& packet, Budget& budget);

}  // namespace weir::parse

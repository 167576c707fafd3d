// What the parsers of encapsulations hand each other: where the next datagram stands in the frame.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "dataplane/base/cursor.h"
#include "dataplane/packet/packet.h"

namespace weir::parse {

// Bytes of the frame from `begin` up to `end`, counted on the wire: a capture may have cut the
// frame before.
struct Stretch {
  uint32_t begin = 0;
  uint32_t end = 0;  // never before begin

  uint32_t bytes() const { return end - begin; }
};

// The captured bytes of a stretch.
inline std::span<const uint8_t> BytesOf(const packet::Packet& packet, Stretch at) {
  const uint32_t end = std::min(at.end, packet.captured_bytes);
  if (at.begin >= end) return {};
  return packet.frame().subspan(at.begin, end - at.begin);
}

// What a header was read from, less that header.
inline Stretch Behind(Stretch at, const base::Cursor& header) {
  return {at.begin + static_cast<uint32_t>(header.offset()), at.end};
}

enum class Layer : uint8_t {
  kNone,  // no IP datagram, or nothing that can be told for one
  kIpv4,
  kIpv6,
  kTooDeep,  // more encapsulations than are followed
};

struct Found {
  Layer layer = Layer::kNone;
  Stretch at;  // from the IP header on
};

// How sure it is that IP stands there. A number in the header before says so, or it has only been
// guessed (from a UDP port, from the first nibble behind MPLS labels): then the header's own
// checksum must hold too.
enum class Evidence : uint8_t { kNamed, kGuessed };

// The datagram whose header begins at `at.begin`, if that is whole, of this version, and claims a
// length that is there on the wire.
Found FindIpv4(const packet::Packet& packet, Stretch at, Evidence evidence);
Found FindIpv6(const packet::Packet& packet, Stretch at);
// The version as the first nibble says.
Found FindIp(const packet::Packet& packet, Stretch at, Evidence evidence);

}  // namespace weir::parse

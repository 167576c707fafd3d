// One fragment as it lies in its frame: whose datagram it is part of, and which bytes of it.
//
// Pure functions; nothing is kept. RFC 791 §3.2, RFC 8200 §4.5.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/base/siphash.h"
#include "dataplane/fragments/event.h"
#include "dataplane/packet/packet.h"

namespace weir::fragments {

inline constexpr size_t kDatagramBytesMax = 65535;
// Link-layer header and IP header up to the data, as far as they are kept of a datagram.
inline constexpr size_t kHeadBytesMax = 256;

// RFC 791: source, destination, identification, protocol. RFC 8200: without the protocol.
struct Key {
  std::array<uint8_t, 16> src;
  std::array<uint8_t, 16> dst;
  uint32_t id;
  std::array<uint16_t, 2> vlans;
  uint8_t protocol;  // IPv4 only, else 0
  packet::L3 l3;
  std::array<uint8_t, 6> unused;  // zero: keys are compared and hashed as words

  bool operator==(const Key& other) const;
  uint64_t Hash(const base::HashKey& secret) const;
};
static_assert(sizeof(Key) == 48);

struct Piece {
  // kHeld: fit to be put together. Else kCorrupt, kCut, kIllegal or kTiny.
  Event fault = Event::kHeld;
  Key key{};
  uint32_t offset = 0;  // of `data` in the datagram's fragmentable part
  bool last = false;
  std::span<const uint8_t> data;
  std::span<const uint8_t> ip_header;  // up to, and without, an IPv6 fragment header
  uint8_t next_header = 0;             // IPv6: what the fragment header says
  uint16_t names_fragment_at = 0;      // IPv6: the byte of ip_header that says "fragment header"
  // A hash over all that may decide whether this fragment reaches the server: link-layer header,
  // IP header without what differs from fragment to fragment anyway, and the size where it counts.
  uint64_t fate = 0;
  // May vanish on the way for its size alone: "don't fragment" is set, or IPv6 above 1,280 bytes.
  // Or for what it travels in: the end of a tunnel, a PPPoE session, a label may be no one's.
  bool may_vanish = false;

  uint32_t end() const { return offset + static_cast<uint32_t>(data.size()); }
  bool first() const { return offset == 0; }
};

// For a packet whose headers say is_fragment. A piece with a fault has its key set, unless it is
// kCorrupt.
Piece ReadPiece(const packet::Packet& packet, const base::HashKey& secret);

// MACs and VLAN tags: what of the frame is kept in front of the IP header, less its EtherType.
size_t LinkBytes(const packet::Headers& headers);

}  // namespace weir::fragments

#include "dataplane/parse/gre.h"

namespace weir::parse {
namespace {

constexpr uint16_t kChecksum = 0x8000;
constexpr uint16_t kRouting = 0x4000;
constexpr uint16_t kKey = 0x2000;
constexpr uint16_t kSequence = 0x1000;
constexpr uint16_t kAcknowledgment = 0x0080;  // in version 1
constexpr uint16_t kVersionMask = 0x0007;

constexpr uint16_t kEthernetBridging = 0x6558;  // RFC 1701
constexpr uint16_t kPpp = 0x880b;               // RFC 2637 §4.1
constexpr uint16_t kErspan = 0x88be;            // draft-foschiano-erspan, types I and II
constexpr uint16_t kErspan3 = 0x22eb;

constexpr size_t kErspan2Bytes = 8;

// A mirrored frame. Type I has no header of its own and no sequence in GRE (draft §4.1); type II
// has both; type III says in its last bit whether a subheader follows (§4.3).
Found FollowErspan(const packet::Packet& packet, uint16_t protocol, bool has_sequence, Stretch at,
                   Budget& budget) {
  base::Cursor cursor(BytesOf(packet, at));
  if (protocol == kErspan3) {
    cursor.Skip(11);
    const bool has_subheader = (cursor.U8() & 1) != 0;
    if (has_subheader) cursor.Skip(8);
  } else if (has_sequence) {
    cursor.Skip(kErspan2Bytes);
  }
  if (!cursor.ok()) return {};
  return FollowEthernet(packet, Behind(at, cursor), Evidence::kNamed, budget);
}

// RFC 2637 §4.1: a payload length where RFC 2890 has the key, and PPP behind, whose address and
// control fields (RFC 1662 §3.1) may be left out.
Found FollowPptp(const packet::Packet& packet, uint16_t flags, Stretch at, Budget& budget) {
  base::Cursor cursor(BytesOf(packet, at));
  cursor.Skip(2);
  const uint16_t protocol = cursor.U16();
  const uint16_t bytes = cursor.U16();
  cursor.Skip(2);
  if ((flags & kSequence) != 0) cursor.Skip(4);
  if ((flags & kAcknowledgment) != 0) cursor.Skip(4);
  if (!cursor.ok() || protocol != kPpp || (flags & kKey) == 0) return {};
  Stretch payload = Behind(at, cursor);
  if (bytes > payload.bytes()) return {};
  payload.end = payload.begin + bytes;
  const auto ppp = BytesOf(packet, payload);
  if (ppp.size() >= 2 && ppp[0] == 0xff && ppp[1] == 0x03) payload.begin += 2;
  return FollowPpp(packet, payload, budget);
}

}  // namespace

Found FollowGre(const packet::Packet& packet, Stretch at, Budget& budget) {
  base::Cursor cursor(BytesOf(packet, at));
  const uint16_t flags = cursor.U16();
  const uint16_t protocol = cursor.U16();
  const unsigned version = flags & kVersionMask;
  if (!cursor.ok() || version > 1 || (flags & kRouting) != 0) return {};
  if (version == 1) return FollowPptp(packet, flags, at, budget);
  // The checksum is not verified: an end that does not verify it either would take what was not
  // looked at.
  for (const uint16_t field : {kChecksum, kKey, kSequence}) {
    if ((flags & field) != 0) cursor.Skip(4);
  }
  if (!cursor.ok()) return {};
  const Stretch payload = Behind(at, cursor);
  switch (protocol) {
    case kEthernetBridging:
      return FollowEthernet(packet, payload, Evidence::kNamed, budget);
    case kErspan:
    case kErspan3:
      return FollowErspan(packet, protocol, (flags & kSequence) != 0, payload, budget);
    case kPpp:
      return FollowPpp(packet, payload, budget);
    default:
      return FollowEtherType(packet, protocol, payload, Evidence::kNamed, budget);
  }
}

}  // namespace weir::parse

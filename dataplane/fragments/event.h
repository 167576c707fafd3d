// What happens to fragments and their datagrams; each is a counter.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir::fragments {

enum class Event : uint8_t {
  // Of a fragment.
  kHeld,       // kept, its datagram not whole yet
  kCompleted,  // the last one missing
  kDuplicate,  // bytes that are there already, and the same
  kClosed,     // its key is closed
  kWaved,      // its key was let go for want of room
  kNoRoom,     // no place for it: see Limits::drop_when_full
  kCorrupt,    // IPv4 header checksum wrong, or more claimed than arrived: no host takes it
  kCut,        // the capture holds less of it than was on the wire
  kTooDeep,    // a fragment in a fragment in a fragment
  // Of a fragment that closes its key.
  kOverlap,  // other bytes for what is there, or another end (RFC 5722)
  kIllegal,  // RFC 791 and RFC 8200 §4.5: length, end, or a fragment header behind another
  kTiny,     // the first IPv6 fragment does not hold all headers (RFC 7112)
  kTooMany,  // more pieces than Limits::pieces_max
  // Of a datagram.
  kExpired,    // never completed
  kOverQuota,  // closed to make room for a newer one of its source
  kStale,      // closed to make room for a newer one of anybody
  kBlocked,    // closed because a fragment of it, or the whole, was dropped
  kOdd,        // whole and passed, but its key closed, see reassembler.h
  // Of a closed key.
  kForgotten,  // before its time, for want of room
  kCount,
};
std::string_view EventName(Event event);

}  // namespace weir::fragments

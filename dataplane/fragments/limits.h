// How much of fragmented datagrams a worker keeps at once.
//
// Memory: 2 KB a chunk, 0.6 KB a datagram, 24 bytes a closed key; its pages are touched when they
// are first used.
#pragma once

#include <cstdint>

namespace weir::fragments {

struct Limits {
  uint32_t datagrams_max = 4'096;
  uint32_t chunks_max = 8'192;
  // Unfinished datagrams of one source: an IPv4 address, or a /64 of IPv6, for a single host may
  // use any address of one.
  uint32_t per_source_max = 64;
  // The longest datagram at an MTU of 576 is 119 pieces.
  uint32_t pieces_max = 1'024;
  uint32_t closed_keys_max = 65'536;
  // Without room a fragment passes as it is, or, with [fail] mode = "closed", it does not.
  bool drop_when_full = false;
};

}  // namespace weir::fragments

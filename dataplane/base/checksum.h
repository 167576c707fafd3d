// The Internet's checksum (RFC 1071).
//
// Pure functions; any thread.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>

namespace weir::base {

// The one's complement sum of 16-bit words as they lie in memory, on top of `sum`, not yet folded.
// An odd last byte counts as the high half of its word. Adding in any byte order gives the same
// sum, swapped (RFC 1071 §2(B)).
inline uint64_t AddToSum(uint64_t sum, std::span<const uint8_t> bytes) {
  while (bytes.size() >= sizeof(uint32_t)) {
    uint32_t word;
    std::memcpy(&word, bytes.data(), sizeof word);
    sum += word;
    bytes = bytes.subspan(sizeof word);
  }
  uint32_t rest = 0;
  if (!bytes.empty()) std::memcpy(&rest, bytes.data(), bytes.size());
  return sum + rest;
}

// Folded to 16 bits. A datagram with a right checksum in it, its pseudo header included, gives
// 0xffff.
inline uint16_t FoldSum(uint64_t sum) {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(sum);
}

}  // namespace weir::base

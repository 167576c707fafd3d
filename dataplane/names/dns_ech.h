// Keys for Encrypted Client Hello in a plain DNS answer, made unusable where they stand.
//
// Without them a client sends its hello in the clear. A worker's thread; pure function over bytes,
// no allocation.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace weir::names {

// At most so many configurations are hidden in one message; servers offer one or two.
inline constexpr size_t kEchConfigsMax = 16;

struct HiddenEch {
  // Where the message was changed: two bytes at each offset, and what they were.
  struct Change {
    uint16_t offset = 0;
    uint16_t before = 0;
  };
  std::array<Change, kEchConfigsMax> changes;
  size_t count = 0;
};

// The version that takes the place of one that is hidden: never assigned, so a client passes over
// the configuration (RFC 9849 §4: "the client MUST ignore" a version that it does not support).
inline constexpr uint16_t kHiddenEchVersion = 0;

// Changes, in every HTTPS and SVCB record of a response (RFC 9460 §2.2, key "ech" = 5), the version
// of each ECHConfig. Nothing else is changed, and no length: records that are not well formed stay
// as they are.
HiddenEch HideEch(std::span<uint8_t> message);

}  // namespace weir::names

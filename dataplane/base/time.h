// Two clocks that do not convert by accident.
//
// MonoTime never goes back and says nothing about the date: expiry and rates use it.
// WallTime is UTC since 1970 and may step: records and deadlines use it.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "dataplane/base/result.h"

namespace weir::base {

inline constexpr int64_t kNsPerUs = 1'000;
inline constexpr int64_t kNsPerMs = 1'000'000;
inline constexpr int64_t kNsPerSecond = 1'000'000'000;

struct MonoTime {
  int64_t ns = 0;
  auto operator<=>(const MonoTime&) const = default;
};

struct WallTime {
  int64_t ns = 0;  // since 1970-01-01T00:00:00Z, negative before
  auto operator<=>(const WallTime&) const = default;
};

// RFC 3339 in UTC with microseconds: "2026-11-22T09:30:00.000000Z". Nanoseconds are cut, not
// rounded.
std::string FormatRfc3339(WallTime time);

// RFC 3339 §5.6 date-time with "Z" or a numeric offset, fraction of 0 to 9 digits; a space instead
// of "T" is taken, and seconds may be left out. Fails on anything else, including dates that do not
// exist and years before 1678 or after 2261.
Result<WallTime> ParseRfc3339(std::string_view text);

// CLOCK_REALTIME and CLOCK_MONOTONIC, for programs; the pipeline is handed its time.
WallTime WallNow();
MonoTime MonoNow();

}  // namespace weir::base

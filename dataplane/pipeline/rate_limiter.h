// At most so many answers a second to one source, and in all.
//
// Each allowance is one time (the generic cell rate algorithm, as ITU-T I.371 §5.4 has it): when
// the next answer would be due at an even pace; it may lie a second ahead, so a second's answers
// may go at once. A table of fixed size: sources that share a place share the allowance. IPv6
// sources count by their /64, which one host may have whole. Worker's thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "dataplane/base/ip_address.h"
#include "dataplane/base/siphash.h"
#include "dataplane/base/time.h"

namespace weir::pipeline {

class RateLimiter {
 public:
  RateLimiter(const base::HashKey& secret, uint32_t per_source_per_second,
              uint32_t total_per_second)
      : secret_(secret),
        source_interval_ns_(base::kNsPerSecond / std::max(1U, per_source_per_second)),
        total_interval_ns_(base::kNsPerSecond / std::max(1U, total_per_second)) {}

  // Takes one answer from both allowances, or from neither.
  bool Allow(const base::IpAddress& source, base::MonoTime now) {
    int64_t& place = places_[PlaceOf(source)];
    const int64_t source_due = Due(place, now);
    const int64_t total_due = Due(total_, now);
    if (!Fits(source_due, source_interval_ns_, now) || !Fits(total_due, total_interval_ns_, now)) {
      return false;
    }
    place = source_due + source_interval_ns_;
    total_ = total_due + total_interval_ns_;
    return true;
  }

 private:
  static constexpr size_t kPlaces = 4096;
  static constexpr size_t kIpv6SourceBytes = 8;

  size_t PlaceOf(const base::IpAddress& source) const {
    const std::span<const uint8_t> bytes(source.bytes());
    const auto counted = source.is_v4() ? bytes : bytes.first(kIpv6SourceBytes);
    return base::KeyedHash(secret_, counted) % kPlaces;
  }
  // Never in the past; a time further ahead than an allowance goes is from before a clock went
  // back.
  static int64_t Due(int64_t due_ns, base::MonoTime now) {
    return due_ns - now.ns > base::kNsPerSecond ? now.ns : std::max(due_ns, now.ns);
  }
  static bool Fits(int64_t due_ns, int64_t interval_ns, base::MonoTime now) {
    return due_ns + interval_ns - now.ns <= base::kNsPerSecond;
  }

  base::HashKey secret_;
  int64_t source_interval_ns_;
  int64_t total_interval_ns_;
  int64_t total_ = 0;
  std::array<int64_t, kPlaces> places_{};
};

}  // namespace weir::pipeline

// At most so many answers a second to one address. A table of fixed size: addresses that share a
// place share the allowance. Worker's thread.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/base/ip_address.h"
#include "dataplane/base/siphash.h"
#include "dataplane/base/time.h"

namespace weir::pipeline {

class RateLimiter {
 public:
  explicit RateLimiter(const base::HashKey& secret) : secret_(secret) {}

  bool Allow(const base::IpAddress& to, base::MonoTime now) {
    Place& place = places_[base::KeyedHash(secret_, to.bytes()) % kPlaces];
    const auto second = static_cast<uint32_t>(now.ns / base::kNsPerSecond);
    if (place.second != second) place = {second, 0};
    if (place.answers == kAnswersPerSecond) return false;
    ++place.answers;
    return true;
  }

 private:
  static constexpr size_t kPlaces = 1024;
  static constexpr uint32_t kAnswersPerSecond = 20;

  struct Place {
    uint32_t second = 0;
    uint32_t answers = 0;
  };
  base::HashKey secret_;
  std::array<Place, kPlaces> places_{};
};

}  // namespace weir::pipeline

// Remembers index entries written lately, for most records of a cell share them.
//
// Each place holds one entry whole, so it never takes one for another; a collision only forgets.
// The writer's thread.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string_view>
#include <vector>

#include "control/audit/store_keys.h"

namespace weir::control::audit {

class RecentEntries {
 public:
  RecentEntries() : places_(kPlaces) {}

  // True when the entry was not here. It is now, unless it is longer than kBytesMax.
  bool Add(DayNumber day, std::string_view entry) {
    if (entry.size() > kBytesMax) return true;
    Place& place =
        places_[(std::hash<std::string_view>{}(entry) ^ static_cast<size_t>(day)) % kPlaces];
    if (place.day == day && place.entry() == entry) return false;
    place.day = day;
    place.size = static_cast<uint8_t>(entry.size());
    std::memcpy(place.bytes.data(), entry.data(), entry.size());
    return true;
  }

  // After a write that failed, or when a day is gone.
  void Clear() {
    for (Place& place : places_) place.size = 0;
  }

 private:
  static constexpr size_t kPlaces = 1 << 16;
  static constexpr size_t kBytesMax = 59;
  // A line of the processor's cache. Without an entry, `size` is 0.
  struct alignas(64) Place {
    DayNumber day = 0;
    uint8_t size = 0;
    std::array<char, kBytesMax> bytes{};

    std::string_view entry() const { return {bytes.data(), size}; }
  };
  static_assert(sizeof(Place) == 64);
  std::vector<Place> places_;
};

}  // namespace weir::control::audit

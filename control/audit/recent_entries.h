// Remembers index entries written lately, for most records of a cell share them.
//
// Each place holds one entry whole, so it never takes one for another; a collision only forgets.
// The writer's thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "control/audit/store_keys.h"

namespace weir::control::audit {

class RecentEntries {
 public:
  RecentEntries() : places_(kPlaces) {}

  // True when the entry was not here; it is now.
  bool Add(DayNumber day, std::string_view entry) {
    Place& place =
        places_[(std::hash<std::string_view>{}(entry) ^ static_cast<size_t>(day)) % kPlaces];
    if (place.day == day && place.entry == entry) return false;
    place.day = day;
    place.entry.assign(entry);
    return true;
  }

  // After a write that failed, or when a day is gone.
  void Clear() {
    for (Place& place : places_) place.entry.clear();
  }

 private:
  static constexpr size_t kPlaces = 1 << 17;
  struct Place {
    DayNumber day = 0;
    std::string entry;
  };
  std::vector<Place> places_;
};

}  // namespace weir::control::audit

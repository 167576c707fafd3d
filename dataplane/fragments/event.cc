#include "dataplane/fragments/event.h"

#include <array>

namespace weir::fragments {

std::string_view EventName(Event event) {
  static constexpr std::array<std::string_view, static_cast<size_t>(Event::kCount)> kNames = {
      "held",       "completed", "duplicate", "closed",  "waved",    "no_room",  "corrupt",
      "cut",        "too_deep",  "overlap",   "illegal", "tiny",     "too_many", "expired",
      "over_quota", "stale",     "blocked",   "odd",     "forgotten"};
  return event < Event::kCount ? kNames[static_cast<size_t>(event)] : "unknown";
}

}  // namespace weir::fragments

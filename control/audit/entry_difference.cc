#include "control/audit/entry_difference.h"

#include <algorithm>

namespace weir::control::audit {
namespace {

// The finalizer of SplitMix64 (Steele, Lea and Flood 2014).
uint64_t Mix(uint64_t value) {
  value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
  value = (value ^ value >> 27) * 0x94d049bb133111eb;
  return value ^ value >> 31;
}

constexpr uint64_t kGamma = 0x9e3779b97f4a7c15;

uint32_t CheckOf(uint64_t entry) { return static_cast<uint32_t>(Mix(entry - kGamma)); }

}  // namespace

std::array<size_t, EntryDifference::kParts> EntryDifference::PlacesOf(uint64_t entry) const {
  std::array<size_t, kParts> places{};
  for (size_t i = 0; i < kParts; i++) {
    const uint64_t mixed = Mix(entry + (i + 1) * kGamma);
    places[i] = i * part_ + static_cast<size_t>((mixed >> 32) * part_ >> 32);
  }
  return places;
}

void EntryDifference::Change(uint64_t entry, int32_t by) {
  const uint32_t check = CheckOf(entry);
  for (const size_t at : PlacesOf(entry)) {
    Place& place = places_[at];
    place.entries ^= entry;
    place.checks ^= check;
    place.count += by;
  }
}

bool EntryDifference::HasOne(const Place& place) const {
  return (place.count == 1 || place.count == -1) && place.checks == CheckOf(place.entries);
}

// An entry that is alone in one of its places is known, and taken out of all three; so others
// become alone.
std::optional<EntryDifference::Rest> EntryDifference::Take() {
  Rest rest;
  std::vector<size_t> alone;
  for (size_t at = 0; at < places_.size(); at++) {
    if (HasOne(places_[at])) alone.push_back(at);
  }
  // The bound is for what a collision of checks might do.
  while (!alone.empty() && rest.added.size() + rest.removed <= places_.size()) {
    const Place place = places_[alone.back()];
    alone.pop_back();
    if (!HasOne(place)) continue;
    place.count > 0 ? rest.added.push_back(place.entries) : static_cast<void>(rest.removed++);
    Change(place.entries, -place.count);
    for (const size_t at : PlacesOf(place.entries)) {
      if (HasOne(places_[at])) alone.push_back(at);
    }
  }
  const bool empty = std::ranges::all_of(places_, [](const Place& place) {
    return place.count == 0 && place.entries == 0 && place.checks == 0;
  });
  if (!empty) return std::nullopt;
  return rest;
}

}  // namespace weir::control::audit

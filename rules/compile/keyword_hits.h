// The keywords found in all that was read of one request, and the conditions that hold by those of
// one decision.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace weir::rules {

// A word in a field, whatever the policy: one that is found stays found when the policy changes.
using KeywordId = uint64_t;

class KeywordHits {
 public:
  static constexpr size_t kHitsMax = 16;

  KeywordHits() {}  // leaves the places as they are

  // False: it was there. One more than kHitsMax takes the place of the first.
  bool Add(KeywordId id) {
    const auto hits = all();
    if (std::find(hits.begin(), hits.end(), id) != hits.end()) return false;
    if (count_ == kHitsMax) {
      std::copy(ids_.begin() + 1, ids_.end(), ids_.begin());
      --count_;
    }
    ids_[count_++] = id;
    return true;
  }
  void Clear() { count_ = 0; }
  bool empty() const { return count_ == 0; }
  std::span<const KeywordId> all() const { return {ids_.data(), count_}; }

 private:
  uint8_t count_ = 0;
  std::array<KeywordId, kHitsMax> ids_;
};

// Ascending numbers of conditions. Of more than kSetsMax the lowest stay: they stand in the first
// rules.
class KeywordSets {
 public:
  static constexpr size_t kSetsMax = 256;

  KeywordSets() {}  // leaves the places as they are

  void Add(uint32_t set) {
    const auto end = sets_.begin() + count_;
    const auto at = std::lower_bound(sets_.begin(), end, set);
    if (at != end && *at == set) return;
    if (count_ == kSetsMax) {
      if (at == end) return;
      --count_;
    }
    std::copy_backward(at, sets_.begin() + count_, sets_.begin() + count_ + 1);
    *at = set;
    ++count_;
  }
  void Add(std::span<const uint32_t> sets) {
    for (const uint32_t set : sets) Add(set);
  }
  void Clear() { count_ = 0; }
  std::span<const uint32_t> all() const { return {sets_.data(), count_}; }

 private:
  uint16_t count_ = 0;
  std::array<uint32_t, kSetsMax> sets_;
};

}  // namespace weir::rules

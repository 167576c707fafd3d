// The same numbers from the same seed everywhere: splitmix64, and no std distribution, whose
// results differ between libraries.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace weir::property {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    state_ += 0x9e3779b97f4a7c15U;
    uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9U;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebU;
    return mixed ^ (mixed >> 31);
  }
  // 0 to bound - 1; bound is not 0.
  uint32_t Below(uint32_t bound) {
    return static_cast<uint32_t>(((Next() >> 32) * uint64_t{bound}) >> 32);
  }
  uint32_t Between(uint32_t least, uint32_t most) { return least + Below(most - least + 1); }
  bool OneIn(uint32_t n) { return Below(n) == 0; }

  template <typename List>
  const auto& Of(const List& list) {
    return std::data(list)[Below(static_cast<uint32_t>(std::size(list)))];
  }
  template <typename List>
  void Shuffle(List& list) {
    for (size_t i = std::size(list); i > 1; --i) {
      std::swap(list[i - 1], list[Below(static_cast<uint32_t>(i))]);
    }
  }

 private:
  uint64_t state_;
};

}  // namespace weir::property

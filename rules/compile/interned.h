// Gives equal sets one number; numbers rise in the order in which sets are first added.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace weir::rules {

template <typename Set>
class Interned {
 public:
  uint32_t Add(Set set) {
    const auto [known, is_new] = numbers_.try_emplace(std::move(set), size());
    if (is_new) sets_.push_back(&known->first);
    return known->second;
  }
  const Set& operator[](uint32_t number) const { return *sets_[number]; }
  uint32_t size() const { return static_cast<uint32_t>(sets_.size()); }

 private:
  std::map<Set, uint32_t> numbers_;
  std::vector<const Set*> sets_;
};

}  // namespace weir::rules

// The values of one condition while a policy is compiled, in a form in which equal ones are equal:
// to compare them, and to see which holds all of which. Workers ask SetTables instead.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "rules/model/policy_text.h"

namespace weir::rules {

// Disjoint ranges by family, ascending, none touching the next.
class AddressSet {
 public:
  AddressSet() = default;
  explicit AddressSet(std::span<const AddressRange> ranges);

  bool Covers(const AddressSet& other) const;
  bool empty() const { return v4_.empty() && v6_.empty(); }
  const std::vector<AddressRange>& v4() const { return v4_; }
  const std::vector<AddressRange>& v6() const { return v6_; }

  auto operator<=>(const AddressSet&) const = default;

 private:
  std::vector<AddressRange> v4_;
  std::vector<AddressRange> v6_;
};

// Disjoint ranges of numbers, as above: ports with their protocol, applications, categories.
class NumberSet {
 public:
  using Range = std::pair<uint32_t, uint32_t>;  // first, last

  NumberSet() = default;
  explicit NumberSet(std::vector<Range> ranges);

  bool Covers(const NumberSet& other) const;
  const std::vector<Range>& ranges() const { return ranges_; }

  auto operator<=>(const NumberSet&) const = default;

 private:
  std::vector<Range> ranges_;
};

}  // namespace weir::rules

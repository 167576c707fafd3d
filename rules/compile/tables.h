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

// Disjoint ranges of numbers, as above.
template <typename Number>
class SetOf {
 public:
  using Range = std::pair<Number, Number>;  // first, last

  SetOf() = default;
  explicit SetOf(std::vector<Range> ranges);

  bool Covers(const SetOf& other) const;
  const std::vector<Range>& ranges() const { return ranges_; }

  auto operator<=>(const SetOf&) const = default;

 private:
  std::vector<Range> ranges_;
};
using NumberSet = SetOf<uint32_t>;  // ports with their protocol, applications, categories, VLANs
using MacSet = SetOf<uint64_t>;

}  // namespace weir::rules

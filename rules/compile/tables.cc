#include "rules/compile/tables.h"

#include <algorithm>
#include <optional>

namespace weir::rules {
namespace {

using base::IpAddress;

// nullopt before the first.
std::optional<IpAddress> Before(IpAddress address) {
  auto& bytes = address.mutable_bytes();
  for (size_t i = bytes.size(); i-- > 0;) {
    if (bytes[i]-- != 0) return address;
  }
  return std::nullopt;
}

// Sorts, and joins what overlaps or touches.
std::vector<AddressRange> Joined(std::vector<AddressRange> ranges) {
  std::sort(ranges.begin(), ranges.end());
  std::vector<AddressRange> out;
  for (const AddressRange& range : ranges) {
    const auto before = Before(range.first);
    const bool touches = !out.empty() && (!before || *before <= out.back().last);
    if (touches) {
      out.back().last = std::max(out.back().last, range.last);
    } else {
      out.push_back(range);
    }
  }
  return out;
}

// The range with the greatest first that is not above `address`.
template <typename Ranges, typename Value>
auto FindRange(const Ranges& ranges, const Value& value) -> decltype(&ranges[0]) {
  const auto above =
      std::upper_bound(ranges.begin(), ranges.end(), value,
                       [](const Value& wanted, const auto& range) { return wanted < range.first; });
  return above == ranges.begin() ? nullptr : &*std::prev(above);
}

bool CoversRanges(const std::vector<AddressRange>& outer, const std::vector<AddressRange>& inner) {
  return std::all_of(inner.begin(), inner.end(), [&](const AddressRange& range) {
    const AddressRange* around = FindRange(outer, range.first);
    return around != nullptr && range.last <= around->last;
  });
}

}  // namespace

AddressSet::AddressSet(std::span<const AddressRange> ranges) {
  for (const AddressRange& range : ranges) {
    (range.first.is_v4() ? v4_ : v6_).push_back(range);
  }
  v4_ = Joined(std::move(v4_));
  v6_ = Joined(std::move(v6_));
}

bool AddressSet::Covers(const AddressSet& other) const {
  return CoversRanges(v4_, other.v4_) && CoversRanges(v6_, other.v6_);
}

template <typename Number>
SetOf<Number>::SetOf(std::vector<Range> ranges) {
  std::sort(ranges.begin(), ranges.end());
  for (const Range& range : ranges) {
    const bool touches =
        !ranges_.empty() && uint64_t{range.first} <= uint64_t{ranges_.back().second} + 1;
    if (touches) {
      ranges_.back().second = std::max(ranges_.back().second, range.second);
    } else {
      ranges_.push_back(range);
    }
  }
}

template <typename Number>
bool SetOf<Number>::Covers(const SetOf& other) const {
  return std::all_of(other.ranges_.begin(), other.ranges_.end(), [&](const Range& range) {
    const Range* around = FindRange(ranges_, range.first);
    return around != nullptr && range.second <= around->second;
  });
}

template class SetOf<uint32_t>;
template class SetOf<uint64_t>;

}  // namespace weir::rules

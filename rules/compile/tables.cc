#include "rules/compile/tables.h"

#include <algorithm>
#include <optional>

namespace weir::rules {
namespace {

using base::IpAddress;
using base::IpPrefix;

// The address before or behind; nullopt beyond either end.
std::optional<IpAddress> Before(IpAddress address) {
  auto& bytes = address.mutable_bytes();
  for (size_t i = bytes.size(); i-- > 0;) {
    if (bytes[i]-- != 0) return address;
  }
  return std::nullopt;
}

std::optional<IpAddress> Behind(IpAddress address) {
  auto& bytes = address.mutable_bytes();
  for (size_t i = bytes.size(); i-- > 0;) {
    if (++bytes[i] != 0) return address;
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

IpAddress LastOf(const IpPrefix& prefix) {
  IpAddress last = prefix.address();
  for (unsigned bit = prefix.length_bits(); bit < 128; ++bit) {
    uint8_t& byte = last.mutable_bytes()[bit / 8];
    byte = static_cast<uint8_t>(byte | (0x80U >> (bit % 8)));
  }
  return last;
}

// The largest prefixes that fill the range, from its front.
void AppendPrefixes(const AddressRange& range, std::vector<IpPrefix>& out) {
  std::optional<IpAddress> next = range.first;
  while (next && *next <= range.last) {
    unsigned length = 128;
    while (length > 0) {
      const IpPrefix wider(*next, length - 1);
      if (wider.address() != *next || range.last < LastOf(wider)) break;
      --length;
    }
    const IpPrefix prefix(*next, length);
    out.push_back(prefix);
    next = Behind(LastOf(prefix));
  }
}

}  // namespace

NameSet::NameSet(std::span<const WordItem> names, bool with_subdomains)
    : with_subdomains_(with_subdomains) {
  for (const WordItem& item : names) names_.insert(item.word);
}

bool NameSet::Contains(std::string_view name) const {
  if (!with_subdomains_) return names_.contains(name);
  return AnyOfNameAndParents(name, [&](std::string_view part) { return names_.contains(part); });
}

bool NameSet::Covers(const NameSet& other) const {
  if (other.with_subdomains_ && !with_subdomains_) return false;
  return std::all_of(other.names_.begin(), other.names_.end(),
                     [&](const std::string& name) { return Contains(name); });
}

AddressSet::AddressSet(std::span<const AddressRange> ranges) {
  for (const AddressRange& range : ranges) {
    (range.first.is_v4() ? v4_ : v6_).push_back(range);
  }
  v4_ = Joined(std::move(v4_));
  v6_ = Joined(std::move(v6_));
}

bool AddressSet::Contains(const IpAddress& address) const {
  const std::vector<AddressRange>& ranges = address.is_v4() ? v4_ : v6_;
  const AddressRange* range = FindRange(ranges, address);
  return range != nullptr && address <= range->last;
}

bool AddressSet::Covers(const AddressSet& other) const {
  return CoversRanges(v4_, other.v4_) && CoversRanges(v6_, other.v6_);
}

std::vector<IpPrefix> AddressSet::Prefixes() const {
  std::vector<IpPrefix> out;
  for (const AddressRange& range : v4_) AppendPrefixes(range, out);
  for (const AddressRange& range : v6_) AppendPrefixes(range, out);
  return out;
}

NumberSet::NumberSet(std::vector<Range> ranges) {
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

bool NumberSet::Contains(uint32_t number) const {
  const Range* range = FindRange(ranges_, number);
  return range != nullptr && number <= range->second;
}

bool NumberSet::Covers(const NumberSet& other) const {
  return std::all_of(other.ranges_.begin(), other.ranges_.end(), [&](const Range& range) {
    const Range* around = FindRange(ranges_, range.first);
    return around != nullptr && range.second <= around->second;
  });
}

uint64_t NumberSet::size() const {
  uint64_t size = 0;
  for (const Range& range : ranges_) size += uint64_t{range.second} - range.first + 1;
  return size;
}

}  // namespace weir::rules

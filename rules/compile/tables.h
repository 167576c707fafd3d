// The values of one condition, ready to be asked: names, addresses, numbers. Immutable after they
// are made, so any thread may ask; asking allocates nothing.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "dataplane/base/ip_address.h"
#include "rules/model/policy_text.h"

namespace weir::rules {

// Lets hash tables of std::string be asked with a view.
struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};
using TextSet = std::unordered_set<std::string, TextHash, std::equal_to<>>;

// Calls `visit` with `name`, then with each parent: "a.b.c", "b.c", "c"; until it returns true.
template <typename Visit>
bool AnyOfNameAndParents(std::string_view name, Visit visit) {
  for (;;) {
    if (visit(name)) return true;
    const size_t dot = name.find('.');
    if (dot == std::string_view::npos) return false;
    name.remove_prefix(dot + 1);
  }
}

// Names in their one form (dataplane/base/idna.h): exactly these, or these and all below.
class NameSet {
 public:
  NameSet() = default;
  NameSet(std::span<const WordItem> names, bool with_subdomains);

  bool Contains(std::string_view name) const;
  bool Covers(const NameSet& other) const;  // everything in `other` is in here; may miss some cases
  const TextSet& names() const { return names_; }
  bool with_subdomains() const { return with_subdomains_; }

 private:
  TextSet names_;
  bool with_subdomains_ = false;
};

// Disjoint ranges by family.
class AddressSet {
 public:
  AddressSet() = default;
  explicit AddressSet(std::span<const AddressRange> ranges);

  bool Contains(const base::IpAddress& address) const;
  bool Covers(const AddressSet& other) const;
  bool empty() const { return v4_.empty() && v6_.empty(); }

  // The prefixes that together are this set.
  std::vector<base::IpPrefix> Prefixes() const;

 private:
  std::vector<AddressRange> v4_;
  std::vector<AddressRange> v6_;
};

// Disjoint ranges of numbers: ports with their protocol, applications, categories.
class NumberSet {
 public:
  using Range = std::pair<uint32_t, uint32_t>;  // first, last

  NumberSet() = default;
  explicit NumberSet(std::vector<Range> ranges);

  bool Contains(uint32_t number) const;
  bool Covers(const NumberSet& other) const;
  const std::vector<Range>& ranges() const { return ranges_; }
  uint64_t size() const;  // how many numbers

 private:
  std::vector<Range> ranges_;
};

constexpr uint32_t PortKey(uint8_t ip_protocol, uint16_t port) {
  return (uint32_t{ip_protocol} << 16) | port;
}

}  // namespace weir::rules

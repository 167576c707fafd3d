// Which numbered sets of accounts an account lies in: those of `account` conditions, and those of
// groups that name it or have a pattern for it.
//
// Asked off the packet path, once for an account and a policy; what it says is kept beside the
// account's addresses (dataplane/identity). Immutable; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "rules/compile/account_pattern.h"

namespace weir::rules {

// In place of a set of accounts: an end inside whose address nobody has.
inline constexpr uint32_t kUnknownAddressSet = 0;
inline constexpr uint32_t kFirstAccountSet = 1;

// Different patterns of a policy: each is tried with each account.
inline constexpr size_t kAccountPatternsMax = 1000;

class AccountSets {
 public:
  // Ascending numbers.
  struct Found {
    std::vector<uint32_t> accounts;
    std::vector<uint32_t> groups;

    bool operator==(const Found&) const = default;
  };

  AccountSets() = default;

  Found Find(std::string_view account) const;

  // Whether any group has accounts, or patterns for them.
  bool has_groups() const { return has_groups_; }
  size_t memory_bytes() const;

 private:
  friend class IdentityCatalog;

  struct Pattern {
    AccountPattern pattern;
    std::vector<uint32_t> groups;
  };
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view name) const { return std::hash<std::string_view>()(name); }
  };

  std::unordered_map<std::string, Found, Hash, std::equal_to<>> by_name_;
  std::vector<Pattern> patterns_;
  bool has_groups_ = false;
};

}  // namespace weir::rules

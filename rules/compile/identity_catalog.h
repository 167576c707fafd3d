// The values of `account` and `group` while a policy is compiled: equal ones get one number, and
// from all of them what is asked later is made.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "rules/compile/account_sets.h"
#include "rules/compile/interned.h"
#include "rules/compile/set_tables.h"
#include "rules/compile/tables.h"

namespace weir::rules {

struct GroupSet {
  AddressSet addresses;
  std::vector<std::string> accounts;  // sorted, each once
  std::vector<std::string> patterns;  // the same

  bool Covers(const GroupSet& other) const;
  auto operator<=>(const GroupSet&) const = default;
};

class IdentityCatalog {
 public:
  uint32_t AddAccounts(std::vector<std::string> names);
  uint32_t AddGroup(GroupSet group) { return groups_.Add(std::move(group)); }

  bool CoversAccounts(uint32_t outer, uint32_t inner) const;
  bool CoversGroup(uint32_t outer, uint32_t inner) const {
    return groups_[outer].Covers(groups_[inner]);
  }

  // Once, after the last: where groups' prefixes are found.
  void MakeMaps(SetTables& tables) const;

  // Once, after the last. Every pattern is one that AccountPattern::Make() takes.
  std::shared_ptr<const AccountSets> MakeAccountSets() const;

 private:
  Interned<std::vector<std::string>> accounts_;  // each sorted
  Interned<GroupSet> groups_;
};

}  // namespace weir::rules

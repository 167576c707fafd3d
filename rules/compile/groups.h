// The groups that a policy defines, and the numbers of those that its rules ask for.
//
// While a policy is compiled; the text, the catalog and the faults outlive this.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rules/compile/identity_catalog.h"
#include "rules/model/fault_list.h"
#include "rules/model/policy_text.h"

namespace weir::rules {

class Groups {
 public:
  // Takes all definitions, used or not: a pattern that cannot be right is told at once.
  Groups(const PolicyText& text, IdentityCatalog& catalog, FaultList& faults);

  // Of all groups named, together.
  uint32_t NumberOf(std::span<const WordItem> names);

  // Each definition's name and number.
  const std::vector<std::pair<std::string, uint32_t>>& numbered() const { return numbered_; }

 private:
  GroupSet Take(const GroupDefinition& definition, FaultList& faults);
  void TakePattern(const GroupItem& item, FaultList& faults);

  IdentityCatalog& catalog_;
  std::map<std::string_view, GroupSet> groups_;
  std::set<std::string_view> patterns_;
  std::vector<std::pair<std::string, uint32_t>> numbered_;
};

}  // namespace weir::rules

#include "rules/compile/groups.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace weir::rules {
namespace {

void SortOnce(std::vector<std::string>& words) {
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
}

}  // namespace

Groups::Groups(const PolicyText& text, IdentityCatalog& catalog, FaultList& faults)
    : catalog_(catalog) {
  for (const GroupDefinition& definition : text.groups) {
    GroupSet group = Take(definition, faults);
    numbered_.emplace_back(definition.name, catalog_.AddGroup(group));
    groups_.emplace(definition.name, std::move(group));
  }
}

GroupSet Groups::Take(const GroupDefinition& definition, FaultList& faults) {
  GroupSet group;
  std::vector<AddressRange> ranges;
  for (const GroupItem& item : definition.items) {
    switch (item.kind) {
      case GroupItem::Kind::kRange:
        ranges.push_back(item.range);
        break;
      case GroupItem::Kind::kAccount:
        group.accounts.push_back(item.account);
        break;
      case GroupItem::Kind::kAccountPattern:
        TakePattern(item, faults);
        group.patterns.push_back(item.account);
        break;
    }
  }
  group.addresses = AddressSet(ranges);
  SortOnce(group.accounts);
  SortOnce(group.patterns);
  return group;
}

// Made here to see whether it is good; those that are asked are made once the policy is.
void Groups::TakePattern(const GroupItem& item, FaultList& faults) {
  if (!patterns_.insert(item.account).second) return;
  const std::string shown = "/" + item.account + "/";
  if (patterns_.size() == kAccountPatternsMax + 1) {
    faults.Add(item.where, shown,
               fmt::format("a policy has up to {} patterns", kAccountPatternsMax));
  }
  const auto pattern = AccountPattern::Make(item.account);
  if (!pattern) faults.Add(item.where, shown, pattern.error().message);
}

uint32_t Groups::NumberOf(std::span<const WordItem> names) {
  GroupSet all;
  std::vector<AddressRange> ranges;
  for (const WordItem& name : names) {
    const GroupSet& one = groups_.at(name.word);  // ParsePolicy refuses a name of no group
    for (const auto* of_family : {&one.addresses.v4(), &one.addresses.v6()}) {
      ranges.insert(ranges.end(), of_family->begin(), of_family->end());
    }
    all.accounts.insert(all.accounts.end(), one.accounts.begin(), one.accounts.end());
    all.patterns.insert(all.patterns.end(), one.patterns.begin(), one.patterns.end());
  }
  all.addresses = AddressSet(ranges);
  SortOnce(all.accounts);
  SortOnce(all.patterns);
  return catalog_.AddGroup(std::move(all));
}

}  // namespace weir::rules

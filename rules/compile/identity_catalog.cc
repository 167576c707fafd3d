#include "rules/compile/identity_catalog.h"

#include <algorithm>
#include <map>
#include <utility>

namespace weir::rules {

bool GroupSet::Covers(const GroupSet& other) const {
  return addresses.Covers(other.addresses) && std::ranges::includes(accounts, other.accounts) &&
         std::ranges::includes(patterns, other.patterns);
}

uint32_t IdentityCatalog::AddAccounts(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return kFirstAccountSet + accounts_.Add(std::move(names));
}

bool IdentityCatalog::CoversAccounts(uint32_t outer, uint32_t inner) const {
  // What is nobody's lies in no set of accounts.
  if (outer == kUnknownAddressSet || inner == kUnknownAddressSet) return outer == inner;
  return std::ranges::includes(accounts_[outer - kFirstAccountSet],
                               accounts_[inner - kFirstAccountSet]);
}

void IdentityCatalog::MakeMaps(SetTables& tables) const {
  std::vector<AddressMapV4::Range> v4;
  std::vector<AddressMapV6::Range> v6;
  for (uint32_t group = 0; group < groups_.size(); ++group) {
    for (const AddressRange& range : groups_[group].addresses.v4()) {
      v4.push_back({static_cast<uint32_t>(AddressKey(range.first)),
                    static_cast<uint32_t>(AddressKey(range.last)), group});
    }
    for (const AddressRange& range : groups_[group].addresses.v6()) {
      v6.push_back({AddressKey(range.first), AddressKey(range.last), group});
    }
  }
  tables.groups_v4 = AddressMapV4(v4);
  tables.groups_v6 = AddressMapV6(v6);
}

std::shared_ptr<const AccountSets> IdentityCatalog::MakeAccountSets() const {
  auto sets = std::make_shared<AccountSets>();
  for (uint32_t number = 0; number < accounts_.size(); ++number) {
    for (const std::string& name : accounts_[number]) {
      sets->by_name_[name].accounts.push_back(kFirstAccountSet + number);
    }
  }
  std::map<std::string, std::vector<uint32_t>> by_pattern;
  for (uint32_t group = 0; group < groups_.size(); ++group) {
    for (const std::string& name : groups_[group].accounts) {
      sets->by_name_[name].groups.push_back(group);
    }
    for (const std::string& pattern : groups_[group].patterns) {
      by_pattern[pattern].push_back(group);
    }
    sets->has_groups_ |= !groups_[group].accounts.empty() || !groups_[group].patterns.empty();
  }
  for (auto& [pattern, groups] : by_pattern) {
    sets->patterns_.push_back(
        {std::move(AccountPattern::Make(pattern)).value(), std::move(groups)});
  }
  return sets;
}

}  // namespace weir::rules

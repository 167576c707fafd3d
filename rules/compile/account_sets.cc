#include "rules/compile/account_sets.h"

#include <algorithm>

namespace weir::rules {

AccountSets::Found AccountSets::Find(std::string_view account) const {
  Found found;
  if (const auto named = by_name_.find(account); named != by_name_.end()) found = named->second;
  for (const Pattern& one : patterns_) {
    if (!one.pattern.Matches(account)) continue;
    found.groups.insert(found.groups.end(), one.groups.begin(), one.groups.end());
  }
  std::sort(found.groups.begin(), found.groups.end());
  found.groups.erase(std::unique(found.groups.begin(), found.groups.end()), found.groups.end());
  return found;
}

size_t AccountSets::memory_bytes() const {
  size_t bytes = sizeof *this + by_name_.bucket_count() * sizeof(void*) +
                 patterns_.capacity() * sizeof(Pattern);
  for (const auto& [name, found] : by_name_) {
    bytes += sizeof name + name.capacity() + sizeof found + sizeof(void*) +
             (found.accounts.capacity() + found.groups.capacity()) * sizeof(uint32_t);
  }
  for (const Pattern& one : patterns_) {
    bytes += one.pattern.memory_bytes() + one.groups.capacity() * sizeof(uint32_t);
  }
  return bytes;
}

}  // namespace weir::rules

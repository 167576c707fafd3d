// Asks a policy once about each account, however many addresses it has.
//
// One thread at a time.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "dataplane/identity/identity_table.h"
#include "rules/compile/account_sets.h"

namespace weir::identity {

class AccountResolver {
 public:
  explicit AccountResolver(std::shared_ptr<const rules::AccountSets> sets)
      : sets_(std::move(sets)) {}

  AccountPtr Get(std::string_view name);

  // Forgets accounts that nobody else holds, once they are more than half of those known.
  void Prune(size_t in_use);

  size_t size() const { return known_.size(); }
  size_t memory_bytes() const;

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view name) const { return std::hash<std::string_view>()(name); }
  };

  std::shared_ptr<const rules::AccountSets> sets_;
  // The keys are the accounts' own names.
  std::unordered_map<std::string_view, AccountPtr, Hash, std::equal_to<>> known_;
};

}  // namespace weir::identity

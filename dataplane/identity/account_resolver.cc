#include "dataplane/identity/account_resolver.h"

namespace weir::identity {

AccountPtr AccountResolver::Get(std::string_view name) {
  const auto known = known_.find(name);
  if (known != known_.end()) return known->second;
  auto account = std::make_shared<Account>();
  account->name = name;
  account->sets = sets_->Find(name);
  const std::string_view key = account->name;
  return known_.emplace(key, std::move(account)).first->second;
}

void AccountResolver::Prune(size_t in_use) {
  constexpr size_t kSlack = 1000;
  if (known_.size() < 2 * in_use + kSlack) return;
  std::erase_if(known_, [](const auto& entry) { return entry.second.use_count() == 1; });
}

size_t AccountResolver::memory_bytes() const {
  size_t bytes = sizeof *this + known_.bucket_count() * sizeof(void*);
  for (const auto& [name, account] : known_) {
    bytes +=
        sizeof name + sizeof account + 2 * sizeof(void*) + sizeof(Account) + name.size() +
        (account->sets.accounts.capacity() + account->sets.groups.capacity()) * sizeof(uint32_t);
  }
  return bytes;
}

}  // namespace weir::identity

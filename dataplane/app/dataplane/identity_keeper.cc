#include "dataplane/app/dataplane/identity_keeper.h"

#include <algorithm>
#include <utility>

namespace weir::appliance {

using identity::ChangedAddresses;
using identity::IdentityTable;

void IdentityKeeper::Moved::Add(const Moved& more) {
  everything |=
      more.everything || addresses.size() + more.addresses.size() > ChangedAddresses::kAddressesMax;
  if (everything) {
    addresses.clear();
  } else {
    addresses.insert(addresses.end(), more.addresses.begin(), more.addresses.end());
  }
}

IdentityKeeper::IdentityKeeper(const Settings& settings, const base::HashKey& secret,
                               PolicyInForce& in_force)
    : settings_(settings),
      in_force_(in_force),
      resolver_(std::make_shared<identity::AccountResolver>(
          std::make_shared<const rules::AccountSets>())),
      table_(std::make_shared<const IdentityTable>(secret, settings.complete_at_start)) {}

IdentityKeeper::Resolved IdentityKeeper::Resolve(identity::IdentityTablePtr table,
                                                 const rules::CompiledPolicy& policy) {
  Resolved resolved;
  resolved.resolver = std::make_shared<identity::AccountResolver>(policy.parts().accounts);
  resolved.after = table->Resolved(*resolved.resolver);
  resolved.before = std::move(table);
  return resolved;
}

identity::IdentityTablePtr IdentityKeeper::Adopt(Resolved resolved) {
  resolver_ = std::move(resolved.resolver);
  table_ = table_->Resolved(*resolver_, resolved.before.get(), resolved.after.get());
  for (Change& change : staged_) change.account = resolver_->Get(change.account->name);
  return table_;
}

bool IdentityKeeper::Take(const IdentityUpdate& update) {
  const bool begins = update.full && update.first;
  const bool follows =
      update.boot == publisher_ && update.seq == seq_ + 1 && update.full == staging_;
  if (!begins && !follows) {
    ++counters_.again;
    return false;
  }
  publisher_ = update.boot;
  seq_ = update.seq;
  ++counters_.updates;
  if (!update.full) {
    TakeChanges(update);
    return true;
  }
  if (begins) staged_.clear();
  staging_ = !update.last;
  Stage(update);
  if (update.last) TakeAll();
  return true;
}

void IdentityKeeper::Stage(const IdentityUpdate& update) {
  for (const auto& [ip, account] : update.set) {
    if (staged_.size() >= settings_.addresses_max) {
      ++counters_.refused;
    } else {
      staged_.push_back({ip, resolver_->Get(account)});
    }
  }
}

// In the place of all before: what is no longer told is nobody's.
void IdentityKeeper::TakeAll() {
  std::vector<Change> changes = std::exchange(staged_, {});
  const auto by_ip = [](const Change& a, const Change& b) { return a.ip < b.ip; };
  std::stable_sort(changes.begin(), changes.end(), by_ip);
  std::vector<Change> gone;
  table_->ForEach([&](const base::IpAddress& ip, const identity::AccountPtr&) {
    const Change change{ip, nullptr};
    if (!std::binary_search(changes.begin(), changes.end(), change, by_ip)) gone.push_back(change);
  });
  std::erase_if(changes, [this](const Change& change) {
    return table_->Find(change.ip) == change.account.get();
  });
  changes.insert(changes.end(), gone.begin(), gone.end());
  Put(changes, true);
}

void IdentityKeeper::TakeChanges(const IdentityUpdate& update) {
  std::vector<Change> changes;
  for (const base::IpAddress& ip : update.remove) changes.push_back({ip, nullptr});
  const size_t left = table_->size() - std::min(table_->size(), update.remove.size());
  size_t room = settings_.addresses_max - std::min(settings_.addresses_max, left);
  for (const auto& [ip, account] : update.set) {
    const bool is_new = table_->Find(ip) == nullptr;
    if (is_new && room == 0) {
      ++counters_.refused;
      continue;
    }
    if (is_new) --room;
    changes.push_back({ip, resolver_->Get(account)});
  }
  if (!changes.empty()) Put(changes, table_->complete());
}

// Whether the policy in force may judge an address in another way now.
bool IdentityKeeper::Matters(const identity::Account* before,
                             const identity::Account* after) const {
  static const rules::AccountSets::Found kNoSets;
  if (before == after) return false;
  if ((before == nullptr) != (after == nullptr) && in_force_.current()->judges_unknown()) {
    return true;
  }
  return (before == nullptr ? kNoSets : before->sets) != (after == nullptr ? kNoSets : after->sets);
}

void IdentityKeeper::Put(const std::vector<Change>& changes, bool complete) {
  const auto next = table_->With(changes, complete);
  const rules::CompiledPolicy& policy = *in_force_.current();
  Moved moved;
  moved.everything = complete != table_->complete() && policy.judges_unknown();
  for (const Change& change : changes) {
    if (Matters(table_->Find(change.ip), next->Find(change.ip))) {
      moved.addresses.push_back(change.ip);
    }
  }
  table_ = next;
  waiting_.Add(moved);
  Tell();
  in_force_.ReplaceIdentities(table_, changed_);
  resolver_->Prune(table_->size());
}

// In one set with all that some worker may not have done yet: each need know the newest only.
void IdentityKeeper::Tell() {
  if (waiting_.empty() || told_.size() >= kToldMax) return;
  Moved all = waiting_;
  for (const Told& told : told_) all.Add(told.own);
  ++generation_;
  ++counters_.changes_told;
  changed_ = all.everything
                 ? std::make_shared<const ChangedAddresses>(generation_)
                 : std::make_shared<const ChangedAddresses>(generation_, std::move(all.addresses));
  told_.push_back({changed_, std::exchange(waiting_, {})});
}

void IdentityKeeper::Settle(uint64_t rechecked) {
  while (!told_.empty() && told_.front().changed->generation() <= rechecked) told_.pop_front();
  if (waiting_.empty() || told_.size() >= kToldMax) return;
  Tell();
  in_force_.ReplaceIdentities(table_, changed_);
}

size_t IdentityKeeper::memory_bytes() const {
  return table_->memory_bytes() + resolver_->memory_bytes() + staged_.capacity() * sizeof(Change);
}

}  // namespace weir::appliance

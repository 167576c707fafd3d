#include "dataplane/app/dataplane/identity_keeper.h"

#include <algorithm>
#include <utility>

#include "dataplane/base/host_address.h"

namespace weir::appliance {

using identity::ChangedAddresses;
using identity::IdentityTable;

void IdentityKeeper::Moved::Add(const Moved& more) {
  everything |=
      more.everything || prefixes.size() + more.prefixes.size() > ChangedAddresses::kPrefixesMax;
  if (everything) {
    prefixes.clear();
  } else {
    prefixes.insert(prefixes.end(), more.prefixes.begin(), more.prefixes.end());
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
  if (begins) {
    staged_.clear();
    staging_room_ = {settings_.addresses_max, {}};
  }
  staging_ = !update.last;
  Stage(update);
  if (update.last) TakeAll();
  return true;
}

bool IdentityKeeper::TakeRoom(const base::IpPrefix& prefix, Room& room) {
  identity::PrefixLengths lengths = room.lengths;
  lengths.Add(prefix);
  if (room.bindings == 0 || lengths.most() > kLengthsMax) return false;
  --room.bindings;
  room.lengths = lengths;
  return true;
}

// Who had a prefix of everything would have what is nobody's, and rules would not see it; who had
// 0.0.0.0 would be everybody who asks for an address.
bool IdentityKeeper::MayBeBound(const base::IpPrefix& prefix) {
  if (base::MayBeSomebodys(prefix)) return true;
  ++counters_.prefixes_refused;
  return false;
}

void IdentityKeeper::Stage(const IdentityUpdate& update) {
  for (const auto& [prefix, account] : update.set) {
    if (!MayBeBound(prefix)) continue;
    if (!TakeRoom(prefix, staging_room_)) {
      ++counters_.refused;
    } else {
      staged_.push_back({prefix, resolver_->Get(account)});
    }
  }
}

// In the place of all before: what is no longer told is nobody's.
void IdentityKeeper::TakeAll() {
  std::vector<Change> changes = std::exchange(staged_, {});
  const auto by_prefix = [](const Change& a, const Change& b) { return a.prefix < b.prefix; };
  const auto same_prefix = [](const Change& a, const Change& b) { return a.prefix == b.prefix; };
  std::stable_sort(changes.begin(), changes.end(), by_prefix);
  // Of several the last.
  const auto others = std::unique(changes.rbegin(), changes.rend(), same_prefix);
  changes.erase(changes.begin(), others.base());
  std::vector<Change> gone;
  table_->ForEach([&](const base::IpPrefix& prefix, const identity::AccountPtr&) {
    const Change change{prefix, nullptr};
    if (!std::binary_search(changes.begin(), changes.end(), change, by_prefix)) {
      gone.push_back(change);
    }
  });
  std::erase_if(changes, [this](const Change& change) {
    return table_->Bound(change.prefix) == change.account.get();
  });
  changes.insert(changes.end(), gone.begin(), gone.end());
  Put(changes, true);
}

void IdentityKeeper::TakeChanges(const IdentityUpdate& update) {
  std::vector<base::IpPrefix> gone;
  for (const base::IpPrefix& prefix : update.remove) {
    if (table_->Bound(prefix) != nullptr) gone.push_back(prefix);
  }
  std::sort(gone.begin(), gone.end());
  gone.erase(std::unique(gone.begin(), gone.end()), gone.end());
  std::vector<Change> changes;
  for (const base::IpPrefix& prefix : gone) changes.push_back({prefix, nullptr});
  const size_t left = table_->size() - gone.size();
  Room room{settings_.addresses_max - std::min(settings_.addresses_max, left), table_->lengths()};
  for (const auto& [prefix, account] : update.set) {
    if (!MayBeBound(prefix)) continue;
    const bool is_new =
        table_->Bound(prefix) == nullptr || std::binary_search(gone.begin(), gone.end(), prefix);
    if (is_new && !TakeRoom(prefix, room)) {
      ++counters_.refused;
      continue;
    }
    changes.push_back({prefix, resolver_->Get(account)});
  }
  if (!changes.empty()) Put(changes, table_->complete());
}

// Whether the policy in force may judge addresses in another way now.
bool IdentityKeeper::Matters(const identity::Account* before,
                             const identity::Account* after) const {
  static const rules::AccountSets::Found kNoSets;
  if (before == after) return false;
  if ((before == nullptr) != (after == nullptr) && in_force_.current()->judges_unknown()) {
    return true;
  }
  return (before == nullptr ? kNoSets : before->sets) != (after == nullptr ? kNoSets : after->sets);
}

// What a change of a prefix means for its addresses depends on who has a shorter one. Those that a
// longer binding holds, before or after, are that binding's matter: either it is as it was, and so
// are they, or it is among the changes itself.
void IdentityKeeper::Put(const std::vector<Change>& changes, bool complete) {
  const auto next = table_->With(changes, complete);
  const rules::CompiledPolicy& policy = *in_force_.current();
  Moved moved;
  moved.everything = complete != table_->complete() && policy.judges_unknown();
  for (const Change& change : changes) {
    if (Matters(table_->Find(change.prefix), next->Find(change.prefix))) {
      moved.prefixes.push_back(change.prefix);
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
                 : std::make_shared<const ChangedAddresses>(generation_, std::move(all.prefixes));
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

#include "dataplane/identity/identity_table.h"

#include <algorithm>
#include <bit>

#include "dataplane/identity/account_resolver.h"

namespace weir::identity {

bool MayBeSomebodys(const base::IpAddress& address) {
  const auto& bytes = address.bytes();
  if (address.is_v4()) {
    const bool link_local = bytes[12] == 169 && bytes[13] == 254;
    const bool multicast_or_above = bytes[12] >= 224;
    return bytes[12] != 0 && !link_local && !multicast_or_above;
  }
  const bool link_local = bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
  const bool multicast = bytes[0] == 0xff;
  return !address.is_unspecified() && !link_local && !multicast;
}

IdentityTable::IdentityTable(const base::HashKey& secret, bool complete)
    : secret_(secret), complete_(complete) {
  shards_.fill(MakeShard(secret, {}));
}

IdentityTable::ShardPtr IdentityTable::MakeShard(const base::HashKey& secret,
                                                 std::span<const Slot> taken) {
  auto shard = std::make_shared<Shard>();
  shard->taken = taken.size();
  shard->slots.resize(std::bit_ceil(std::max<size_t>(taken.size() * 2, 2)));
  const size_t mask = shard->slots.size() - 1;
  for (const Slot& slot : taken) {
    size_t at = base::KeyedHash(secret, slot.ip.bytes()) & mask;
    while (shard->slots[at].account) at = (at + 1) & mask;
    shard->slots[at] = slot;
  }
  return shard;
}

const IdentityTable::Slot* IdentityTable::SlotOf(const base::IpAddress& ip) const {
  const uint64_t hash = Hash(ip);
  const std::vector<Slot>& slots = shards_[ShardOf(hash)]->slots;
  const size_t mask = slots.size() - 1;
  for (size_t at = hash & mask; slots[at].account; at = (at + 1) & mask) {
    if (slots[at].ip == ip) return &slots[at];
  }
  return nullptr;
}

const Account* IdentityTable::Find(const base::IpAddress& ip) const {
  const Slot* slot = SlotOf(ip);
  return slot == nullptr ? nullptr : slot->account.get();
}

AccountPtr IdentityTable::Owner(const base::IpAddress& ip) const {
  const Slot* slot = SlotOf(ip);
  return slot == nullptr ? nullptr : slot->account;
}

IdentityTablePtr IdentityTable::With(std::span<const Change> changes, bool complete) const {
  auto next = std::make_shared<IdentityTable>(*this);
  next->complete_ = complete;
  std::array<std::vector<const Change*>, kShards> by_shard;
  for (const Change& change : changes) by_shard[ShardOf(Hash(change.ip))].push_back(&change);
  for (size_t shard = 0; shard < kShards; ++shard) {
    if (!by_shard[shard].empty()) next->ChangeShard(shard, by_shard[shard]);
  }
  next->CountAll();
  return next;
}

void IdentityTable::ChangeShard(size_t number, std::span<const Change* const> changes) {
  std::vector<const Change*> sorted(changes.begin(), changes.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Change* a, const Change* b) { return a->ip < b->ip; });
  std::vector<Slot> taken;
  for (const Slot& slot : shards_[number]->slots) {
    const auto lower = [](const Change* change, const base::IpAddress& ip) {
      return change->ip < ip;
    };
    const auto change = std::lower_bound(sorted.begin(), sorted.end(), slot.ip, lower);
    const bool changes_it = change != sorted.end() && (*change)->ip == slot.ip;
    if (slot.account && !changes_it) taken.push_back(slot);
  }
  for (size_t i = 0; i < sorted.size(); ++i) {
    const bool is_last = i + 1 == sorted.size() || sorted[i + 1]->ip != sorted[i]->ip;
    if (is_last && sorted[i]->account) taken.push_back({sorted[i]->ip, sorted[i]->account});
  }
  shards_[number] = MakeShard(secret_, taken);
}

void IdentityTable::CountAll() {
  size_ = 0;
  for (const ShardPtr& shard : shards_) size_ += shard->taken;
}

IdentityTablePtr IdentityTable::Resolved(AccountResolver& resolver, const IdentityTable* before,
                                         const IdentityTable* after) const {
  auto next = std::make_shared<IdentityTable>(*this);
  for (size_t number = 0; number < kShards; ++number) {
    if (before != nullptr && before->shards_[number] == shards_[number]) {
      next->shards_[number] = after->shards_[number];
      continue;
    }
    auto shard = std::make_shared<Shard>(*shards_[number]);
    for (Slot& slot : shard->slots) {
      if (slot.account) slot.account = resolver.Get(slot.account->name);
    }
    next->shards_[number] = std::move(shard);
  }
  return next;
}

size_t IdentityTable::memory_bytes() const {
  size_t bytes = sizeof *this;
  for (const ShardPtr& shard : shards_) {
    bytes += sizeof *shard + shard->slots.capacity() * sizeof(Slot);
  }
  return bytes;
}

}  // namespace weir::identity

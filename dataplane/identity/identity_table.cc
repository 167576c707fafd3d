#include "dataplane/identity/identity_table.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "dataplane/identity/account_resolver.h"

namespace weir::identity {

IdentityTable::IdentityTable(const base::HashKey& secret, bool complete)
    : secret_(secret), complete_(complete) {
  shards_.fill(MakeShard(secret, {}));
}

// A host prefix as the address that it is.
uint64_t IdentityTable::Hash(const base::HashKey& secret, const base::IpPrefix& prefix) {
  if (prefix.is_one_address()) return Hash(secret, prefix.address());
  const uint8_t* bytes = prefix.address().bytes().data();
  base::SipHash13 hash(secret);
  hash.Add(base::LoadBe<uint64_t>(bytes));
  hash.Add(base::LoadBe<uint64_t>(bytes + 8));
  return hash.Finish(prefix.length_bits(), 1);
}

template <typename Key>
void IdentityTable::Put(Slots<Key>& slots, uint64_t hash, const Key& key,
                        const AccountPtr& account) {
  const size_t mask = slots.size() - 1;
  size_t at = hash & mask;
  while (slots[at].account) at = (at + 1) & mask;
  slots[at] = {key, account};
}

template <typename Key>
const AccountPtr* IdentityTable::OwnerIn(const Slots<Key>& slots, uint64_t hash, const Key& key) {
  const size_t mask = slots.size() - 1;
  for (size_t at = hash & mask; slots[at].account; at = (at + 1) & mask) {
    if (slots[at].key == key) return &slots[at].account;
  }
  return nullptr;
}

IdentityTable::ShardPtr IdentityTable::MakeShard(const base::HashKey& secret,
                                                 std::span<const Change> taken) {
  auto shard = std::make_shared<Shard>();
  for (const Change& binding : taken) {
    const bool is_address = binding.prefix.is_one_address();
    ++(is_address ? shard->addresses_taken : shard->prefixes_taken);
  }
  const auto slots_for = [](size_t count) { return std::bit_ceil(std::max<size_t>(count * 2, 2)); };
  shard->addresses.resize(slots_for(shard->addresses_taken));
  shard->prefixes.resize(slots_for(shard->prefixes_taken));
  for (const auto& [prefix, account] : taken) {
    const uint64_t hash = Hash(secret, prefix);
    shard->lengths.Add(prefix);
    if (prefix.is_one_address()) {
      Put(shard->addresses, hash, prefix.address(), account);
    } else {
      Put(shard->prefixes, hash, prefix, account);
    }
  }
  return shard;
}

const AccountPtr* IdentityTable::OwnerOfAddress(const base::IpAddress& ip) const {
  const uint64_t hash = Hash(secret_, ip);
  return OwnerIn(shards_[ShardOf(hash)]->addresses, hash, ip);
}

const AccountPtr* IdentityTable::OwnerOfPrefix(const base::IpPrefix& prefix) const {
  if (prefix.is_one_address()) return OwnerOfAddress(prefix.address());
  const uint64_t hash = Hash(secret_, prefix);
  return OwnerIn(shards_[ShardOf(hash)]->prefixes, hash, prefix);
}

const AccountPtr* IdentityTable::OwnerAround(const base::IpAddress& ip, unsigned end_bits) const {
  const LengthSet& lengths = lengths_.Of(ip);
  for (auto length = lengths.LongestBelow(end_bits); length;
       length = lengths.LongestBelow(*length)) {
    const AccountPtr* owner = OwnerOfPrefix(base::IpPrefix(ip, *length));
    if (owner != nullptr) return owner;
  }
  return nullptr;
}

const AccountPtr* IdentityTable::OwnerOf(const base::IpAddress& ip) const {
  const AccountPtr* owner = OwnerOfAddress(ip);
  if (owner != nullptr || lengths_.empty()) return owner;
  return OwnerAround(ip, base::IpPrefix(ip).length_bits());
}

const Account* IdentityTable::Find(const base::IpAddress& ip) const {
  const AccountPtr* owner = OwnerOf(ip);
  return owner == nullptr ? nullptr : owner->get();
}

AccountPtr IdentityTable::Owner(const base::IpAddress& ip) const {
  const AccountPtr* owner = OwnerOf(ip);
  return owner == nullptr ? nullptr : *owner;
}

const Account* IdentityTable::Find(const base::IpPrefix& prefix) const {
  const AccountPtr* owner = OwnerOfPrefix(prefix);
  if (owner == nullptr) owner = OwnerAround(prefix.address(), prefix.length_bits());
  return owner == nullptr ? nullptr : owner->get();
}

const Account* IdentityTable::Bound(const base::IpPrefix& prefix) const {
  const AccountPtr* owner = OwnerOfPrefix(prefix);
  return owner == nullptr ? nullptr : owner->get();
}

IdentityTablePtr IdentityTable::With(std::span<const Change> changes, bool complete) const {
  auto next = std::make_shared<IdentityTable>(*this);
  next->complete_ = complete;
  std::array<std::vector<const Change*>, kShards> by_shard;
  for (const Change& change : changes) {
    by_shard[ShardOf(Hash(secret_, change.prefix))].push_back(&change);
  }
  for (size_t shard = 0; shard < kShards; ++shard) {
    if (!by_shard[shard].empty()) next->ChangeShard(shard, by_shard[shard]);
  }
  next->CountAll();
  return next;
}

void IdentityTable::ChangeShard(size_t number, std::span<const Change* const> changes) {
  std::vector<const Change*> sorted(changes.begin(), changes.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Change* a, const Change* b) { return a->prefix < b->prefix; });
  std::vector<Change> taken;
  shards_[number]->ForEach([&](const base::IpPrefix& prefix, const AccountPtr& account) {
    const auto lower = [](const Change* change, const base::IpPrefix& than) {
      return change->prefix < than;
    };
    const auto change = std::lower_bound(sorted.begin(), sorted.end(), prefix, lower);
    const bool changes_it = change != sorted.end() && (*change)->prefix == prefix;
    if (!changes_it) taken.push_back({prefix, account});
  });
  for (size_t i = 0; i < sorted.size(); ++i) {
    const bool is_last = i + 1 == sorted.size() || sorted[i + 1]->prefix != sorted[i]->prefix;
    if (is_last && sorted[i]->account) taken.push_back(*sorted[i]);
  }
  shards_[number] = MakeShard(secret_, taken);
}

void IdentityTable::CountAll() {
  addresses_ = 0;
  prefixes_ = 0;
  lengths_ = {};
  for (const ShardPtr& shard : shards_) {
    addresses_ += shard->addresses_taken;
    prefixes_ += shard->prefixes_taken;
    lengths_.Add(shard->lengths);
  }
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
    const auto resolve = [&resolver](auto& slots) {
      for (auto& slot : slots) {
        if (slot.account) slot.account = resolver.Get(slot.account->name);
      }
    };
    resolve(shard->addresses);
    resolve(shard->prefixes);
    next->shards_[number] = std::move(shard);
  }
  return next;
}

size_t IdentityTable::memory_bytes() const {
  size_t bytes = sizeof *this;
  for (const ShardPtr& shard : shards_) {
    bytes += sizeof *shard + shard->addresses.capacity() * sizeof(shard->addresses[0]) +
             shard->prefixes.capacity() * sizeof(shard->prefixes[0]);
  }
  return bytes;
}

}  // namespace weir::identity

// Whose every address is, with what the policy in force makes of the account: one probe tells in
// which of its sets of accounts and groups an address lies.
//
// Theory of operation. The addresses are spread by a keyed hash over kShards small tables, each
// immutable and shared between snapshots. A snapshot that differs in some addresses copies the
// shards of those only, so that a login costs microseconds, however many are logged in.
//
// Immutable once made: any thread may ask, without allocation or lock. Made off the workers.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "dataplane/base/ip_address.h"
#include "dataplane/base/siphash.h"
#include "rules/compile/account_sets.h"

namespace weir::identity {

// An account, and which sets of one policy it lies in.
struct Account {
  std::string name;
  rules::AccountSets::Found sets;
};
using AccountPtr = std::shared_ptr<const Account>;

// What no host has for its own, or only on its link: it is nobody's and yet not an unknown one.
bool MayBeSomebodys(const base::IpAddress& address);

class AccountResolver;

class IdentityTable {
 public:
  struct Change {
    base::IpAddress ip;
    AccountPtr account;  // null: nobody's any more
  };

  // Empty. `complete`: who is not in it is unknown; otherwise nobody can be said to be.
  IdentityTable(const base::HashKey& secret, bool complete);

  // This one with these changes, of several to one address the last, and complete as said.
  std::shared_ptr<const IdentityTable> With(std::span<const Change> changes, bool complete) const;

  // The same addresses, with what the resolver's policy makes of their accounts. Shards that are
  // those of `before` are taken from `after`, which was made of it by the same resolver.
  std::shared_ptr<const IdentityTable> Resolved(AccountResolver& resolver,
                                                const IdentityTable* before = nullptr,
                                                const IdentityTable* after = nullptr) const;

  // Null: nobody's.
  const Account* Find(const base::IpAddress& ip) const;
  AccountPtr Owner(const base::IpAddress& ip) const;

  bool complete() const { return complete_; }
  size_t size() const { return size_; }
  size_t memory_bytes() const;

  template <typename Visit>
  void ForEach(Visit visit) const {
    for (const ShardPtr& shard : shards_) {
      for (const Slot& slot : shard->slots) {
        if (slot.account) visit(slot.ip, slot.account);
      }
    }
  }

 private:
  static constexpr size_t kShards = 256;

  struct Slot {
    base::IpAddress ip;
    AccountPtr account;  // null: free
  };
  struct Shard {
    std::vector<Slot> slots;  // a power of two, at most half of them taken; linear probing
    size_t taken = 0;
  };
  using ShardPtr = std::shared_ptr<const Shard>;

  static ShardPtr MakeShard(const base::HashKey& secret, std::span<const Slot> taken);
  uint64_t Hash(const base::IpAddress& ip) const { return base::KeyedHash(secret_, ip.bytes()); }
  static size_t ShardOf(uint64_t hash) { return hash >> 56; }
  const Slot* SlotOf(const base::IpAddress& ip) const;
  void ChangeShard(size_t number, std::span<const Change* const> changes);
  void CountAll();

  base::HashKey secret_;
  bool complete_;
  size_t size_ = 0;
  std::array<ShardPtr, kShards> shards_;
};

using IdentityTablePtr = std::shared_ptr<const IdentityTable>;

}  // namespace weir::identity

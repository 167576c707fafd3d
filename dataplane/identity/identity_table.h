// Whose every address is, with what the policy in force makes of the account: one probe tells in
// which of its sets of accounts and groups an address lies. An account may have a prefix as well,
// as a household has the one that is delegated to its router; of several that hold an address the
// longest counts, and the address itself before all.
//
// Theory of operation. The addresses are spread by a keyed hash over kShards small tables, each
// immutable and shared between snapshots. A snapshot that differs in some addresses copies the
// shards of those only, so that a login costs microseconds, however many are logged in. Prefixes
// lie in tables beside them, by a hash of their length too. An address that is not found is looked
// for again at each length that some prefix of its family has, longest first: where there are no
// prefixes, nowhere.
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
#include "dataplane/identity/prefix_lengths.h"
#include "rules/compile/account_sets.h"

namespace weir::identity {

// An account, and which sets of one policy it lies in.
struct Account {
  std::string name;
  rules::AccountSets::Found sets;
};
using AccountPtr = std::shared_ptr<const Account>;

class AccountResolver;

class IdentityTable {
 public:
  struct Change {
    base::IpPrefix prefix;  // of one address, or of more
    AccountPtr account;     // null: the account that had it has it no more
  };

  // Empty. `complete`: who is not in it is unknown; otherwise nobody can be said to be.
  IdentityTable(const base::HashKey& secret, bool complete);

  // This one with these changes, of several to one prefix the last, and complete as said.
  std::shared_ptr<const IdentityTable> With(std::span<const Change> changes, bool complete) const;

  // The same bindings, with what the resolver's policy makes of their accounts. Shards that are
  // those of `before` are taken from `after`, which was made of it by the same resolver.
  std::shared_ptr<const IdentityTable> Resolved(AccountResolver& resolver,
                                                const IdentityTable* before = nullptr,
                                                const IdentityTable* after = nullptr) const;

  // Null: nobody's.
  const Account* Find(const base::IpAddress& ip) const;
  AccountPtr Owner(const base::IpAddress& ip) const;
  // Whose the addresses of a prefix are, but for those with a longer one of their own.
  const Account* Find(const base::IpPrefix& prefix) const;
  // Who has this very prefix or address.
  const Account* Bound(const base::IpPrefix& prefix) const;

  bool complete() const { return complete_; }
  size_t size() const { return addresses_ + prefixes_; }
  size_t prefixes() const { return prefixes_; }
  const PrefixLengths& lengths() const { return lengths_; }
  size_t memory_bytes() const;

  template <typename Visit>
  void ForEach(Visit visit) const {
    for (const ShardPtr& shard : shards_) shard->ForEach(visit);
  }

 private:
  static constexpr size_t kShards = 256;

  template <typename Key>
  struct Slot {
    Key key;
    AccountPtr account;  // null: free
  };
  // A power of two, at most half of them taken; linear probing.
  template <typename Key>
  using Slots = std::vector<Slot<Key>>;

  struct Shard {
    Slots<base::IpAddress> addresses;
    Slots<base::IpPrefix> prefixes;
    size_t addresses_taken = 0;
    size_t prefixes_taken = 0;
    PrefixLengths lengths;

    template <typename Visit>
    void ForEach(Visit visit) const {
      for (const auto& slot : addresses) {
        if (slot.account) visit(base::IpPrefix(slot.key), slot.account);
      }
      for (const auto& slot : prefixes) {
        if (slot.account) visit(slot.key, slot.account);
      }
    }
  };
  using ShardPtr = std::shared_ptr<const Shard>;

  static ShardPtr MakeShard(const base::HashKey& secret, std::span<const Change> taken);
  template <typename Key>
  static void Put(Slots<Key>& slots, uint64_t hash, const Key& key, const AccountPtr& account);
  template <typename Key>
  static const AccountPtr* OwnerIn(const Slots<Key>& slots, uint64_t hash, const Key& key);

  static uint64_t Hash(const base::HashKey& secret, const base::IpAddress& ip) {
    return base::KeyedHash(secret, ip.bytes());
  }
  static uint64_t Hash(const base::HashKey& secret, const base::IpPrefix& prefix);
  static size_t ShardOf(uint64_t hash) { return hash >> 56; }

  // Null: nobody's.
  const AccountPtr* OwnerOf(const base::IpAddress& ip) const;
  const AccountPtr* OwnerOfAddress(const base::IpAddress& ip) const;
  const AccountPtr* OwnerOfPrefix(const base::IpPrefix& prefix) const;
  // By prefixes shorter than `end_bits`.
  const AccountPtr* OwnerAround(const base::IpAddress& ip, unsigned end_bits) const;
  void ChangeShard(size_t number, std::span<const Change* const> changes);
  void CountAll();

  base::HashKey secret_;
  bool complete_;
  PrefixLengths lengths_;  // of all shards
  size_t addresses_ = 0;
  size_t prefixes_ = 0;
  std::array<ShardPtr, kShards> shards_;
};

using IdentityTablePtr = std::shared_ptr<const IdentityTable>;

}  // namespace weir::identity

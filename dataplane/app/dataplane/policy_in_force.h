// The policy that workers decide by, and whose every address is in its eyes: replaced under their
// hands (rte_rcu_qsbr), always both at once, as the one speaks in the other's numbers.
//
// A worker calls Get() anew for each round and Quiescent() between rounds, when it holds nothing of
// the policy. The main thread replaces; an old policy is let go once every worker has been
// quiescent, or was asleep, since then.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>

#include "dataplane/base/result.h"
#include "dataplane/identity/changed_addresses.h"
#include "dataplane/identity/identity_table.h"
#include "rules/compile/compiled_policy.h"

struct rte_rcu_qsbr;

namespace weir::appliance {

using ChangedPtr = std::shared_ptr<const identity::ChangedAddresses>;
using PolicyPtr = std::shared_ptr<const rules::CompiledPolicy>;

// What a worker goes by in one round.
struct Ruling {
  PolicyPtr policy;
  identity::IdentityTablePtr identities;  // null: nobody is known
  // Null: none yet. IdentityKeeper holds it too, until all workers are done with it, which may be
  // rounds later.
  ChangedPtr changed;
};

class PolicyInForce {
 public:
  PolicyInForce();
  ~PolicyInForce();
  PolicyInForce(const PolicyInForce&) = delete;
  PolicyInForce& operator=(const PolicyInForce&) = delete;

  // Before the workers start.
  base::Status Prepare(unsigned workers, PolicyPtr first, identity::IdentityTablePtr identities);

  // Workers.
  void Register(unsigned worker);
  void Unregister(unsigned worker);
  void Sleep(unsigned worker);  // from here to Wake() the worker holds nothing
  void Wake(unsigned worker);
  void Quiescent(unsigned worker);
  const Ruling& Get() const { return *in_force_.load(std::memory_order_acquire); }

  // Main thread. After Replace() new rounds decide by `next`; `all_passed` is called by a later
  // Settle(), when no worker is left in the old one. Hits on rules that stay are carried over.
  void Replace(PolicyPtr next, identity::IdentityTablePtr identities,
               std::function<void()> all_passed);
  // The policy stays. New rounds know the addresses by `identities`, and look for live flows of
  // those changed (null: none yet).
  void ReplaceIdentities(identity::IdentityTablePtr identities, ChangedPtr changed);
  void Settle();
  bool settled() const { return leaving_.empty() && left_identities_.empty(); }
  const PolicyPtr& current() const { return current_->policy; }
  const identity::IdentityTablePtr& identities() const { return current_->identities; }

  // Called with each policy that is let go, and with how many of its hits it had from the one
  // before; rule by rule.
  using Leaving = std::function<void(const rules::CompiledPolicy& policy,
                                     const std::vector<uint64_t>& inherited_hits)>;
  void OnLeaving(Leaving leaving) { on_leaving_ = std::move(leaving); }
  const std::vector<uint64_t>& inherited_hits() const { return inherited_hits_; }

 private:
  struct Old {
    std::unique_ptr<const Ruling> ruling;
    std::vector<uint64_t> inherited_hits;
    PolicyPtr successor;
    uint64_t token;
    std::function<void()> all_passed;
  };

  struct OldIdentities {
    std::unique_ptr<const Ruling> ruling;
    uint64_t token;
  };

  std::unique_ptr<const Ruling> PutInForce(Ruling next);

  rte_rcu_qsbr* qsbr_ = nullptr;
  std::atomic<const Ruling*> in_force_{nullptr};
  std::unique_ptr<const Ruling> current_;
  std::vector<uint64_t> inherited_hits_;       // of current_, by rule
  std::deque<Old> leaving_;                    // oldest first
  std::deque<OldIdentities> left_identities_;  // the same
  Leaving on_leaving_;
};

}  // namespace weir::appliance

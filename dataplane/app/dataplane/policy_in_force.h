// The policy that workers decide by, replaced under their hands (rte_rcu_qsbr).
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
#include "rules/compile/compiled_policy.h"

struct rte_rcu_qsbr;

namespace weir::appliance {

using PolicyPtr = std::shared_ptr<const rules::CompiledPolicy>;

class PolicyInForce {
 public:
  PolicyInForce();
  ~PolicyInForce();
  PolicyInForce(const PolicyInForce&) = delete;
  PolicyInForce& operator=(const PolicyInForce&) = delete;

  // Before the workers start.
  base::Status Prepare(unsigned workers, PolicyPtr first);

  // Workers.
  void Register(unsigned worker);
  void Unregister(unsigned worker);
  void Sleep(unsigned worker);  // from here to Wake() the worker holds nothing
  void Wake(unsigned worker);
  void Quiescent(unsigned worker);
  const rules::CompiledPolicy& Get() const { return *in_force_.load(std::memory_order_acquire); }

  // Main thread. After Replace() new rounds decide by `next`; `all_passed` is called by a later
  // Settle(), when no worker is left in the old one. Hits on rules that stay are carried over.
  void Replace(PolicyPtr next, std::function<void()> all_passed);
  void Settle();
  bool settled() const { return leaving_.empty(); }
  const PolicyPtr& current() const { return current_; }

  // Called with each policy that is let go, and with how many of its hits it had from the one
  // before; rule by rule.
  using Leaving = std::function<void(const rules::CompiledPolicy& policy,
                                     const std::vector<uint64_t>& inherited_hits)>;
  void OnLeaving(Leaving leaving) { on_leaving_ = std::move(leaving); }
  const std::vector<uint64_t>& inherited_hits() const { return inherited_hits_; }

 private:
  struct Old {
    PolicyPtr policy;
    std::vector<uint64_t> inherited_hits;
    PolicyPtr successor;
    uint64_t token;
    std::function<void()> all_passed;
  };

  rte_rcu_qsbr* qsbr_ = nullptr;
  std::atomic<const rules::CompiledPolicy*> in_force_{nullptr};
  PolicyPtr current_;
  std::vector<uint64_t> inherited_hits_;  // of current_, by rule
  std::deque<Old> leaving_;               // oldest first
  Leaving on_leaving_;
};

}  // namespace weir::appliance

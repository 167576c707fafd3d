#include "dataplane/app/dataplane/policy_in_force.h"

#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>

namespace weir::appliance {

PolicyInForce::PolicyInForce() = default;

PolicyInForce::~PolicyInForce() { rte_free(qsbr_); }

base::Status PolicyInForce::Prepare(unsigned workers, PolicyPtr first) {
  qsbr_ = static_cast<rte_rcu_qsbr*>(
      rte_zmalloc("weir_rcu", rte_rcu_qsbr_get_memsize(workers), RTE_CACHE_LINE_SIZE));
  if (qsbr_ == nullptr || rte_rcu_qsbr_init(qsbr_, workers) != 0) {
    return base::Error{"no memory for the policy's RCU variable"};
  }
  inherited_hits_.assign(first->rule_count(), 0);
  current_ = std::move(first);
  in_force_.store(current_.get(), std::memory_order_release);
  return {};
}

void PolicyInForce::Register(unsigned worker) {
  rte_rcu_qsbr_thread_register(qsbr_, worker);
  rte_rcu_qsbr_thread_online(qsbr_, worker);
}

void PolicyInForce::Unregister(unsigned worker) {
  rte_rcu_qsbr_thread_offline(qsbr_, worker);
  rte_rcu_qsbr_thread_unregister(qsbr_, worker);
}

void PolicyInForce::Sleep(unsigned worker) { rte_rcu_qsbr_thread_offline(qsbr_, worker); }
void PolicyInForce::Wake(unsigned worker) { rte_rcu_qsbr_thread_online(qsbr_, worker); }
void PolicyInForce::Quiescent(unsigned worker) { rte_rcu_qsbr_quiescent(qsbr_, worker); }

void PolicyInForce::Replace(PolicyPtr next, std::function<void()> all_passed) {
  in_force_.store(next.get(), std::memory_order_release);
  leaving_.push_back({std::move(current_), std::move(inherited_hits_), next,
                      rte_rcu_qsbr_start(qsbr_), std::move(all_passed)});
  inherited_hits_.assign(next->rule_count(), 0);
  current_ = std::move(next);
}

void PolicyInForce::Settle() {
  while (!leaving_.empty() && rte_rcu_qsbr_check(qsbr_, leaving_.front().token, false) == 1) {
    const Old old = std::move(leaving_.front());
    leaving_.pop_front();
    // Oldest first, so that hits go from each policy to the next whatever the pace of installs.
    std::vector<uint64_t>& inherited =
        leaving_.empty() ? inherited_hits_ : leaving_.front().inherited_hits;
    for (uint32_t rule = 0; rule < old.successor->rule_count(); ++rule) {
      const uint32_t before = old.policy->FindRule(old.successor->info(rule).id);
      if (before != rules::kNoRule) inherited[rule] = old.policy->hits(before);
    }
    old.successor->InheritHits(*old.policy);
    if (on_leaving_) on_leaving_(*old.policy, old.inherited_hits);
    if (old.all_passed) old.all_passed();
  }
}

}  // namespace weir::appliance

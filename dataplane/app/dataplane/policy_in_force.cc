#include "dataplane/app/dataplane/policy_in_force.h"

#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>

#include <utility>

namespace weir::appliance {

PolicyInForce::PolicyInForce() = default;

PolicyInForce::~PolicyInForce() { rte_free(qsbr_); }

base::Status PolicyInForce::Prepare(unsigned workers, PolicyPtr first,
                                    identity::IdentityTablePtr identities) {
  qsbr_ = static_cast<rte_rcu_qsbr*>(
      rte_zmalloc("weir_rcu", rte_rcu_qsbr_get_memsize(workers), RTE_CACHE_LINE_SIZE));
  if (qsbr_ == nullptr || rte_rcu_qsbr_init(qsbr_, workers) != 0) {
    return base::Error{"no memory for the policy's RCU variable"};
  }
  inherited_hits_.assign(first->rule_count(), 0);
  PutInForce({std::move(first), std::move(identities), nullptr});
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

// What was in force before.
std::unique_ptr<const Ruling> PolicyInForce::PutInForce(Ruling next) {
  auto ruling = std::make_unique<const Ruling>(std::move(next));
  in_force_.store(ruling.get(), std::memory_order_release);
  return std::exchange(current_, std::move(ruling));
}

void PolicyInForce::Replace(PolicyPtr next, identity::IdentityTablePtr identities,
                            std::function<void()> all_passed) {
  auto old = PutInForce({next, std::move(identities), current_->changed});
  leaving_.push_back({std::move(old), std::move(inherited_hits_), next, rte_rcu_qsbr_start(qsbr_),
                      std::move(all_passed)});
  inherited_hits_.assign(next->rule_count(), 0);
}

void PolicyInForce::ReplaceIdentities(identity::IdentityTablePtr identities, ChangedPtr changed) {
  auto old = PutInForce({current_->policy, std::move(identities), std::move(changed)});
  left_identities_.push_back({std::move(old), rte_rcu_qsbr_start(qsbr_)});
}

void PolicyInForce::Settle() {
  const auto has_passed = [this](uint64_t token) {
    return rte_rcu_qsbr_check(qsbr_, token, false) == 1;
  };
  while (!left_identities_.empty() && has_passed(left_identities_.front().token)) {
    left_identities_.pop_front();
  }
  while (!leaving_.empty() && has_passed(leaving_.front().token)) {
    const Old old = std::move(leaving_.front());
    const rules::CompiledPolicy& policy = *old.ruling->policy;
    leaving_.pop_front();
    // Oldest first, so that hits go from each policy to the next whatever the pace of installs.
    std::vector<uint64_t>& inherited =
        leaving_.empty() ? inherited_hits_ : leaving_.front().inherited_hits;
    for (uint32_t rule = 0; rule < old.successor->rule_count(); ++rule) {
      const uint32_t before = policy.FindRule(old.successor->info(rule).id);
      if (before != rules::kNoRule) inherited[rule] = policy.hits(before);
    }
    old.successor->InheritHits(policy);
    if (on_leaving_) on_leaving_(policy, old.inherited_hits);
    if (old.all_passed) old.all_passed();
  }
}

}  // namespace weir::appliance

// Policies swapped under the hands of a worker that decides without a pause.
#pragma once

#include <nlohmann/json.hpp>

#include "rules/model/policy_text.h"

namespace weir::bench {

// Compiles `text` again and again, as the appliance does off the workers, and puts each in force
// with the appliance's own PolicyInForce, under rte_rcu_qsbr. The worker asks about names of which
// it knows the answer. Throws when any answer is wrong, or when the hits that the last policy has
// are not exactly those that the worker counted: that would be a decision lost or made twice.
// Starts DPDK's EAL without devices; once a process.
nlohmann::ordered_json MeasureSwaps(const rules::PolicyText& text, unsigned swaps);

}  // namespace weir::bench

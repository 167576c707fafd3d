#include "rules/compile/compiled_policy.h"

#include <algorithm>
#include <utility>

namespace weir::rules {

CompiledPolicy::CompiledPolicy(PolicyParts parts)
    : parts_(std::move(parts)),
      index_(parts_),
      hits_(std::make_unique<HitCounter[]>(parts_.rules.size())) {
  for (uint32_t rule = 0; rule < rule_count(); ++rule) by_id_.emplace(parts_.infos[rule].id, rule);
  for (const CompiledCondition& condition : parts_.conditions) {
    const Selector selector = condition.selector;
    asks_for_names_ |= selector == Selector::kHost || selector == Selector::kDomain;
    asks_for_apps_ |= selector == Selector::kApp || selector == Selector::kCategory;
  }
  for (const CompiledRule& rule : parts_.rules) {
    const bool stops = rule.verb == Verb::kDrop || rule.verb == Verb::kReject;
    blocks_ |= stops && rule.mode == Mode::kEnforce;
  }
}

uint32_t CompiledPolicy::FindRule(std::string_view id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? kNoRule : found->second;
}

void CompiledPolicy::RaiseTo(std::atomic<int64_t>& last_ns, int64_t ns) {
  int64_t seen = last_ns.load(std::memory_order_relaxed);
  while (seen < ns && !last_ns.compare_exchange_weak(seen, ns, std::memory_order_relaxed)) {
  }
}

void CompiledPolicy::CountHit(uint32_t rule, base::WallTime now) const {
  hits_[rule].hits.fetch_add(1, std::memory_order_relaxed);
  RaiseTo(hits_[rule].last_ns, now.ns);
}

uint64_t CompiledPolicy::hits(uint32_t rule) const {
  return hits_[rule].hits.load(std::memory_order_relaxed);
}

std::optional<base::WallTime> CompiledPolicy::last_hit(uint32_t rule) const {
  const int64_t ns = hits_[rule].last_ns.load(std::memory_order_relaxed);
  if (ns == 0) return std::nullopt;
  return base::WallTime{ns};
}

void CompiledPolicy::InheritHits(const CompiledPolicy& previous) const {
  for (uint32_t old_rule = 0; old_rule < previous.rule_count(); ++old_rule) {
    const uint32_t rule = FindRule(previous.info(old_rule).id);
    if (rule == kNoRule) continue;
    hits_[rule].hits.fetch_add(previous.hits(old_rule), std::memory_order_relaxed);
    const auto last = previous.last_hit(old_rule);
    if (last) RaiseTo(hits_[rule].last_ns, last->ns);
  }
}

}  // namespace weir::rules

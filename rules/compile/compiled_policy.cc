#include "rules/compile/compiled_policy.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace weir::rules {
namespace {

// What a string has outside of itself.
size_t HeapBytes(const std::string& text) {
  return text.capacity() > std::string().capacity() ? text.capacity() + 1 : 0;
}

}  // namespace

CompiledPolicy::CompiledPolicy(PolicyParts parts)
    : parts_(std::move(parts)),
      index_(parts_),
      hits_(std::make_unique<HitCounter[]>(parts_.rules.size())) {
  by_id_.resize(parts_.rules.size());
  std::iota(by_id_.begin(), by_id_.end(), 0U);
  std::ranges::sort(by_id_, {}, [this](uint32_t rule) { return std::string_view(info(rule).id); });
  judges_unknown_ = std::ranges::any_of(parts_.conditions, [](const CompiledCondition& condition) {
    return condition.aspect == Aspect::kAccount && condition.set == kUnknownAddressSet;
  });
  for (const CompiledRule& rule : parts_.rules) {
    if (!rule.active) continue;
    NoteAspects(rule.match);
    for (uint32_t i = 0; i < rule.exception_count; ++i) {
      NoteAspects(parts_.exceptions[rule.first_exception + i]);
    }
    const bool stops = rule.verb == Verb::kDrop || rule.verb == Verb::kReject;
    blocks_ |= stops && rule.mode == Mode::kEnforce;
  }
}

void CompiledPolicy::NoteAspects(const CompiledConjunction& conjunction) {
  for (uint32_t i = 0; i < conjunction.condition_count; ++i) {
    const CompiledCondition& condition = parts_.conditions[conjunction.first_condition + i];
    aspects_ |= 1U << static_cast<unsigned>(condition.aspect);
    if (condition.aspect != Aspect::kList) continue;
    lists_ask_for_names_ |= parts_.list_choices[condition.set].has_names;
    lists_ask_for_endpoints_ |= parts_.list_choices[condition.set].has_endpoints;
  }
}

uint32_t CompiledPolicy::FindRule(std::string_view id) const {
  const auto id_of = [this](uint32_t rule) { return std::string_view(info(rule).id); };
  const auto found = std::ranges::lower_bound(by_id_, id, {}, id_of);
  return found == by_id_.end() || id_of(*found) != id ? kNoRule : *found;
}

size_t CompiledPolicy::memory_bytes() const {
  size_t bytes = sizeof *this + parts_.sets.memory_bytes() + parts_.accounts->memory_bytes() +
                 parts_.groups.capacity() * sizeof(GroupInfo) + index_.memory_bytes() +
                 parts_.infos.capacity() * sizeof(RuleInfo) +
                 parts_.rules.capacity() * sizeof(CompiledRule) +
                 parts_.exceptions.capacity() * sizeof(CompiledConjunction) +
                 parts_.conditions.capacity() * sizeof(CompiledCondition) +
                 parts_.warnings.capacity() * sizeof(std::string) +
                 by_id_.capacity() * sizeof(uint32_t) + parts_.rules.size() * sizeof(HitCounter);
  for (const RuleInfo& info : parts_.infos) {
    for (const std::string* text :
         {&info.id, &info.rule_class, &info.reason, &info.during, &info.source, &info.text}) {
      bytes += HeapBytes(*text);
    }
  }
  bytes += parts_.lists.capacity() * sizeof(PolicyList) +
           parts_.list_choices.capacity() * sizeof(ListChoice);
  for (const PolicyList& list : parts_.lists) {
    for (const std::string* text : {&list.name, &list.source, &list.digest}) {
      bytes += HeapBytes(*text);
    }
  }
  for (const ListChoice& choice : parts_.list_choices) {
    bytes += choice.lists.capacity() * sizeof(uint32_t);
  }
  for (const std::string& warning : parts_.warnings) bytes += HeapBytes(warning);
  return bytes;
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

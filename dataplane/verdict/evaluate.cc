#include "dataplane/verdict/evaluate.h"

#include <algorithm>
#include <tuple>

namespace weir::verdict {
namespace {

using rules::CompiledCondition;
using rules::CompiledPolicy;
using rules::PolicyParts;
using rules::Selector;

Truth Known(bool holds) { return holds ? Truth::kYes : Truth::kNo; }

uint8_t BitOf(packet::Side side) {
  switch (side) {
    case packet::Side::kInside:
      return rules::kInsideBit;
    case packet::Side::kOutside:
      return rules::kOutsideBit;
    case packet::Side::kUnknown:
      return 0;
  }
  return 0;
}

uint8_t ResponderBit(const Facts& facts) {
  if (facts.responder_side != packet::Side::kUnknown) return BitOf(facts.responder_side);
  switch (facts.initiator_side) {
    case packet::Side::kInside:
      return rules::kOutsideBit;
    case packet::Side::kOutside:
      return rules::kInsideBit;
    case packet::Side::kUnknown:
      return 0;
  }
  return 0;
}

Truth EvaluateApp(const PolicyParts& parts, const CompiledCondition& condition,
                  const Facts& facts) {
  if (facts.app_state == Knowledge::kOpen) return Truth::kOpen;
  if (facts.app_state == Knowledge::kNone) return Truth::kNo;
  const rules::NumberSet& numbers = parts.numbers[condition.table];
  if (condition.selector == Selector::kCategory) return Known(numbers.Contains(facts.category));
  return Known(numbers.Contains(facts.app_master) || numbers.Contains(facts.app_sub));
}

Truth EvaluatePort(const PolicyParts& parts, const CompiledCondition& condition, const Facts& facts,
                   uint16_t port) {
  if (facts.ports_open) return Truth::kOpen;
  return Known(parts.numbers[condition.table].Contains(rules::PortKey(facts.ip_protocol, port)));
}

Truth EvaluateName(const PolicyParts& parts, const CompiledCondition& condition,
                   const NameView& name) {
  if (name.state == Knowledge::kOpen) return Truth::kOpen;
  if (name.state == Knowledge::kNone) return Truth::kNo;
  return Known(parts.names[condition.table].Contains(name.name));
}

events::Verdict VerdictOf(const rules::CompiledRule& rule) {
  const bool enforce = rule.mode == rules::Mode::kEnforce;
  switch (rule.verb) {
    case rules::Verb::kDrop:
      return enforce ? events::Verdict::kDrop : events::Verdict::kWouldDrop;
    case rules::Verb::kReject:
      return enforce ? events::Verdict::kReject : events::Verdict::kWouldReject;
    case rules::Verb::kProtect:
    case rules::Verb::kAllow:
    case rules::Verb::kMonitor:
      return events::Verdict::kPass;
  }
  return events::Verdict::kPass;
}

Decision DecideFor(const CompiledPolicy& policy, const Facts& facts, const NameView& name) {
  const PolicyParts& parts = policy.parts();
  const rules::RuleIndex& index = policy.index();
  rules::Candidates candidates;
  index.AddAlways(candidates);
  index.AddByAddresses(facts.initiator_ip, facts.responder_ip, candidates);
  if (facts.ports_open) {
    index.AddAllPorts(candidates);
  } else {
    index.AddByPort(facts.ip_protocol, facts.initiator_port, facts.responder_port, candidates);
  }
  if (name.state == Knowledge::kOpen) index.AddAllNamed(candidates);
  if (name.state == Knowledge::kKnown) index.AddByName(name.name, candidates);
  if (facts.app_state == Knowledge::kOpen) index.AddAllApps(candidates);
  if (facts.app_state == Knowledge::kKnown) {
    index.AddByApp(facts.app_master, facts.app_sub, facts.category, candidates);
  }
  Decision decision;
  for (uint32_t rule = candidates.Next(); rule != rules::Candidates::kNone;
       rule = candidates.Next()) {
    const Truth truth = Evaluate(parts, parts.rules[rule], facts, name);
    if (truth == Truth::kNo) continue;
    decision.open = truth == Truth::kOpen;
    if (decision.open) return decision;
    decision.verdict = VerdictOf(parts.rules[rule]);
    decision.rule = rule;
    return decision;
  }
  return decision;
}

// Lower is stricter. A block stands whatever else may become known; a trial block does not.
int RankOf(const Decision& decision) {
  if (decision.open) return 1;
  switch (decision.verdict) {
    case events::Verdict::kDrop:
    case events::Verdict::kReject:
      return 0;
    case events::Verdict::kWouldDrop:
    case events::Verdict::kWouldReject:
      return 2;
    case events::Verdict::kPass:
      return 3;
  }
  return 3;
}

}  // namespace

Truth Evaluate(const PolicyParts& parts, const CompiledCondition& condition, const Facts& facts,
               const NameView& name) {
  switch (condition.selector) {
    case Selector::kPort:
      return EvaluatePort(parts, condition, facts, facts.responder_port);
    case Selector::kSourcePort:
      return EvaluatePort(parts, condition, facts, facts.initiator_port);
    case Selector::kIp:
      return Known(parts.addresses[condition.table].Contains(facts.initiator_ip) ||
                   parts.addresses[condition.table].Contains(facts.responder_ip));
    case Selector::kFrom:
      return Known((condition.sides & BitOf(facts.initiator_side)) != 0 ||
                   parts.addresses[condition.table].Contains(facts.initiator_ip));
    case Selector::kTo:
      return Known((condition.sides & ResponderBit(facts)) != 0 ||
                   parts.addresses[condition.table].Contains(facts.responder_ip));
    case Selector::kApp:
    case Selector::kCategory:
      return EvaluateApp(parts, condition, facts);
    case Selector::kHost:
    case Selector::kDomain:
      return EvaluateName(parts, condition, name);
    default:  // the compiler lets no other through
      return Truth::kNo;
  }
}

Truth Evaluate(const PolicyParts& parts, const rules::CompiledConjunction& conjunction,
               const Facts& facts, const NameView& name) {
  Truth all = Truth::kYes;
  const uint32_t end = conjunction.first_condition + conjunction.condition_count;
  for (uint32_t i = conjunction.first_condition; i < end; ++i) {
    all = std::min(all, Evaluate(parts, parts.conditions[i], facts, name));
    if (all == Truth::kNo) break;
  }
  return all;
}

Truth Evaluate(const PolicyParts& parts, const rules::CompiledRule& rule, const Facts& facts,
               const NameView& name) {
  Truth truth = Evaluate(parts, rule.match, facts, name);
  const uint32_t end = rule.first_exception + rule.exception_count;
  for (uint32_t i = rule.first_exception; i < end && truth != Truth::kNo; ++i) {
    const Truth excepted = Evaluate(parts, parts.exceptions[i], facts, name);
    if (excepted == Truth::kYes) return Truth::kNo;
    if (excepted == Truth::kOpen) truth = Truth::kOpen;
  }
  return truth;
}

Judgement Judge(const CompiledPolicy& policy, const Facts& facts) {
  if (facts.name_state != Knowledge::kKnown || facts.names.empty() || !policy.asks_for_names()) {
    const bool open = facts.name_state == Knowledge::kOpen;
    const NameView name{open ? Knowledge::kOpen : Knowledge::kNone, {}};
    return {DecideFor(policy, facts, name), name};
  }
  Judgement strictest;
  for (size_t i = 0; i < facts.names.size(); ++i) {
    const NameView name{Knowledge::kKnown, facts.names[i]};
    const Decision decision = DecideFor(policy, facts, name);
    const auto rank = std::make_tuple(RankOf(decision), decision.rule);
    if (i == 0 || rank < std::make_tuple(RankOf(strictest.decision), strictest.decision.rule)) {
      strictest = {decision, name};
    }
  }
  return strictest;
}

}  // namespace weir::verdict

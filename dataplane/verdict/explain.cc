#include "dataplane/verdict/explain.h"

#include <fmt/format.h>

#include "dataplane/verdict/evaluate.h"

namespace weir::verdict {
namespace {

using rules::CompiledCondition;
using rules::CompiledConjunction;
using rules::PolicyParts;
using rules::Selector;

// The keyword as the rule has it; both ports are told apart.
std::string WordOf(const CompiledCondition& condition) {
  return condition.selector == Selector::kSourcePort
             ? "port src"
             : std::string(rules::SelectorName(condition.selector));
}

bool AsksForName(const CompiledCondition& condition) {
  return condition.selector == Selector::kHost || condition.selector == Selector::kDomain;
}

// The first condition with this outcome; null when there is none.
const CompiledCondition* Find(const PolicyParts& parts, const CompiledConjunction& conjunction,
                              const rules::FoundSets& found, Truth wanted) {
  const uint32_t end = conjunction.first_condition + conjunction.condition_count;
  for (uint32_t i = conjunction.first_condition; i < end; ++i) {
    if (Evaluate(parts, parts.conditions[i], found) == wanted) return &parts.conditions[i];
  }
  return nullptr;
}

std::string WhyNot(const CompiledCondition& condition, const Facts& facts, const NameView& name) {
  if (AsksForName(condition) && name.state == Knowledge::kNone) {
    return fmt::format("{}: the flow has no name", WordOf(condition));
  }
  if (condition.selector == Selector::kKeyword) {
    return facts.keywords.empty() && facts.judged_by.empty()
               ? "keyword: not in the name; what a request holds is not known"
               : "keyword: not found";
  }
  const bool asks_for_app =
      condition.selector == Selector::kApp || condition.selector == Selector::kCategory;
  if (asks_for_app && facts.app_state == Knowledge::kNone) {
    return fmt::format("{}: the application is not known", WordOf(condition));
  }
  if (condition.selector == Selector::kMac && !facts.macs_known) {
    return "mac: it is not said which";
  }
  if (condition.selector == Selector::kVlan && !facts.vlans_known) {
    return "vlan: it is not said which";
  }
  if (condition.aspect == rules::Aspect::kAccount && condition.set == rules::kUnknownAddressSet) {
    return "no end inside has an address that is nobody's";
  }
  if (condition.selector == Selector::kAccount && facts.identities == nullptr) {
    return "account: it is not known whose the addresses are";
  }
  return fmt::format("{} does not match", WordOf(condition));
}

std::string WaitsFor(const CompiledCondition& condition) {
  if (condition.selector == Selector::kList) return "waits for what the list asks for";
  const bool port =
      condition.selector == Selector::kPort || condition.selector == Selector::kSourcePort;
  if (port) return "waits for the port";
  if (condition.selector == Selector::kKeyword) return "waits for the name";
  return AsksForName(condition) ? "waits for the name" : "waits for the application";
}

std::string WhyExcepted(const PolicyParts& parts, const CompiledConjunction& exception) {
  std::string words;
  const uint32_t end = exception.first_condition + exception.condition_count;
  for (uint32_t i = exception.first_condition; i < end; ++i) {
    words += " " + WordOf(parts.conditions[i]);
  }
  return "excepted: it has 'except" + words + "', which matches";
}

Step ExplainRule(const PolicyParts& parts, uint32_t number, const Facts& facts,
                 const NameView& name, const rules::FoundSets& found) {
  const rules::CompiledRule& rule = parts.rules[number];
  Step step{number, parts.infos[number].id, Outcome::kPassed, ""};
  if (!rule.active) {
    step.because = fmt::format("not now: only during '{}'", parts.infos[number].during);
    return step;
  }
  if (const auto* failed = Find(parts, rule.match, found, Truth::kNo)) {
    step.because = WhyNot(*failed, facts, name);
    return step;
  }
  const CompiledCondition* open = Find(parts, rule.match, found, Truth::kOpen);
  for (uint32_t i = 0; i < rule.exception_count; ++i) {
    const CompiledConjunction& exception = parts.exceptions[rule.first_exception + i];
    const Truth excepted = Evaluate(parts, exception, found);
    if (excepted == Truth::kYes) {
      step.because = WhyExcepted(parts, exception);
      return step;
    }
    if (excepted == Truth::kOpen && open == nullptr) {
      open = Find(parts, exception, found, Truth::kOpen);
    }
  }
  step.outcome = open == nullptr ? Outcome::kMatched : Outcome::kOpen;
  step.because = open == nullptr ? "all of it matches" : WaitsFor(*open);
  return step;
}

}  // namespace

std::string_view OutcomeName(Outcome outcome) {
  switch (outcome) {
    case Outcome::kMatched:
      return "matched";
    case Outcome::kOpen:
      return "open";
    case Outcome::kPassed:
      return "passed";
  }
  return "";
}

std::vector<Step> Explain(const rules::CompiledPolicy& policy, const Facts& facts) {
  const NameView name = Judge(policy, facts).name;
  rules::FoundSets found;
  FindSets(policy, facts, name, found);
  std::vector<Step> steps;
  for (uint32_t rule = 0; rule < policy.rule_count(); ++rule) {
    steps.push_back(ExplainRule(policy.parts(), rule, facts, name, found));
    if (steps.back().outcome != Outcome::kPassed) break;
  }
  return steps;
}

}  // namespace weir::verdict

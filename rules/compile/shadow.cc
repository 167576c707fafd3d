#include "rules/compile/shadow.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

namespace weir::rules {
namespace {

std::span<const CompiledCondition> ConditionsOf(const PolicyParts& parts, uint32_t rule) {
  const CompiledConjunction& match = parts.rules[rule].match;
  return std::span(parts.conditions).subspan(match.first_condition, match.condition_count);
}

// Whether every flow that satisfies `inner` satisfies `outer`.
bool Covers(const PolicyParts& parts, const CompiledCondition& outer,
            const CompiledCondition& inner) {
  const auto is_name = [](Selector selector) {
    return selector == Selector::kHost || selector == Selector::kDomain;
  };
  if (is_name(outer.selector) && is_name(inner.selector)) {
    return parts.names[outer.table].Covers(parts.names[inner.table]);
  }
  if (outer.selector != inner.selector) return false;
  switch (outer.selector) {
    case Selector::kIp:
    case Selector::kFrom:
    case Selector::kTo:
      return (inner.sides & ~outer.sides) == 0 &&
             parts.addresses[outer.table].Covers(parts.addresses[inner.table]);
    default:
      return parts.numbers[outer.table].Covers(parts.numbers[inner.table]);
  }
}

bool CoversRule(const PolicyParts& parts, uint32_t outer, uint32_t inner) {
  if (parts.rules[outer].exception_count != 0) return false;
  const auto& outer_until = parts.infos[outer].until;
  const auto& inner_until = parts.infos[inner].until;
  if (outer_until && (!inner_until || *outer_until < *inner_until)) return false;
  const auto wide = ConditionsOf(parts, outer);
  const auto narrow = ConditionsOf(parts, inner);
  return std::all_of(wide.begin(), wide.end(), [&](const CompiledCondition& condition) {
    return std::any_of(narrow.begin(), narrow.end(), [&](const CompiledCondition& other) {
      return Covers(parts, condition, other);
    });
  });
}

}  // namespace

std::vector<std::string> FindShadowed(const PolicyParts& parts) {
  std::vector<std::string> out;
  if (parts.rules.size() > kShadowRulesMax) {
    out.push_back(
        fmt::format("more than {} rules: not searched for shadowed ones", kShadowRulesMax));
    return out;
  }
  for (uint32_t inner = 0; inner < parts.rules.size(); ++inner) {
    for (uint32_t outer = 0; outer < inner; ++outer) {
      if (!CoversRule(parts, outer, inner)) continue;
      const RuleInfo& late = parts.infos[inner];
      const RuleInfo& early = parts.infos[outer];
      const bool same = late.verb == early.verb && late.mode == early.mode;
      out.push_back(fmt::format(
          "{}:{}: rule '{}' is {}: '{}' ({}:{}) comes first and matches all of it", late.source,
          late.line, late.id, same ? "redundant" : "shadowed", early.id, early.source, early.line));
      break;
    }
  }
  return out;
}

}  // namespace weir::rules

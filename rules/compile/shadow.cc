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
bool Covers(const SetCatalog& catalog, const CompiledCondition& outer,
            const CompiledCondition& inner) {
  if ((inner.sides & ~outer.sides) != 0) return false;
  if (inner.set == kNoSet || outer.set == kNoSet) {
    return outer.aspect == inner.aspect && inner.set == kNoSet;
  }
  return catalog.Covers(outer.aspect, outer.set, inner.aspect, inner.set);
}

bool CoversRule(const PolicyParts& parts, const SetCatalog& catalog, uint32_t outer,
                uint32_t inner) {
  if (parts.rules[outer].exception_count != 0) return false;
  const auto& outer_until = parts.infos[outer].until;
  const auto& inner_until = parts.infos[inner].until;
  if (outer_until && (!inner_until || *outer_until < *inner_until)) return false;
  const std::string& outer_during = parts.infos[outer].during;
  if (!outer_during.empty() && outer_during != parts.infos[inner].during) return false;
  const auto wide = ConditionsOf(parts, outer);
  const auto narrow = ConditionsOf(parts, inner);
  return std::all_of(wide.begin(), wide.end(), [&](const CompiledCondition& condition) {
    return std::any_of(narrow.begin(), narrow.end(), [&](const CompiledCondition& other) {
      return Covers(catalog, condition, other);
    });
  });
}

}  // namespace

std::vector<std::string> FindShadowed(const PolicyParts& parts, SetCatalog& catalog) {
  std::vector<std::string> out;
  if (parts.rules.size() > kShadowRulesMax) {
    out.push_back(
        fmt::format("more than {} rules: not searched for shadowed ones", kShadowRulesMax));
    return out;
  }
  catalog.FindNameCovers(parts.sets.names);
  for (uint32_t inner = 0; inner < parts.rules.size(); ++inner) {
    for (uint32_t outer = 0; outer < inner; ++outer) {
      if (!CoversRule(parts, catalog, outer, inner)) continue;
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

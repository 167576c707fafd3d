// One condition, one rule, one policy against what is known of a flow, in three-valued logic.
// Shared by Decide and Explain, so that the explanation is the decision. Pure; no allocation.
#pragma once

#include <cstdint>
#include <string_view>

#include "dataplane/verdict/decide.h"

namespace weir::verdict {

enum class Truth : uint8_t { kNo, kOpen, kYes };

// The name that a policy is asked about: one of the facts' names, or that there is none.
struct NameView {
  Knowledge state = Knowledge::kNone;
  std::string_view name;
};

// Looks all of it up, once for the conditions of all rules; then another name in place of that.
void FindSets(const rules::CompiledPolicy& policy, const Facts& facts, const NameView& name,
              rules::FoundSets& found);
void FindSetsOfName(const rules::CompiledPolicy& policy, const Facts& facts, const NameView& name,
                    rules::FoundSets& found);

Truth Evaluate(const rules::PolicyParts& parts, const rules::CompiledCondition& condition,
               const rules::FoundSets& found);

// No as soon as one condition is no; else open when one is open.
Truth Evaluate(const rules::PolicyParts& parts, const rules::CompiledConjunction& conjunction,
               const rules::FoundSets& found);

// The rule's match, and none of its exceptions.
Truth Evaluate(const rules::PolicyParts& parts, const rules::CompiledRule& rule,
               const rules::FoundSets& found);

// The list of the condition that the flow is in, and where: of several the one that was defined
// first.
struct ListLine {
  uint32_t list = rules::kNoList;
  uint32_t line = 0;
};
ListLine FindListLine(const rules::PolicyParts& parts, const rules::CompiledRule& rule,
                      const rules::FoundSets& found);

struct Judgement {
  Decision decision;
  NameView name;  // the one that the decision is about
};
Judgement Judge(const rules::CompiledPolicy& policy, const Facts& facts);

}  // namespace weir::verdict

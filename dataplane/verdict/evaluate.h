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

Truth Evaluate(const rules::PolicyParts& parts, const rules::CompiledCondition& condition,
               const Facts& facts, const NameView& name);

// No as soon as one condition is no; else open when one is open.
Truth Evaluate(const rules::PolicyParts& parts, const rules::CompiledConjunction& conjunction,
               const Facts& facts, const NameView& name);

// The rule's match, and none of its exceptions.
Truth Evaluate(const rules::PolicyParts& parts, const rules::CompiledRule& rule, const Facts& facts,
               const NameView& name);

struct Judgement {
  Decision decision;
  NameView name;  // the one that the decision is about
};
Judgement Judge(const rules::CompiledPolicy& policy, const Facts& facts);

}  // namespace weir::verdict

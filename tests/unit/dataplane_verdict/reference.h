// What DESIGN.md says about verdicts, written down as plainly as possible: walks the policy as it
// was parsed, rule by rule and value by value, with no table and no index. The tests hold Decide to
// it.
#pragma once

#include <map>
#include <memory>
#include <ostream>
#include <set>
#include <string>
#include <utility>

#include "dataplane/verdict/decide.h"
#include "rules/compile/app_catalog.h"
#include "rules/compile/compile.h"
#include "rules/lists/list_content.h"
#include "rules/model/policy_text.h"

namespace weir::verdict {

// Of a list by its name.
using ReferenceLists = std::map<std::string, std::shared_ptr<const rules::ListContent>>;

struct ReferencePolicy {
  const rules::PolicyText& text;
  const rules::AppCatalog& apps;
  const ReferenceLists& lists;
  rules::Mode mode;
  base::WallTime now;
  const std::map<base::IpPrefix, std::string>& accounts;  // who has which prefix or address
  rules::UnknownAddress unknown = rules::UnknownAddress::kAllow;
};

// The keywords found in a request, by field.
using ReferenceKeywords = std::set<std::pair<rules::KeywordField, std::string>>;

struct ReferenceDecision {
  bool open = false;
  events::Verdict verdict = events::Verdict::kPass;
  std::string rule_id;  // empty: none
  std::string list;     // the one that the rule matched by; empty: none

  bool operator==(const ReferenceDecision&) const = default;
};

inline void PrintTo(const ReferenceDecision& decision, std::ostream* out) {
  *out << (decision.open ? "open" : events::VerdictName(decision.verdict)) << " "
       << decision.rule_id << " " << decision.list;
}

// `keywords`: what facts.keywords stands for.
ReferenceDecision DecideByReference(const ReferencePolicy& policy, const Facts& facts,
                                    const ReferenceKeywords& keywords = {});

}  // namespace weir::verdict

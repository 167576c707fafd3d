// Rules that can never decide anything, because an earlier one always does.
#pragma once

#include <string>
#include <vector>

#include "rules/compile/compiled_policy.h"
#include "rules/compile/set_catalog.h"

namespace weir::rules {

// Policies with more rules are not searched: the work grows with the square.
inline constexpr size_t kShadowRulesMax = 3000;

// A line for each such rule, "file:line: rule 'b' never decides: 'a' (file:line) comes first …".
// Finds a rule that lies within a single other one; not one that several together cover.
// `catalog` holds the sets of `parts`, whose tables are made.
std::vector<std::string> FindShadowed(const PolicyParts& parts, SetCatalog& catalog);

}  // namespace weir::rules

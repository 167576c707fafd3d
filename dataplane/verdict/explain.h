// Why a flow gets the verdict that it gets: for `weirctl why`. Not for the packet path: allocates.
#pragma once

#include <string>
#include <vector>

#include "dataplane/verdict/decide.h"

namespace weir::verdict {

enum class Outcome : uint8_t {
  kMatched,  // decides; the last of the steps
  kOpen,     // waits for a name or an application that is not known; the last of the steps
  kPassed,   // does not match
};
std::string_view OutcomeName(Outcome outcome);  // "matched", "open", "passed"

struct Step {
  uint32_t rule = rules::kNoRule;
  std::string id;
  Outcome outcome = Outcome::kPassed;
  std::string because;  // "domain does not match", "excepted: ip", "waits for the name"
};

// Every rule that was looked at, in the order in which they count, for the name that Decide judged
// by. Agrees with Decide: the last step is its rule, or no step is kMatched or kOpen.
std::vector<Step> Explain(const rules::CompiledPolicy& policy, const Facts& facts);

}  // namespace weir::verdict

#include "dataplane/verdict/decide.h"

#include "dataplane/verdict/evaluate.h"

namespace weir::verdict {

Decision Decide(const rules::CompiledPolicy& policy, const Facts& facts) {
  return Judge(policy, facts).decision;
}

}  // namespace weir::verdict

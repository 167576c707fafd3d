// The policy as text, checked here.
//
// Called off the packet path by any thread; no state.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "dataplane/base/result.h"
#include "dataplane/base/time.h"
#include "rules/lists/list_catalog.h"
#include "rules/model/policy_text.h"

namespace weir::control::policy {

struct PolicyCheck {
  std::vector<std::string> errors;    // "file:line:column: …"; empty: it is good
  std::vector<std::string> warnings;  // of the compiler, in the same form
  std::vector<std::string> files;
  size_t rules = 0;

  bool ok() const { return errors.empty(); }
};

// Parses and compiles, without the names of applications, which only the data plane knows, and with
// the lists where there are any (nullptr: they are not looked at).
PolicyCheck CheckSources(std::span<const rules::PolicySource> sources, rules::Mode mode,
                         base::WallTime now, const rules::ListCatalog* lists);

// The lines of an error's message.
std::vector<std::string> SplitLines(const std::string& text);

}  // namespace weir::control::policy

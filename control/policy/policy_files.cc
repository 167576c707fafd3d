#include "control/policy/policy_files.h"

#include <sstream>

#include "rules/compile/compile.h"
#include "rules/model/parse.h"

namespace weir::control::policy {

PolicyCheck CheckSources(std::span<const rules::PolicySource> sources, rules::Mode mode,
                         base::WallTime now, const rules::ListCatalog* lists) {
  PolicyCheck check;
  for (const rules::PolicySource& source : sources) check.files.push_back(source.name);
  const auto text = rules::ParsePolicy(sources);
  if (!text) {
    check.errors = SplitLines(text.error().message);
    return check;
  }
  check.rules = text->rules.size();
  rules::CompileOptions options;
  options.mode = mode;
  options.now = now;
  options.lists = lists;
  const auto compiled = rules::Compile(*text, options);
  if (!compiled) {
    check.errors = SplitLines(compiled.error().message);
    return check;
  }
  check.warnings = (*compiled)->warnings();
  return check;
}

std::vector<std::string> SplitLines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (!line.empty()) lines.push_back(line);
  }
  if (lines.empty()) lines.push_back(text);
  return lines;
}

}  // namespace weir::control::policy

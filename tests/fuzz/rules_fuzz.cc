// Rules: what is taken is printed, and the printed form means the same. A NUL begins another file.
#include <string>
#include <string_view>
#include <vector>

#include "fuzz_check.h"
#include "rules/model/parse.h"
#include "rules/model/print.h"

using namespace weir::rules;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest(static_cast<const char*>(static_cast<const void*>(data)), size);
  // Rules without an id are called after their file: a name that no id in the text can be.
  std::string stem = "q";
  while (rest.find(stem) != rest.npos) stem += 'q';
  std::vector<PolicySource> sources;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\0'), rest.size());
    sources.push_back({stem + std::to_string(sources.size()), std::string(rest.substr(0, end))});
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  const auto policy = ParsePolicy(sources);
  if (!policy.ok()) {
    FUZZ_CHECK(policy.error().message.starts_with(stem));
    return 0;
  }
  const std::string printed = ToText(*policy);
  const PolicySource again{stem, printed};
  const auto reread = ParsePolicy({&again, 1});
  FUZZ_CHECK(reread.ok());
  FUZZ_CHECK(ToText(*reread) == printed);
  FUZZ_CHECK(reread->rules.size() == policy->rules.size());
  return 0;
}

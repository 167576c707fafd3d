// A pattern of account names, in RE2's syntax: matching takes time linear in the name, whatever
// the pattern.
//
// Immutable; any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "dataplane/base/result.h"

namespace re2 {
class RE2;
}

namespace weir::rules {

class AccountPattern {
 public:
  // Fails with RE2's reason. A pattern may take up to 1 MiB once it is compiled.
  static base::Result<AccountPattern> Make(const std::string& pattern);
  AccountPattern(AccountPattern&&) noexcept;
  AccountPattern& operator=(AccountPattern&&) noexcept;
  ~AccountPattern();

  // Anywhere in the name, unless the pattern is anchored. The name's case counts.
  bool Matches(std::string_view account) const;

  size_t memory_bytes() const;

 private:
  explicit AccountPattern(std::unique_ptr<re2::RE2> compiled);

  std::unique_ptr<re2::RE2> compiled_;
};

}  // namespace weir::rules

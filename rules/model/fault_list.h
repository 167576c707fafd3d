// What is wrong with a policy, gathered to be told all at once. Used by the parser and the
// compiler.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dataplane/base/result.h"
#include "rules/model/policy_text.h"

namespace weir::rules {

class FaultList {
 public:
  // `word` is what stands there (empty: the end of the line), `advice` what would do instead.
  void Add(const Location& where, std::string_view word, std::string_view advice);

  // A whole sentence in place of the two.
  void Add(const Location& where, std::string sentence);

  bool empty() const { return faults_.empty(); }
  size_t size() const { return faults_.size(); }

  // A line each in the order of the files, "file:line:column: 'word': advice", the first
  // kErrorsShownMax of them, then how many more there are.
  base::Error ToError(const PolicyText& policy) const;

 private:
  struct Fault {
    Location where;
    std::string text;
  };
  std::vector<Fault> faults_;
};

}  // namespace weir::rules

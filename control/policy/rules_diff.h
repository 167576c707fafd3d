// How one policy's text differs from another's: rules added, removed, changed, moved, and the
// definitions that rules use.
//
// Pure; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "rules/model/policy_text.h"

namespace weir::control::policy {

inline constexpr size_t kDiffEntriesMax = 1'000;  // of each kind; the rest is counted

struct RuleChange {
  std::string id;
  std::string where;   // file:line, of the later text where it stands there
  std::string before;  // text; empty: was not there
  std::string after;   // text; empty: is not there any more
};

struct RulesDiff {
  std::vector<RuleChange> added, removed, changed, moved;
  std::vector<RuleChange> definitions;  // sets, lists, groups, timetables; id: "set mail-servers"
  size_t left_out = 0;                  // beyond kDiffEntriesMax of a kind

  bool empty() const {
    return added.empty() && removed.empty() && changed.empty() && moved.empty() &&
           definitions.empty();
  }
};

// Rules with an id of their own are the same rule when the id is; others when their text is, else
// when they stand in the same line of the same file. Moved are the fewest whose order among the
// others explains the new order.
RulesDiff CompareRules(const rules::PolicyText& before, const rules::PolicyText& after);

}  // namespace weir::control::policy

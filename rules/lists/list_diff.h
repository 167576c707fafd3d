// What one list has that another has not: before it takes the other's place. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "rules/lists/list_content.h"

namespace weir::rules {

struct ListDiff {
  static constexpr size_t kShownMax = 20;

  uint64_t added = 0;
  uint64_t removed = 0;
  uint64_t same = 0;
  std::vector<std::string> first_added;  // in the order of their text
  std::vector<std::string> first_removed;
};

// An entry as people write it: "bad.example", "*.bad.example" (that and all below), "below
// bad.example", "not good.example", "192.0.2.0/24", "198.51.100.1 tcp/443".
// Lines do not count; an entry that is there twice counts once.
ListDiff DiffLists(const ListContent& before, const ListContent& after);

}  // namespace weir::rules

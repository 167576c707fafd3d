// Which entries of an AdBlock list other entries of it overrule.
//
// In AdBlock an exception ("@@||d^") wins over every block at or below its name, and a block or an
// exception with `$important` over every exception without it. In a ListContent the entry with most
// labels decides. So what is overruled is left out when the list is read, and both mean the same.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "rules/lists/entry_sink.h"

namespace weir::rules {

class AdblockExceptions {
 public:
  // `name` in its one form. Exceptions, and blocks that are important.
  void Add(std::string_view name, NameMark mark);
  bool has_pass() const { return has_pass_; }

  // Whether an entry of this name does not count.
  bool Overrule(std::string_view name, NameMark mark) const;

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view name) const { return std::hash<std::string_view>()(name); }
  };
  std::unordered_map<std::string, uint8_t, Hash, std::equal_to<>> marks_;
  bool has_pass_ = false;
};

}  // namespace weir::rules

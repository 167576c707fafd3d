// The lists that the rules of one policy are about, while it is compiled. Used by Compile only.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "rules/compile/compile.h"
#include "rules/compile/set_catalog.h"
#include "rules/model/fault_list.h"

namespace weir::rules {

class ListUse {
 public:
  // All outlive it; what it finds goes into `parts`, `catalog` and `faults`.
  ListUse(const PolicyText& text, const CompileOptions& options, PolicyParts& parts,
          SetCatalog& catalog, FaultList& faults);

  // The number of the choice between these lists. Without a catalog of lists they hold nothing, and
  // the policy is not complete.
  uint32_t Add(const std::vector<WordItem>& items);

  // The rule's own class; else that of its lists, where they agree.
  std::string ClassOf(const Rule& rule) const;

  void WarnOfUnused();

 private:
  // Once, however many rules are about it.
  void Load(const ListDefinition& list, uint32_t number);
  void Warn(const ListDefinition& list, std::string_view sentence);

  const PolicyText& text_;
  const CompileOptions& options_;
  PolicyParts& parts_;
  SetCatalog& catalog_;
  FaultList& faults_;
  std::unordered_map<std::string_view, uint32_t> definitions_;  // by name: the list's number
};

}  // namespace weir::rules

// The conditions of one policy's rules, while it is compiled: their values resolved, and put into
// numbered sets. Used by Compile only.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "rules/compile/compile.h"
#include "rules/compile/groups.h"
#include "rules/compile/list_use.h"
#include "rules/compile/set_catalog.h"
#include "rules/model/fault_list.h"

namespace weir::rules {

class ConditionCompiler {
 public:
  // All outlive it; what it finds goes into `parts`, `catalog` and `faults`.
  ConditionCompiler(const PolicyText& text, const CompileOptions& options, PolicyParts& parts,
                    SetCatalog& catalog, FaultList& faults);

  CompiledConjunction Add(const Conjunction& conjunction);

  // The rule's own class; else that of its lists, where they agree.
  std::string ClassOf(const Rule& rule) const { return lists_.ClassOf(rule); }
  void WarnOfUnusedLists() { lists_.WarnOfUnused(); }

  // Each group's name and number.
  std::span<const std::pair<std::string, uint32_t>> groups() const { return groups_.numbered(); }

 private:
  void AddCondition(const Condition& condition);
  void AddAddresses(const std::vector<AddressItem>& items, CompiledCondition& compiled);
  uint32_t NumberOfSet(const AddressItem& item);
  void AppendSet(const AddressItem& item, std::vector<AddressRange>& ranges);
  uint32_t AddAccounts(const std::vector<WordItem>& items);
  uint32_t AddMacs(const std::vector<MacItem>& items);
  uint32_t AddVlans(const std::vector<VlanItem>& items);
  uint32_t AddKeywords(const KeywordItems& items);
  uint32_t AddPorts(const std::vector<PortItem>& items);
  uint32_t AddApps(const Condition& condition);
  void ReportUnknownApp(const WordItem& item, bool is_app);

  const PolicyText& text_;
  const CompileOptions& options_;
  PolicyParts& parts_;
  SetCatalog& catalog_;
  FaultList& faults_;
  ListUse lists_;
  Groups groups_;
  std::unordered_map<std::string_view, const SetDefinition*> sets_;
  std::unordered_map<std::string_view, uint32_t> numbers_of_sets_;
};

}  // namespace weir::rules

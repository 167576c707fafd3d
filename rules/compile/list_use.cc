#include "rules/compile/list_use.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace weir::rules {

ListUse::ListUse(const PolicyText& text, const CompileOptions& options, PolicyParts& parts,
                 SetCatalog& catalog, FaultList& faults)
    : text_(text), options_(options), parts_(parts), catalog_(catalog), faults_(faults) {
  for (const ListDefinition& list : text.lists) {
    if (parts.lists.size() == kListsMax) {
      faults.Add(list.where, list.name,
                 fmt::format("a policy has up to {} lists; join some", kListsMax));
      return;
    }
    definitions_.emplace(list.name, static_cast<uint32_t>(parts.lists.size()));
    parts.lists.emplace_back();
    parts.lists.back().name = list.name;
    parts.lists.back().source = list.path;
  }
}

void ListUse::Warn(const ListDefinition& list, std::string_view sentence) {
  parts_.warnings.push_back(
      fmt::format("{}: list '{}': {}", ToText(text_, list.where), list.name, sentence));
}

uint32_t ListUse::Add(const std::vector<WordItem>& items) {
  ListChoice choice;
  for (const WordItem& item : items) {
    const auto known = definitions_.find(item.word);
    if (known == definitions_.end()) continue;  // beyond the limit, a fault already
    const uint32_t number = known->second;
    PolicyList& list = parts_.lists[number];
    if (!std::exchange(list.used, true)) Load(text_.lists[number], number);
    choice.lists.push_back(number);
    choice.has_names |= list.names > 0;
    choice.has_endpoints |= list.endpoints > 0;
  }
  std::sort(choice.lists.begin(), choice.lists.end());
  const auto repeated = std::unique(choice.lists.begin(), choice.lists.end());
  choice.lists.erase(repeated, choice.lists.end());
  const uint32_t set = catalog_.AddListChoice(choice.lists);
  if (set == parts_.list_choices.size()) parts_.list_choices.push_back(std::move(choice));
  return set;
}

void ListUse::Load(const ListDefinition& list, uint32_t number) {
  if (options_.lists == nullptr) {
    parts_.complete = false;
    return Warn(list, "not looked at here");
  }
  auto loaded = options_.lists->Load(list, text_.source_names[list.where.source]);
  if (!loaded) {
    return faults_.Add(list.where, fmt::format("list '{}': {}", list.name, loaded.error().message));
  }
  if (!loaded->warning.empty()) Warn(list, loaded->warning);
  const ListContent& content = *loaded->content;
  catalog_.AddList(content, number);
  PolicyList& known = parts_.lists[number];
  known.digest = std::move(loaded->digest);
  known.format = content.format;
  known.names = content.name_count();
  known.ranges = content.ranges.size();
  known.endpoints = content.endpoints.size();
  known.skipped = content.skipped_count();
}

void ListUse::WarnOfUnused() {
  for (size_t number = 0; number < parts_.lists.size(); ++number) {
    if (!parts_.lists[number].used) Warn(text_.lists[number], "no rule is about it");
  }
}

std::string ListUse::ClassOf(const Rule& rule) const {
  if (!rule.rule_class.empty()) return rule.rule_class;
  std::optional<std::string> common;
  for (const Condition& condition : rule.match.conditions) {
    if (condition.selector != Selector::kList) continue;
    for (const WordItem& item : std::get<std::vector<WordItem>>(condition.values)) {
      const auto list = definitions_.find(item.word);
      if (list == definitions_.end()) continue;
      const std::string& own = text_.lists[list->second].list_class;
      if (common && *common != own) return "";
      common = own;
    }
  }
  return common.value_or("");
}

}  // namespace weir::rules

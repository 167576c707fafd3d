#include "rules/compile/condition_compiler.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "rules/compile/keyword_fold.h"
#include "rules/model/suggest.h"

namespace weir::rules {
namespace {

// Cheap and always known conditions first: most rules fail on these.
int CostOf(Selector selector) {
  switch (selector) {
    case Selector::kPort:
    case Selector::kSourcePort:
    case Selector::kVlan:
      return 0;
    case Selector::kFrom:
    case Selector::kTo:
      return 1;
    case Selector::kIp:
    case Selector::kMac:
    case Selector::kAccount:
    case Selector::kGroup:
      return 2;
    case Selector::kApp:
    case Selector::kCategory:
      return 3;
    default:
      return 4;
  }
}

Aspect AspectOf(Selector selector) {
  switch (selector) {
    case Selector::kIp:
      return Aspect::kIp;
    case Selector::kFrom:
      return Aspect::kFrom;
    case Selector::kTo:
      return Aspect::kTo;
    case Selector::kMac:
      return Aspect::kMac;
    case Selector::kVlan:
      return Aspect::kVlan;
    case Selector::kAccount:
      return Aspect::kAccount;
    case Selector::kGroup:
      return Aspect::kGroup;
    case Selector::kPort:
      return Aspect::kPort;
    case Selector::kSourcePort:
      return Aspect::kSourcePort;
    case Selector::kApp:
      return Aspect::kApp;
    case Selector::kCategory:
      return Aspect::kCategory;
    case Selector::kHost:
      return Aspect::kHost;
    case Selector::kList:
      return Aspect::kList;
    case Selector::kKeyword:
      return Aspect::kKeyword;
    case Selector::kDomain:
    case Selector::kAny:  // no condition
      break;
  }
  return Aspect::kDomain;
}

}  // namespace

ConditionCompiler::ConditionCompiler(const PolicyText& text, const CompileOptions& options,
                                     PolicyParts& parts, SetCatalog& catalog, FaultList& faults)
    : text_(text),
      options_(options),
      parts_(parts),
      catalog_(catalog),
      faults_(faults),
      lists_(text, options, parts, catalog, faults),
      groups_(text, catalog.identities(), faults) {
  for (const SetDefinition& set : text.sets) sets_.emplace(set.name, &set);
}

CompiledConjunction ConditionCompiler::Add(const Conjunction& conjunction) {
  std::vector<const Condition*> ordered;
  for (const Condition& condition : conjunction.conditions) {
    if (condition.selector != Selector::kAny) ordered.push_back(&condition);
  }
  std::stable_sort(ordered.begin(), ordered.end(), [](const Condition* a, const Condition* b) {
    return CostOf(a->selector) < CostOf(b->selector);
  });
  const auto first = static_cast<uint32_t>(parts_.conditions.size());
  for (const Condition* condition : ordered) AddCondition(*condition);
  return {first, static_cast<uint32_t>(ordered.size())};
}

void ConditionCompiler::AddCondition(const Condition& condition) {
  CompiledCondition compiled;
  compiled.selector = condition.selector;
  compiled.aspect = AspectOf(condition.selector);
  switch (condition.selector) {
    case Selector::kHost:
    case Selector::kDomain:
      compiled.set = catalog_.AddNames(std::get<std::vector<WordItem>>(condition.values),
                                       condition.selector == Selector::kDomain);
      break;
    case Selector::kIp:
    case Selector::kFrom:
    case Selector::kTo:
      AddAddresses(std::get<std::vector<AddressItem>>(condition.values), compiled);
      break;
    case Selector::kList:
      compiled.set = lists_.Add(std::get<std::vector<WordItem>>(condition.values));
      break;
    case Selector::kAccount:
      compiled.set = AddAccounts(std::get<std::vector<WordItem>>(condition.values));
      break;
    case Selector::kGroup:
      compiled.set = groups_.NumberOf(std::get<std::vector<WordItem>>(condition.values));
      break;
    case Selector::kMac:
      compiled.set = AddMacs(std::get<std::vector<MacItem>>(condition.values));
      break;
    case Selector::kVlan:
      compiled.set = AddVlans(std::get<std::vector<VlanItem>>(condition.values));
      break;
    case Selector::kKeyword:
      compiled.set = AddKeywords(std::get<KeywordItems>(condition.values));
      break;
    case Selector::kPort:
    case Selector::kSourcePort:
      compiled.set = AddPorts(std::get<std::vector<PortItem>>(condition.values));
      break;
    default:
      compiled.set = AddApps(condition);
      break;
  }
  parts_.conditions.push_back(compiled);
}

void ConditionCompiler::AddAddresses(const std::vector<AddressItem>& items,
                                     CompiledCondition& compiled) {
  if (items.size() == 1 && items[0].kind == AddressItem::Kind::kSet) {
    compiled.set = NumberOfSet(items[0]);
    return;
  }
  std::vector<AddressRange> ranges;
  for (const AddressItem& item : items) {
    switch (item.kind) {
      case AddressItem::Kind::kRange:
        ranges.push_back(item.range);
        break;
      case AddressItem::Kind::kInside:
        compiled.sides |= kInsideBit;
        break;
      case AddressItem::Kind::kOutside:
        compiled.sides |= kOutsideBit;
        break;
      case AddressItem::Kind::kSet:
        AppendSet(item, ranges);
        break;
    }
  }
  if (ranges.empty() && compiled.sides != 0) return;
  compiled.set = catalog_.AddAddresses(AddressSet(ranges));
}

// A set that stands alone is added once, however many rules are about it.
uint32_t ConditionCompiler::NumberOfSet(const AddressItem& item) {
  const auto [known, is_new] = numbers_of_sets_.try_emplace(item.set, kNoSet);
  if (is_new) {
    std::vector<AddressRange> ranges;
    AppendSet(item, ranges);
    known->second = catalog_.AddAddresses(AddressSet(ranges));
  }
  return known->second;
}

void ConditionCompiler::AppendSet(const AddressItem& item, std::vector<AddressRange>& ranges) {
  const auto set = sets_.find(item.set);
  if (set == sets_.end()) {
    faults_.Add(item.where, "@" + item.set, "no set has this name");
    return;
  }
  for (const AddressItem& member : set->second->items) ranges.push_back(member.range);
}

uint32_t ConditionCompiler::AddAccounts(const std::vector<WordItem>& items) {
  std::vector<std::string> names;
  for (const WordItem& item : items) names.push_back(item.word);
  return catalog_.identities().AddAccounts(std::move(names));
}

uint32_t ConditionCompiler::AddMacs(const std::vector<MacItem>& items) {
  std::vector<MacSet::Range> ranges;
  for (const MacItem& item : items) ranges.emplace_back(MacKey(item.mac), MacKey(item.mac));
  return catalog_.AddMacs(MacSet(std::move(ranges)));
}

uint32_t ConditionCompiler::AddVlans(const std::vector<VlanItem>& items) {
  std::vector<NumberSet::Range> ranges;
  for (const VlanItem& item : items) ranges.emplace_back(item.first, item.last);
  return catalog_.AddVlans(NumberSet(std::move(ranges)));
}

uint32_t ConditionCompiler::AddKeywords(const KeywordItems& items) {
  KeywordSet set;
  set.fields = FieldsOf(items.fields);
  for (const WordItem& item : items.words) {
    std::string folded = Folded(item.word);
    if (folded.size() < kKeywordBytesMin) {
      faults_.Add(item.where, item.word, "two letters, or one Chinese character, would do");
    } else if (folded.size() > kKeywordBytesMax) {
      faults_.Add(item.where, item.word,
                  fmt::format("up to {} bytes in UTF-8 would do; it has {}", kKeywordBytesMax,
                              folded.size()));
    } else {
      set.words.push_back(std::move(folded));
    }
  }
  std::ranges::sort(set.words);
  const auto same = std::ranges::unique(set.words);
  set.words.erase(same.begin(), same.end());
  return catalog_.AddKeywords(std::move(set));
}

uint32_t ConditionCompiler::AddPorts(const std::vector<PortItem>& items) {
  std::vector<NumberSet::Range> ranges;
  for (const PortItem& item : items) {
    ranges.emplace_back(PortKey(item.ip_protocol, item.first),
                        PortKey(item.ip_protocol, item.last));
  }
  return catalog_.AddPorts(NumberSet(std::move(ranges)));
}

uint32_t ConditionCompiler::AddApps(const Condition& condition) {
  const bool is_app = condition.selector == Selector::kApp;
  std::vector<NumberSet::Range> ranges;
  for (const WordItem& item : std::get<std::vector<WordItem>>(condition.values)) {
    if (options_.apps == nullptr) {
      parts_.complete = false;
      parts_.warnings.push_back(fmt::format("{}: '{}': not looked up, no list of {} is at hand",
                                            ToText(text_, item.where), item.word,
                                            is_app ? "applications" : "categories"));
      continue;
    }
    const std::optional<uint16_t> number =
        is_app ? options_.apps->FindApp(item.word) : options_.apps->FindCategory(item.word);
    if (number && *number != 0) {
      ranges.emplace_back(*number, *number);
    } else {
      ReportUnknownApp(item, is_app);
    }
  }
  NumberSet numbers(std::move(ranges));
  return is_app ? catalog_.AddApps(std::move(numbers)) : catalog_.AddCategories(std::move(numbers));
}

void ConditionCompiler::ReportUnknownApp(const WordItem& item, bool is_app) {
  const std::vector<std::string> names =
      is_app ? options_.apps->AppNames() : options_.apps->CategoryNames();
  const auto nearest = Nearest(item.word, names);
  const std::string_view kind = is_app ? "an application" : "a category";
  faults_.Add(item.where, item.word,
              nearest ? fmt::format("'{}' would do", *nearest)
                      : fmt::format("{} that nDPI names would do", kind));
}

}  // namespace weir::rules

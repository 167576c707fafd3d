#include "rules/compile/compile.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "rules/compile/groups.h"
#include "rules/compile/keyword_fold.h"
#include "rules/compile/list_use.h"
#include "rules/compile/set_catalog.h"
#include "rules/compile/shadow.h"
#include "rules/compile/timetable.h"
#include "rules/model/fault_list.h"
#include "rules/model/print.h"
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

base::Result<base::HashKey> DrawSecret() {
  std::array<uint8_t, 16> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    return base::Error{"the kernel gives no random bytes for the policy's table of names"};
  }
  return base::HashKey::FromBytes(bytes);
}

class Compiler {
 public:
  Compiler(const PolicyText& text, const CompileOptions& options, const base::HashKey& secret)
      : text_(text),
        options_(options),
        catalog_(secret),
        lists_(text, options, parts_, catalog_, faults_),
        groups_(text, catalog_.identities(), faults_) {
    parts_.version = options.version;
    parts_.mode = options.mode;
    for (const SetDefinition& set : text.sets) sets_.emplace(set.name, &set);
  }

  base::Result<std::shared_ptr<const CompiledPolicy>> Run() {
    MakeTimetables();
    for (const Rule* rule : InOrder()) AddRule(*rule);
    lists_.WarnOfUnused();
    AddUnknownAddress();
    if (!faults_.empty()) return faults_.ToError(text_);
    if (const size_t names = catalog_.CountNames(); names > options_.names_max) {
      return base::Error{fmt::format("the policy has {} different names; up to {} would do", names,
                                     options_.names_max)};
    }
    if (const size_t words = catalog_.CountKeywords(); words > kKeywordsMax) {
      return base::Error{fmt::format("the policy has {} different keywords; up to {} would do",
                                     words, kKeywordsMax)};
    }
    auto tables = catalog_.MakeTables();
    if (!tables) return tables.error();
    parts_.sets = std::move(tables).value();
    TakeIdentities();
    // Without a catalog the sets of applications are empty, and would seem to lie in any other.
    if (parts_.complete) {
      std::vector<std::string> shadowed = FindShadowed(parts_, catalog_);
      std::move(shadowed.begin(), shadowed.end(), std::back_inserter(parts_.warnings));
    }
    return std::make_shared<const CompiledPolicy>(std::move(parts_));
  }

 private:
  // `protect` before all others.
  std::vector<const Rule*> InOrder() {
    std::vector<const Rule*> rules;
    for (const Rule& rule : text_.rules) rules.push_back(&rule);
    std::stable_partition(rules.begin(), rules.end(),
                          [](const Rule* rule) { return rule->verb == Verb::kProtect; });
    return rules;
  }

  void AddRule(const Rule& rule) {
    if (rule.until && rule.until->time <= options_.now) {
      parts_.warnings.push_back(fmt::format("{}: rule '{}' expired at {} and is left out",
                                            ToText(text_, rule.where), rule.id,
                                            base::FormatRfc3339(rule.until->time)));
      return;
    }
    if (rule.until) ChangesAt(rule.until->time);
    if (rule.severity != Severity::kNone && lists_.ClassOf(rule).empty()) {
      parts_.warnings.push_back(fmt::format(
          "{}: rule '{}' has a severity and no class: its hits are no findings, so nobody sees it",
          ToText(text_, rule.where), rule.id));
    }
    CompiledRule compiled;
    compiled.verb = rule.verb;
    compiled.mode = rule.mode.value_or(options_.mode);
    compiled.active = IsActive(rule);
    compiled.match = AddConjunction(rule.match);
    compiled.first_exception = static_cast<uint32_t>(parts_.exceptions.size());
    compiled.exception_count = static_cast<uint32_t>(rule.exceptions.size());
    for (const Conjunction& exception : rule.exceptions) {
      parts_.exceptions.push_back(AddConjunction(exception));
    }
    parts_.rules.push_back(compiled);
    parts_.infos.push_back(Describe(rule, compiled));
  }

  // Where an end inside is nobody's, a rule as if it were written behind all others. With a portal
  // it waits, on HTTP's port, for the request: for a name that is in no set.
  void AddUnknownAddress() {
    if (options_.unknown == UnknownAddress::kAllow) return;
    for (const Rule& rule : text_.rules) {
      if (rule.id != kUnknownAddressId) continue;
      faults_.Add(rule.where, rule.id, "another id would do: [accounts] unknown has this one");
    }
    CompiledRule compiled;
    compiled.verb = options_.unknown == UnknownAddress::kDrop ? Verb::kDrop : Verb::kReject;
    compiled.mode = options_.mode;
    compiled.match = {static_cast<uint32_t>(parts_.conditions.size()), 1};
    parts_.conditions.push_back({Selector::kAccount, Aspect::kAccount, 0, kUnknownAddressSet});
    compiled.first_exception = static_cast<uint32_t>(parts_.exceptions.size());
    if (options_.unknown == UnknownAddress::kPortal) {
      compiled.exception_count = 1;
      parts_.exceptions.push_back({static_cast<uint32_t>(parts_.conditions.size()), 2});
      const uint32_t http = PortKey(IPPROTO_TCP, 80);
      parts_.conditions.push_back(
          {Selector::kPort, Aspect::kPort, 0, catalog_.AddPorts(NumberSet({{http, http}}))});
      parts_.conditions.push_back(
          {Selector::kHost, Aspect::kHost, 0, catalog_.AddNames({}, false)});
    }
    parts_.rules.push_back(compiled);
    RuleInfo info;
    info.id = kUnknownAddressId;
    info.verb = compiled.verb;
    info.mode = compiled.mode;
    info.source = "[accounts] unknown";
    info.text = std::string(VerbName(info.verb)) + " whoever has an address that is nobody's";
    info.to_portal = options_.unknown == UnknownAddress::kPortal;
    parts_.infos.push_back(std::move(info));
  }

  // What a timetable says now. Of all definitions, used or not: one that cannot be right is told at
  // once. Asked once, however many rules go by it.
  struct Hours {
    bool hold;
    std::optional<base::WallTime> change;
  };

  void TakeIdentities() {
    parts_.accounts = catalog_.identities().MakeAccountSets();
    for (const auto& [name, set] : groups_.numbered()) parts_.groups.push_back({name, set});
  }

  void MakeTimetables() {
    for (const TimeDefinition& definition : text_.times) {
      ZoneFault fault;
      if (const auto timetable = Timetable::Make(definition, fault)) {
        const Hours now{timetable->HoldsAt(options_.now), timetable->NextChange(options_.now)};
        hours_.emplace(definition.name, now);
      } else {
        faults_.Add(definition.where, fault.word, fault.advice);
      }
    }
  }

  void ChangesAt(base::WallTime time) {
    if (!parts_.next_change || time < *parts_.next_change) parts_.next_change = time;
  }

  bool IsActive(const Rule& rule) {
    if (!rule.during) return true;
    const auto hours = hours_.find(rule.during->time.word);
    if (hours == hours_.end()) return false;  // its zone is a fault already
    if (hours->second.change) ChangesAt(*hours->second.change);
    return hours->second.hold;
  }

  RuleInfo Describe(const Rule& rule, const CompiledRule& compiled) const {
    RuleInfo info;
    info.id = rule.id;
    info.verb = rule.verb;
    info.mode = compiled.mode;
    info.rule_class = lists_.ClassOf(rule);
    info.severity = rule.severity;
    info.reason = rule.reason;
    if (rule.until) info.until = rule.until->time;
    if (rule.during) info.during = rule.during->time.word;
    info.source = text_.source_names[rule.where.source];
    info.line = rule.where.line;
    info.text = ToShortText(rule);
    return info;
  }

  CompiledConjunction AddConjunction(const Conjunction& conjunction) {
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

  void AddCondition(const Condition& condition) {
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

  void AddAddresses(const std::vector<AddressItem>& items, CompiledCondition& compiled) {
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
  uint32_t NumberOfSet(const AddressItem& item) {
    const auto [known, is_new] = numbers_of_sets_.try_emplace(item.set, kNoSet);
    if (is_new) {
      std::vector<AddressRange> ranges;
      AppendSet(item, ranges);
      known->second = catalog_.AddAddresses(AddressSet(ranges));
    }
    return known->second;
  }

  void AppendSet(const AddressItem& item, std::vector<AddressRange>& ranges) {
    const auto set = sets_.find(item.set);
    if (set == sets_.end()) {
      faults_.Add(item.where, "@" + item.set, "no set has this name");
      return;
    }
    for (const AddressItem& member : set->second->items) ranges.push_back(member.range);
  }

  uint32_t AddAccounts(const std::vector<WordItem>& items) {
    std::vector<std::string> names;
    for (const WordItem& item : items) names.push_back(item.word);
    return catalog_.identities().AddAccounts(std::move(names));
  }

  uint32_t AddMacs(const std::vector<MacItem>& items) {
    std::vector<MacSet::Range> ranges;
    for (const MacItem& item : items) ranges.emplace_back(MacKey(item.mac), MacKey(item.mac));
    return catalog_.AddMacs(MacSet(std::move(ranges)));
  }

  uint32_t AddVlans(const std::vector<VlanItem>& items) {
    std::vector<NumberSet::Range> ranges;
    for (const VlanItem& item : items) ranges.emplace_back(item.first, item.last);
    return catalog_.AddVlans(NumberSet(std::move(ranges)));
  }

  uint32_t AddKeywords(const KeywordItems& items) {
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

  uint32_t AddPorts(const std::vector<PortItem>& items) {
    std::vector<NumberSet::Range> ranges;
    for (const PortItem& item : items) {
      ranges.emplace_back(PortKey(item.ip_protocol, item.first),
                          PortKey(item.ip_protocol, item.last));
    }
    return catalog_.AddPorts(NumberSet(std::move(ranges)));
  }

  uint32_t AddApps(const Condition& condition) {
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
    return is_app ? catalog_.AddApps(std::move(numbers))
                  : catalog_.AddCategories(std::move(numbers));
  }

  void ReportUnknownApp(const WordItem& item, bool is_app) {
    const std::vector<std::string> names =
        is_app ? options_.apps->AppNames() : options_.apps->CategoryNames();
    const auto nearest = Nearest(item.word, names);
    const std::string_view kind = is_app ? "an application" : "a category";
    faults_.Add(item.where, item.word,
                nearest ? fmt::format("'{}' would do", *nearest)
                        : fmt::format("{} that nDPI names would do", kind));
  }

  const PolicyText& text_;
  const CompileOptions& options_;
  PolicyParts parts_;
  FaultList faults_;
  SetCatalog catalog_;
  ListUse lists_;
  Groups groups_;
  std::unordered_map<std::string_view, const SetDefinition*> sets_;
  std::unordered_map<std::string_view, uint32_t> numbers_of_sets_;
  std::unordered_map<std::string_view, Hours> hours_;
};

}  // namespace

base::Result<std::shared_ptr<const CompiledPolicy>> Compile(const PolicyText& text,
                                                            const CompileOptions& options) {
  if (options.name_secret) return Compiler(text, options, *options.name_secret).Run();
  const auto secret = DrawSecret();
  if (!secret) return secret.error();
  return Compiler(text, options, *secret).Run();
}

}  // namespace weir::rules

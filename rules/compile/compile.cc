#include "rules/compile/compile.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "rules/compile/shadow.h"
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
      return 0;
    case Selector::kFrom:
    case Selector::kTo:
      return 1;
    case Selector::kIp:
      return 2;
    case Selector::kApp:
    case Selector::kCategory:
      return 3;
    default:
      return 4;
  }
}

class Compiler {
 public:
  Compiler(const PolicyText& text, const CompileOptions& options) : text_(text), options_(options) {
    parts_.version = options.version;
    parts_.mode = options.mode;
  }

  base::Result<std::shared_ptr<const CompiledPolicy>> Run() {
    for (const Rule* rule : InOrder()) {
      if (CheckSupport(*rule)) AddRule(*rule);
    }
    if (!faults_.empty()) return faults_.ToError(text_);
    // Without a catalog the sets of applications are empty, and would seem to lie in any other.
    if (parts_.complete) {
      std::vector<std::string> shadowed = FindShadowed(parts_);
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

  bool CheckSupport(const Rule& rule) {
    const size_t before = faults_.size();
    CheckSupport(rule.match);
    for (const Conjunction& exception : rule.exceptions) CheckSupport(exception);
    if (rule.during) Refuse(rule.during->where, "during");
    return faults_.size() == before;
  }

  void Refuse(const Location& where, std::string_view keyword) {
    faults_.Add(where, fmt::format("'{}' is not supported yet", keyword));
  }

  void CheckSupport(const Conjunction& conjunction) {
    for (const Condition& condition : conjunction.conditions) {
      switch (condition.selector) {
        case Selector::kKeyword:
        case Selector::kList:
        case Selector::kAccount:
        case Selector::kGroup:
        case Selector::kMac:
        case Selector::kVlan:
          Refuse(condition.where, SelectorName(condition.selector));
          break;
        default:
          break;
      }
    }
  }

  void AddRule(const Rule& rule) {
    if (rule.until && rule.until->time <= options_.now) {
      parts_.warnings.push_back(fmt::format("{}: rule '{}' expired at {} and is left out",
                                            ToText(text_, rule.where), rule.id,
                                            base::FormatRfc3339(rule.until->time)));
      return;
    }
    if (rule.until && (!parts_.next_expiry || rule.until->time < *parts_.next_expiry)) {
      parts_.next_expiry = rule.until->time;
    }
    if (rule.severity != Severity::kNone && rule.rule_class.empty()) {
      parts_.warnings.push_back(fmt::format(
          "{}: rule '{}' has a severity and no class: its hits are no findings, so nobody sees it",
          ToText(text_, rule.where), rule.id));
    }
    CompiledRule compiled;
    compiled.verb = rule.verb;
    compiled.mode = rule.mode.value_or(options_.mode);
    compiled.match = AddConjunction(rule.match);
    compiled.first_exception = static_cast<uint32_t>(parts_.exceptions.size());
    compiled.exception_count = static_cast<uint32_t>(rule.exceptions.size());
    for (const Conjunction& exception : rule.exceptions) {
      parts_.exceptions.push_back(AddConjunction(exception));
    }
    parts_.rules.push_back(compiled);
    parts_.infos.push_back(Describe(rule, compiled));
  }

  RuleInfo Describe(const Rule& rule, const CompiledRule& compiled) const {
    RuleInfo info;
    info.id = rule.id;
    info.verb = rule.verb;
    info.mode = compiled.mode;
    info.rule_class = rule.rule_class;
    info.severity = rule.severity;
    info.reason = rule.reason;
    if (rule.until) info.until = rule.until->time;
    info.source = text_.source_names[rule.where.source];
    info.line = rule.where.line;
    info.text = ToText(rule);
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
    switch (condition.selector) {
      case Selector::kHost:
      case Selector::kDomain:
        compiled.table = static_cast<uint32_t>(parts_.names.size());
        parts_.names.emplace_back(std::get<std::vector<WordItem>>(condition.values),
                                  condition.selector == Selector::kDomain);
        break;
      case Selector::kIp:
      case Selector::kFrom:
      case Selector::kTo:
        compiled.table = static_cast<uint32_t>(parts_.addresses.size());
        compiled.sides = AddAddresses(std::get<std::vector<AddressItem>>(condition.values));
        break;
      case Selector::kPort:
      case Selector::kSourcePort:
        compiled.table = static_cast<uint32_t>(parts_.numbers.size());
        AddPorts(std::get<std::vector<PortItem>>(condition.values));
        break;
      default:
        compiled.table = static_cast<uint32_t>(parts_.numbers.size());
        AddApps(condition);
        break;
    }
    parts_.conditions.push_back(compiled);
  }

  // Returns the sides named among the items.
  uint8_t AddAddresses(const std::vector<AddressItem>& items) {
    std::vector<AddressRange> ranges;
    uint8_t sides = 0;
    for (const AddressItem& item : items) {
      switch (item.kind) {
        case AddressItem::Kind::kRange:
          ranges.push_back(item.range);
          break;
        case AddressItem::Kind::kInside:
          sides |= kInsideBit;
          break;
        case AddressItem::Kind::kOutside:
          sides |= kOutsideBit;
          break;
        case AddressItem::Kind::kSet:
          AppendSet(item, ranges);
          break;
      }
    }
    parts_.addresses.emplace_back(ranges);
    return sides;
  }

  void AppendSet(const AddressItem& item, std::vector<AddressRange>& ranges) {
    const auto set =
        std::find_if(text_.sets.begin(), text_.sets.end(),
                     [&](const SetDefinition& known) { return known.name == item.set; });
    if (set == text_.sets.end()) {
      faults_.Add(item.where, "@" + item.set, "no set has this name");
      return;
    }
    for (const AddressItem& member : set->items) ranges.push_back(member.range);
  }

  void AddPorts(const std::vector<PortItem>& items) {
    std::vector<NumberSet::Range> ranges;
    for (const PortItem& item : items) {
      ranges.emplace_back(PortKey(item.ip_protocol, item.first),
                          PortKey(item.ip_protocol, item.last));
    }
    parts_.numbers.emplace_back(std::move(ranges));
  }

  void AddApps(const Condition& condition) {
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
    parts_.numbers.emplace_back(std::move(ranges));
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
};

}  // namespace

base::Result<std::shared_ptr<const CompiledPolicy>> Compile(const PolicyText& text,
                                                            const CompileOptions& options) {
  return Compiler(text, options).Run();
}

}  // namespace weir::rules

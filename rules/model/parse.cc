#include "rules/model/parse.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "rules/model/fault_list.h"
#include "rules/model/line_parser.h"
#include "rules/model/suggest.h"

namespace weir::rules {
namespace {

constexpr size_t kStemBytesMax = 100;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

// The file's name without folders and the last extension: "campus" of "rules/campus.rules".
std::string FileStem(std::string_view name) {
  name = name.substr(name.find_last_of('/') + 1);
  const size_t dot = name.find_last_of('.');
  if (dot != name.npos && dot != 0) name = name.substr(0, dot);
  return std::string(name.substr(0, kStemBytesMax));
}

class PolicyParser {
 public:
  base::Result<PolicyText> Run(std::span<const PolicySource> sources) {
    for (const PolicySource& source : sources) ParseSource(source);
    CheckNames();
    NameRules();
    CheckRuleIds();
    CheckReferences();
    if (!faults_.empty()) return faults_.ToError(policy_);
    return std::move(policy_);
  }

 private:
  void ParseSource(const PolicySource& source) {
    Location where{static_cast<uint32_t>(policy_.source_names.size()), 0, 1};
    policy_.source_names.push_back(source.name);
    std::string_view rest = source.text;
    if (rest.starts_with(kByteOrderMark)) rest.remove_prefix(kByteOrderMark.size());
    while (!rest.empty()) {
      ++where.line;
      const size_t end = std::min(rest.find('\n'), rest.size());
      std::string_view line = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      if (line.ends_with('\r')) line.remove_suffix(1);
      ParseLine(where, line);
    }
  }

  void ParseLine(const Location& where, std::string_view line) {
    if (line.size() > kLineBytesMax) {
      faults_.Add(where, line, fmt::format("a line of up to {} bytes would do", kLineBytesMax));
      return;
    }
    const size_t rules_before = policy_.rules.size();
    if (const auto fault = LineParser(policy_, where).Parse(line)) {
      faults_.Add({where.source, where.line, fault->column}, fault->word, fault->advice);
    } else if (rules_before == kRulesMax && policy_.rules.size() > kRulesMax) {
      faults_.Add(policy_.rules.back().where, VerbName(policy_.rules.back().verb),
                  fmt::format("a policy has up to {} rules; put names and addresses into a list",
                              kRulesMax));
    }
  }

  template <typename Definition>
  void CheckNamesOf(const std::vector<Definition>& definitions, std::string_view kind) {
    std::unordered_map<std::string_view, Location> seen;
    for (const Definition& definition : definitions) {
      const auto [known, is_new] = seen.try_emplace(definition.name, definition.where);
      if (is_new) continue;
      faults_.Add(definition.where, definition.name,
                  fmt::format("another name would do; {} is a {} with this name already",
                              ToText(policy_, known->second), kind));
    }
  }

  void CheckNames() {
    CheckNamesOf(policy_.sets, "set");
    CheckNamesOf(policy_.lists, "list");
    CheckNamesOf(policy_.groups, "group");
    CheckNamesOf(policy_.times, "time");
  }

  void NameRules() {
    std::vector<std::string> stems;
    for (const std::string& name : policy_.source_names) stems.push_back(FileStem(name));
    for (Rule& rule : policy_.rules) {
      if (!rule.id_given) {
        rule.id = fmt::format("{}:{}", stems[rule.where.source], rule.where.line);
      }
    }
  }

  void CheckRuleIds() {
    std::unordered_map<std::string_view, Location> seen;
    for (const Rule& rule : policy_.rules) {
      const auto [known, is_new] = seen.try_emplace(rule.id, rule.where);
      if (is_new) continue;
      faults_.Add(rule.where, rule.id,
                  fmt::format("another id would do; the rule at {} has this one already",
                              ToText(policy_, known->second)));
    }
  }

  // The names of one kind of definition: to find them, and in their order to suggest one.
  struct Kind {
    std::string_view word;
    std::vector<std::string_view> names;
    std::unordered_set<std::string_view> known;
  };

  template <typename Definition>
  static Kind KindOf(std::string_view word, const std::vector<Definition>& definitions) {
    Kind kind{word, {}, {}};
    for (const Definition& definition : definitions) kind.names.push_back(definition.name);
    kind.known.insert(kind.names.begin(), kind.names.end());
    return kind;
  }

  void CheckReference(const Kind& kind, const std::string& name, const Location& where) {
    if (kind.known.contains(name)) return;
    const auto nearest = Nearest(name, kind.names);
    const std::string sign = kind.word == "set" ? "@" : "";
    const std::string advice =
        nearest ? fmt::format("'{}{}' would do", sign, *nearest)
                : fmt::format("no {0} has this name; a line '{0} {1} …' would do", kind.word, name);
    faults_.Add(where, sign + name, advice);
  }

  void CheckReferences() {
    sets_ = KindOf("set", policy_.sets);
    lists_ = KindOf("list", policy_.lists);
    groups_ = KindOf("group", policy_.groups);
    times_ = KindOf("time", policy_.times);
    for (const Rule& rule : policy_.rules) CheckReferences(rule);
  }

  void CheckReferences(const Rule& rule) {
    for (const Condition& condition : rule.match.conditions) CheckReferences(condition);
    for (const Conjunction& exception : rule.exceptions) {
      for (const Condition& condition : exception.conditions) CheckReferences(condition);
    }
    if (!rule.during) return;
    const WordItem& time = rule.during->time;
    CheckReference(times_, time.word, time.where);
  }

  void CheckReferences(const Condition& condition) {
    if (const auto* items = std::get_if<std::vector<AddressItem>>(&condition.values)) {
      for (const AddressItem& item : *items) {
        if (item.kind != AddressItem::Kind::kSet) continue;
        CheckReference(sets_, item.set, item.where);
      }
    }
    const auto* words = std::get_if<std::vector<WordItem>>(&condition.values);
    if (words == nullptr) return;
    for (const WordItem& item : *words) {
      if (condition.selector == Selector::kList) {
        CheckReference(lists_, item.word, item.where);
      }
      if (condition.selector == Selector::kGroup) {
        CheckReference(groups_, item.word, item.where);
      }
    }
  }

  PolicyText policy_;
  FaultList faults_;
  Kind sets_, lists_, groups_, times_;  // views into policy_
};

}  // namespace

base::Result<PolicyText> ParsePolicy(std::span<const PolicySource> sources) {
  return PolicyParser().Run(sources);
}

}  // namespace weir::rules

#include "control/policy/rules_diff.h"

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "rules/model/print.h"

namespace weir::control::policy {
namespace {

using rules::PolicyText;
using rules::Rule;

std::string WhereOf(const PolicyText& policy, const rules::Location& where) {
  return policy.source_names.at(where.source) + ":" + std::to_string(where.line);
}

void Add(std::vector<RuleChange>& list, size_t& left_out, RuleChange change) {
  if (list.size() < kDiffEntriesMax) {
    list.push_back(std::move(change));
  } else {
    ++left_out;
  }
}

// Which rule of the earlier text is which of the later one.
class Pairing {
 public:
  Pairing(const PolicyText& before, const PolicyText& after)
      : before_(before),
        after_(after),
        later_of_(before.rules.size()),
        earlier_of_(after.rules.size()) {
    for (const Rule& rule : before.rules) texts_before_.push_back(rules::ToText(rule));
    for (const Rule& rule : after.rules) texts_after_.push_back(rules::ToText(rule));
    PairBy([](const Rule& rule, const std::string&) { return rule.id_given ? rule.id : ""; });
    PairBy([](const Rule& rule, const std::string& text) { return rule.id_given ? "" : text; });
    PairBy([](const Rule& rule, const std::string&) { return rule.id_given ? "" : rule.id; });
  }

  std::optional<size_t> LaterOf(size_t before) const { return later_of_[before]; }
  std::optional<size_t> EarlierOf(size_t after) const { return earlier_of_[after]; }
  const std::string& text_before(size_t rule) const { return texts_before_[rule]; }
  const std::string& text_after(size_t rule) const { return texts_after_[rule]; }

 private:
  // Those without a partner yet, by this key, in their order; an empty key pairs with nothing.
  template <typename KeyOf>
  void PairBy(const KeyOf& key_of) {
    std::unordered_map<std::string, std::deque<size_t>> free;
    for (size_t rule = 0; rule < before_.rules.size(); ++rule) {
      if (later_of_[rule]) continue;
      const std::string key = key_of(before_.rules[rule], texts_before_[rule]);
      if (!key.empty()) free[key].push_back(rule);
    }
    for (size_t rule = 0; rule < after_.rules.size(); ++rule) {
      if (earlier_of_[rule]) continue;
      const auto found = free.find(key_of(after_.rules[rule], texts_after_[rule]));
      if (found == free.end() || found->second.empty()) continue;
      earlier_of_[rule] = found->second.front();
      later_of_[found->second.front()] = rule;
      found->second.pop_front();
    }
  }

  const PolicyText& before_;
  const PolicyText& after_;
  std::vector<std::string> texts_before_, texts_after_;
  std::vector<std::optional<size_t>> later_of_, earlier_of_;
};

// Of numbers that are all different: whether each belongs to a longest ascending run.
std::vector<bool> InLongestAscent(const std::vector<size_t>& numbers) {
  constexpr size_t kNone = SIZE_MAX;
  std::vector<size_t> ends;  // ends[n]: where the best run of n + 1 numbers ends
  std::vector<size_t> previous(numbers.size(), kNone);
  for (size_t at = 0; at < numbers.size(); ++at) {
    const auto place =
        std::lower_bound(ends.begin(), ends.end(), numbers[at],
                         [&](size_t end, size_t number) { return numbers[end] < number; });
    if (place != ends.begin()) previous[at] = *std::prev(place);
    if (place == ends.end()) {
      ends.push_back(at);
    } else {
      *place = at;
    }
  }
  std::vector<bool> belongs(numbers.size(), false);
  for (size_t at = ends.empty() ? kNone : ends.back(); at != kNone; at = previous[at]) {
    belongs[at] = true;
  }
  return belongs;
}

struct Definition {
  std::string where;
  std::string text;
};
using Definitions = std::map<std::string, Definition>;

template <typename List>
void AddDefinitions(const PolicyText& policy, const char* kind, const List& list,
                    Definitions& definitions) {
  for (const auto& definition : list) {
    definitions[std::string(kind) + " " + definition.name] = {WhereOf(policy, definition.where),
                                                              rules::ToText(definition)};
  }
}

Definitions DefinitionsOf(const PolicyText& policy) {
  Definitions definitions;
  AddDefinitions(policy, "set", policy.sets, definitions);
  AddDefinitions(policy, "list", policy.lists, definitions);
  AddDefinitions(policy, "group", policy.groups, definitions);
  AddDefinitions(policy, "time", policy.times, definitions);
  return definitions;
}

void CompareDefinitions(const PolicyText& before, const PolicyText& after, RulesDiff& diff) {
  const Definitions old_ones = DefinitionsOf(before);
  const Definitions new_ones = DefinitionsOf(after);
  for (const auto& [name, definition] : old_ones) {
    if (new_ones.contains(name)) continue;
    Add(diff.definitions, diff.left_out, {name, definition.where, definition.text, ""});
  }
  for (const auto& [name, definition] : new_ones) {
    const auto old = old_ones.find(name);
    const std::string text = old == old_ones.end() ? "" : old->second.text;
    if (text == definition.text) continue;
    Add(diff.definitions, diff.left_out, {name, definition.where, text, definition.text});
  }
}

}  // namespace

RulesDiff CompareRules(const PolicyText& before, const PolicyText& after) {
  RulesDiff diff;
  const Pairing pairs(before, after);
  for (size_t rule = 0; rule < before.rules.size(); ++rule) {
    if (pairs.LaterOf(rule)) continue;
    const Rule& gone = before.rules[rule];
    Add(diff.removed, diff.left_out,
        {gone.id, WhereOf(before, gone.where), pairs.text_before(rule), ""});
  }
  std::vector<size_t> stayed;   // rules of the later text
  std::vector<size_t> earlier;  // and where each was
  for (size_t rule = 0; rule < after.rules.size(); ++rule) {
    const Rule& now = after.rules[rule];
    const RuleChange change{now.id, WhereOf(after, now.where), "", pairs.text_after(rule)};
    const auto was = pairs.EarlierOf(rule);
    if (!was) {
      Add(diff.added, diff.left_out, change);
      continue;
    }
    stayed.push_back(rule);
    earlier.push_back(*was);
    if (pairs.text_before(*was) == pairs.text_after(rule)) continue;
    Add(diff.changed, diff.left_out,
        {change.id, change.where, pairs.text_before(*was), change.after});
  }
  const std::vector<bool> in_order = InLongestAscent(earlier);
  for (size_t at = 0; at < stayed.size(); ++at) {
    if (in_order[at]) continue;
    const Rule& now = after.rules[stayed[at]];
    Add(diff.moved, diff.left_out,
        {now.id, WhereOf(after, now.where), pairs.text_before(earlier[at]),
         pairs.text_after(stayed[at])});
  }
  CompareDefinitions(before, after, diff);
  return diff;
}

}  // namespace weir::control::policy

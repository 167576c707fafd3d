#include "rules/model/print.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "rules/model/values.h"

namespace weir::rules {
namespace {

constexpr size_t kAllValues = SIZE_MAX;

// A word that the lexer takes as one, and no keyword; else it needs quotation marks.
bool IsPlain(std::string_view word) {
  if (word.empty() || IsClauseKeyword(word) || word.starts_with("account:/")) return false;
  return word.find_first_of(" \t,=\"#\\") == word.npos;
}

std::string Plain(std::string_view word) {
  return IsPlain(word) ? std::string(word) : Quoted(word);
}

// Commas between the texts of items, of which the first `shown_max` are told.
template <typename Items, typename Print>
std::string Join(const Items& items, Print print, size_t shown_max = kAllValues) {
  std::string out;
  for (size_t i = 0; i < items.size(); ++i) {
    if (i == shown_max) return out + fmt::format(", … {} more", items.size() - i);
    if (i > 0) out += ", ";
    out += print(items[i]);
  }
  return out;
}

std::string PrintAddress(const AddressItem& item) {
  switch (item.kind) {
    case AddressItem::Kind::kRange:
      return ToText(item.range);
    case AddressItem::Kind::kSet:
      return "@" + item.set;
    case AddressItem::Kind::kInside:
      return "inside";
    case AddressItem::Kind::kOutside:
      return "outside";
  }
  return "";
}

std::string PrintNumbers(uint16_t first, uint16_t last) {
  return first == last ? std::to_string(first) : fmt::format("{}-{}", first, last);
}

struct PrintValues {
  size_t shown_max;

  std::string operator()(std::monostate) const { return ""; }
  std::string operator()(const std::vector<WordItem>& items) const {
    return Join(
        items, [](const WordItem& item) { return Plain(item.word); }, shown_max);
  }
  std::string operator()(const std::vector<AddressItem>& items) const {
    return Join(items, PrintAddress, shown_max);
  }
  std::string operator()(const std::vector<PortItem>& items) const {
    const auto print = [](const PortItem& item) {
      return fmt::format("{}/{}", PortProtocolName(item.ip_protocol),
                         PrintNumbers(item.first, item.last));
    };
    return Join(items, print, shown_max);
  }
  std::string operator()(const std::vector<MacItem>& items) const {
    return Join(
        items, [](const MacItem& item) { return item.mac.ToString(); }, shown_max);
  }
  std::string operator()(const std::vector<VlanItem>& items) const {
    const auto print = [](const VlanItem& item) { return PrintNumbers(item.first, item.last); };
    return Join(items, print, shown_max);
  }
  std::string operator()(const KeywordItems& items) const {
    std::string out = Join(
        items.words, [](const WordItem& item) { return Quoted(item.word); }, shown_max);
    if (items.fields.empty()) return out;
    return out + " in " + Join(items.fields, [](KeywordField field) {
             return std::string(KeywordFieldName(field));
           });
  }
};

std::string PrintCondition(const Condition& condition, size_t shown_max) {
  std::string out(SelectorName(condition.selector));
  if (condition.selector == Selector::kSourcePort) out += " src";
  const std::string values = std::visit(PrintValues{shown_max}, condition.values);
  return values.empty() ? out : out + " " + values;
}

std::string PrintConjunction(const Conjunction& conjunction, size_t shown_max) {
  std::vector<const Condition*> ordered;
  for (const Condition& condition : conjunction.conditions) ordered.push_back(&condition);
  std::stable_sort(ordered.begin(), ordered.end(), [](const Condition* a, const Condition* b) {
    return a->selector < b->selector;
  });
  std::string out;
  for (const Condition* condition : ordered) {
    if (!out.empty()) out += ' ';
    out += PrintCondition(*condition, shown_max);
  }
  return out;
}

std::string PrintRule(const Rule& rule, size_t shown_max) {
  std::string out =
      fmt::format("{} {}", VerbName(rule.verb), PrintConjunction(rule.match, shown_max));
  for (const Conjunction& exception : rule.exceptions) {
    out += " except " + PrintConjunction(exception, shown_max);
  }
  if (rule.during) out += " during " + Plain(rule.during->time.word);
  if (rule.until) out += " until " + base::FormatRfc3339(rule.until->time);
  if (!rule.rule_class.empty()) out += " class " + Plain(rule.rule_class);
  if (rule.severity != Severity::kNone)
    out += fmt::format(" severity {}", SeverityName(rule.severity));
  if (!rule.reason.empty()) out += " reason " + Quoted(rule.reason);
  if (rule.id_given) out += " id " + Plain(rule.id);
  if (rule.mode) out += fmt::format(" mode {}", ModeName(*rule.mode));
  return out;
}

std::string PrintGroupItem(const GroupItem& item) {
  switch (item.kind) {
    case GroupItem::Kind::kRange:
      return ToText(item.range);
    case GroupItem::Kind::kAccount:
      return "account:" +
             (item.account.starts_with('/') ? Quoted(item.account) : Plain(item.account));
    case GroupItem::Kind::kAccountPattern:
      return "account:/" + item.account + "/";
  }
  return "";
}

std::string PrintSpan(const TimeSpan& span) {
  std::string days;
  for (unsigned first = 0; first < 7; ++first) {
    if ((span.days >> first & 1U) == 0) continue;
    unsigned last = first;
    while (last < 6 && (span.days >> (last + 1) & 1U) != 0) ++last;
    if (!days.empty()) days += ", ";
    days += DayName(first);
    if (last > first) days += fmt::format("-{}", DayName(last));
    first = last;
  }
  return fmt::format("{} {:02}:{:02}-{:02}:{:02}", days, span.first_minute / 60,
                     span.first_minute % 60, span.last_minute / 60, span.last_minute % 60);
}

bool BitAt(const base::IpAddress& address, unsigned bit) {
  const unsigned byte = address.bytes()[bit / 8];
  return (byte >> (7 - bit % 8) & 1U) != 0;
}

// The prefix that is this range, if one is.
std::optional<base::IpPrefix> AsPrefix(const AddressRange& range) {
  unsigned bits = 0;
  while (bits < 128 && BitAt(range.first, bits) == BitAt(range.last, bits)) ++bits;
  const unsigned length = bits;
  for (; bits < 128; ++bits) {
    if (BitAt(range.first, bits) || !BitAt(range.last, bits)) return std::nullopt;
  }
  return base::IpPrefix(range.first, length);
}

}  // namespace

std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    const auto byte = static_cast<uint8_t>(c);
    out += byte < 0x20 || byte == 0x7f ? ' ' : c;
  }
  return out + "\"";
}

std::string ToText(const AddressRange& range) {
  if (const auto prefix = AsPrefix(range)) return prefix->ToString();
  return range.first.ToString() + "-" + range.last.ToString();
}

std::string ToText(const Conjunction& conjunction) {
  return PrintConjunction(conjunction, kAllValues);
}

std::string ToText(const Rule& rule) { return PrintRule(rule, kAllValues); }

std::string ToShortText(const Rule& rule) { return PrintRule(rule, kValuesShownMax); }

std::string ToText(const SetDefinition& set) {
  return fmt::format("set {} = {}", Plain(set.name), Join(set.items, PrintAddress));
}

std::string ToText(const ListDefinition& list) {
  std::string out = fmt::format("list {} from {}", Plain(list.name), Quoted(list.path));
  if (!list.format.empty()) out += " format " + list.format;
  if (!list.list_class.empty()) out += " class " + Plain(list.list_class);
  return out;
}

std::string ToText(const GroupDefinition& group) {
  return fmt::format("group {} = {}", Plain(group.name), Join(group.items, PrintGroupItem));
}

std::string ToText(const TimeDefinition& time) {
  std::string out = fmt::format("time {} = {}", Plain(time.name), Join(time.spans, PrintSpan));
  if (!time.zone.empty()) out += " zone " + Plain(time.zone);
  return out;
}

std::string ToText(const PolicyText& policy) {
  std::string out;
  for (const SetDefinition& set : policy.sets) out += ToText(set) + "\n";
  for (const ListDefinition& list : policy.lists) out += ToText(list) + "\n";
  for (const GroupDefinition& group : policy.groups) out += ToText(group) + "\n";
  for (const TimeDefinition& time : policy.times) out += ToText(time) + "\n";
  for (const Rule& rule : policy.rules) out += ToText(rule) + "\n";
  return out;
}

}  // namespace weir::rules

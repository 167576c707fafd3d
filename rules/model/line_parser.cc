#include "rules/model/line_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "rules/model/parse.h"
#include "rules/model/suggest.h"
#include "rules/model/values.h"

namespace weir::rules {
namespace {

constexpr std::string_view kStatements[] = {"protect", "allow", "drop",  "reject", "monitor",
                                            "set",     "list",  "group", "time"};
constexpr std::string_view kStatementAdvice =
    "a rule begins with protect, allow, drop, reject or monitor, a definition with set, list, "
    "group or time";
constexpr std::string_view kClauseAdvice =
    "a comma before it, if it is one more value, or a keyword such as from, except or reason would "
    "do";
constexpr std::string_view kSelectorAdvice =
    "a selector such as host, domain, ip, port, app or any would do";
constexpr std::string_view kListFormats[] = {"hosts",     "domains", "adblock", "rpz",
                                             "cidr",      "ipset",   "drop",    "urlhaus",
                                             "threatfox", "stix",    "misp",    "suricata"};

struct SelectorKeyword {
  std::string_view word;
  Selector selector;
  std::string_view wanted;  // what a value is, for the person who left it out
};
constexpr SelectorKeyword kSelectors[] = {
    {"any", Selector::kAny, ""},
    {"host", Selector::kHost, "a host name such as www.example.com"},
    {"domain", Selector::kDomain, "a domain such as example.com"},
    {"ip", Selector::kIp, "an address, a prefix such as 10.0.0.0/8, a range first-last or @set"},
    {"port", Selector::kPort, "tcp/443, udp/53 or a range such as tcp/135-139"},
    {"app", Selector::kApp, "an application such as BitTorrent"},
    {"category", Selector::kCategory, "a category such as VPN"},
    {"keyword", Selector::kKeyword, "words in quotation marks"},
    {"list", Selector::kList, "the name of a list"},
    {"account", Selector::kAccount, "an account"},
    {"group", Selector::kGroup, "the name of a group"},
    {"mac", Selector::kMac, "an address such as 02:00:5e:10:00:01"},
    {"vlan", Selector::kVlan, "an identifier such as 100 or 200-210"},
    {"from", Selector::kFrom, "inside, outside, an address, a prefix, a range or @set"},
    {"to", Selector::kTo, "inside, outside, an address, a prefix, a range or @set"},
};

const SelectorKeyword* FindSelector(std::string_view word) {
  const auto found = std::find_if(std::begin(kSelectors), std::end(kSelectors),
                                  [&](const SelectorKeyword& known) { return known.word == word; });
  return found == std::end(kSelectors) ? nullptr : found;
}

std::string_view WantedBy(Selector selector) {
  const Selector wanted = selector == Selector::kSourcePort ? Selector::kPort : selector;
  const auto found =
      std::find_if(std::begin(kSelectors), std::end(kSelectors),
                   [&](const SelectorKeyword& known) { return known.selector == wanted; });
  return found->wanted;
}

std::optional<Verb> FindVerb(std::string_view word) {
  for (const Verb verb :
       {Verb::kProtect, Verb::kAllow, Verb::kDrop, Verb::kReject, Verb::kMonitor}) {
    if (word == VerbName(verb)) return verb;
  }
  return std::nullopt;
}

bool IsSide(Selector selector) { return selector == Selector::kFrom || selector == Selector::kTo; }

bool HasSelector(const Conjunction& conjunction, Selector selector) {
  return std::any_of(conjunction.conditions.begin(), conjunction.conditions.end(),
                     [&](const Condition& known) { return known.selector == selector; });
}

}  // namespace

std::optional<Fault> LineParser::Parse(std::string_view line) {
  if (auto fault = Lex(line, tokens_)) return fault;
  next_ = 0;
  if (AtEnd() || ParseStatement()) return std::nullopt;
  return fault_;
}

bool LineParser::Fail(const Token& token, std::string advice) {
  fault_ = {token.column, token.text, std::move(advice)};
  return false;
}

bool LineParser::ParseStatement() {
  const Token first = Peek();
  where_.column = first.column;
  if (first.kind == TokenKind::kWord) {
    Take();
    if (const std::optional<Verb> verb = FindVerb(first.text)) return ParseRule(*verb);
    if (first.text == "set") return ParseSet();
    if (first.text == "list") return ParseList();
    if (first.text == "group") return ParseGroup();
    if (first.text == "time") return ParseTime();
  }
  return Fail(first, first.kind == TokenKind::kWord
                         ? Advice(first.text, kStatements, kStatementAdvice)
                         : std::string(kStatementAdvice));
}

// --- Definitions -----------------------------------------------------------------------------

bool LineParser::ParseSet() {
  SetDefinition set;
  if (!TakeDefinitionName(set.name, set.where) || !TakeAssignment()) return false;
  const auto parse = [](const Token& token, AddressItem& item) {
    return token.text.starts_with('@') ? std::string("a set holds addresses, not other sets")
                                       : ParseAddressItem(token.text, item);
  };
  if (!ParseItems(set.items, "an address, a prefix or a range", parse)) return false;
  if (!AtEnd()) return Fail(Peek(), "a comma before it, if it is one more address, would do");
  policy_.sets.push_back(std::move(set));
  return true;
}

bool LineParser::ParseList() {
  ListDefinition list;
  Token path;
  if (!TakeDefinitionName(list.name, list.where)) return false;
  if (!PeekIs("from")) return Fail(Peek(), "'from' and the list's file would do");
  Take();
  if (!TakeWord("the list's file in quotation marks", path)) return false;
  if (path.text.empty()) return Fail(path, "the list's file would do");
  list.path = path.text;
  while (!AtEnd()) {
    const Token keyword = Take();
    if (keyword.kind == TokenKind::kWord && keyword.text == "format") {
      if (!Once(!list.format.empty(), keyword) || !ParseListFormat(list)) return false;
    } else if (keyword.kind == TokenKind::kWord && keyword.text == "class") {
      if (!Once(!list.list_class.empty(), keyword)) return false;
      if (!TakeIdentifier("a class", list.list_class)) return false;
    } else {
      return Fail(keyword, "format or class would do");
    }
  }
  policy_.lists.push_back(std::move(list));
  return true;
}

bool LineParser::ParseListFormat(ListDefinition& list) {
  Token word;
  if (!TakeWord("a format such as hosts", word)) return false;
  if (std::find(std::begin(kListFormats), std::end(kListFormats), word.text) ==
      std::end(kListFormats)) {
    return Fail(word, Advice(word.text, kListFormats,
                             fmt::format("one of {} would do", fmt::join(kListFormats, ", "))));
  }
  list.format = word.text;
  return true;
}

bool LineParser::ParseGroup() {
  GroupDefinition group;
  if (!TakeDefinitionName(group.name, group.where) || !TakeAssignment()) return false;
  do {
    GroupItem item;
    if (!ParseGroupItem(item)) return false;
    group.items.push_back(std::move(item));
  } while (TakeComma());
  if (!AtEnd()) return Fail(Peek(), "a comma before it, if it is one more member, would do");
  policy_.groups.push_back(std::move(group));
  return true;
}

bool LineParser::ParseGroupItem(GroupItem& item) {
  constexpr std::string_view kAccount = "account:";
  const Token token = Take();
  item.where = At(token);
  if (token.kind == TokenKind::kPattern) {
    item.kind = GroupItem::Kind::kAccountPattern;
    item.account = token.text;
    return true;
  }
  if (token.kind != TokenKind::kWord) {
    return Fail(token, "a prefix, account:NAME or account:/pattern/ would do");
  }
  if (!token.text.starts_with(kAccount)) {
    const std::string advice = ParseAddressRange(token.text, item.range);
    if (advice.empty()) return true;
    const bool address = token.text.find_first_of("/:") != std::string::npos;
    return Fail(token, address ? advice : "a prefix, account:NAME or account:/pattern/ would do");
  }
  item.kind = GroupItem::Kind::kAccount;
  item.account = token.text.substr(kAccount.size());
  if (item.account.empty() && Peek().kind == TokenKind::kText) item.account = Take().text;
  return !item.account.empty() || Fail(token, "account:NAME would do");
}

bool LineParser::ParseTime() {
  TimeDefinition time;
  if (!TakeDefinitionName(time.name, time.where) || !TakeAssignment()) return false;
  if (!ParseTimeItems(time)) return false;
  if (PeekIs("zone")) {
    Take();
    Token zone;
    if (!TakeWord("a time zone such as Asia/Shanghai", zone)) return false;
    const bool fits = std::all_of(zone.text.begin(), zone.text.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '/' || c == '_' || c == '-' || c == '+';
    });
    if (!fits || zone.text.empty()) return Fail(zone, "a time zone such as Asia/Shanghai would do");
    time.zone = zone.text;
  }
  if (!AtEnd())
    return Fail(Peek(), "a comma before it, if it is one more time, or 'zone' would do");
  policy_.times.push_back(std::move(time));
  return true;
}

// "Mon-Fri 08:00-12:00, 14:00-17:30, Sat, Sun 09:00-11:00": days gather up to the times that
// follow; days without times mean the whole day.
bool LineParser::ParseTimeItems(TimeDefinition& time) {
  uint8_t days = 0;
  bool days_used = false;
  do {
    Token token;
    if (!TakeWord("days such as Mon-Fri or a time of day such as 08:00-12:00", token)) return false;
    if (token.text.find(':') == std::string::npos) {
      uint8_t more = 0;
      const std::string advice = ParseDays(token.text, more);
      if (!advice.empty()) return Fail(token, advice);
      days = static_cast<uint8_t>((days_used ? 0 : days) | more);
      days_used = false;
      if (Peek().kind == TokenKind::kComma || AtEnd() || PeekIs("zone")) continue;
      if (!TakeWord("a time of day such as 08:00-12:00", token)) return false;
    }
    TimeSpan span;
    const std::string advice = ParseMinutes(token.text, span);
    if (!advice.empty()) return Fail(token, advice);
    span.days = days == 0 ? 0x7f : days;
    days_used = days != 0;
    time.spans.push_back(span);
  } while (TakeComma());
  if (days != 0 && !days_used) time.spans.push_back({days, 0, 1440});
  return true;
}

// --- Rules -----------------------------------------------------------------------------------

bool LineParser::ParseRule(Verb verb) {
  const Token verb_token = tokens_[next_ - 1];
  Rule rule;
  rule.verb = verb;
  rule.where = where_;
  rule.match.where = where_;
  while (!AtEnd()) {
    if (!ParseClause(rule)) return false;
  }
  if (!CheckRule(rule, verb_token)) return false;
  policy_.rules.push_back(std::move(rule));
  return true;
}

bool LineParser::ParseClause(Rule& rule) {
  const Token keyword = Take();
  if (keyword.kind == TokenKind::kWord) {
    if (FindSelector(keyword.text) != nullptr) return ParseCondition(rule.match, keyword);
    if (keyword.text == "except") return ParseException(rule, keyword);
    if (IsClauseKeyword(keyword.text)) return ParseAnnotation(rule, keyword);
  }
  return Fail(keyword, keyword.kind == TokenKind::kWord
                           ? Advice(keyword.text, ClauseKeywords(), kClauseAdvice)
                           : std::string(kClauseAdvice));
}

bool LineParser::ParseAnnotation(Rule& rule, const Token& keyword) {
  Token value;
  if (keyword.text == "during") {
    if (!Once(rule.during.has_value(), keyword) || !TakeWord("the name of a time", value)) {
      return false;
    }
    rule.during = DuringClause{{value.text, At(value)}, At(keyword)};
    return true;
  }
  if (keyword.text == "until") {
    if (!Once(rule.until.has_value(), keyword)) return false;
    if (!TakeWord("a time such as 2026-12-31T18:00+08:00", value)) return false;
    const auto time = base::ParseRfc3339(value.text);
    if (!time) return Fail(value, "a time such as 2026-12-31T18:00+08:00 would do");
    rule.until = UntilClause{*time, At(keyword)};
    return true;
  }
  if (keyword.text == "class") {
    return Once(!rule.rule_class.empty(), keyword) && TakeIdentifier("a class", rule.rule_class);
  }
  if (keyword.text == "severity") {
    if (!Once(rule.severity != Severity::kNone, keyword)) return false;
    if (!TakeWord("info, low, medium, high or critical", value)) return false;
    const std::string advice = ParseSeverity(value.text, rule.severity);
    return advice.empty() || Fail(value, advice);
  }
  if (keyword.text == "reason") {
    if (!Once(!rule.reason.empty(), keyword)) return false;
    if (!TakeWord("the reason in quotation marks", value)) return false;
    if (value.text.empty() || value.text.size() > kReasonBytesMax) {
      return Fail(value, fmt::format("a reason of 1 to {} bytes would do", kReasonBytesMax));
    }
    rule.reason = value.text;
    return true;
  }
  if (keyword.text == "id") {
    if (!Once(rule.id_given, keyword) || !TakeWord("an id", value)) return false;
    const std::string advice = CheckIdentifier(value.text, true);
    if (!advice.empty()) return Fail(value, advice);
    rule.id = value.text;
    rule.id_given = true;
    return true;
  }
  if (keyword.text == "mode") {
    if (!Once(rule.mode.has_value(), keyword)) return false;
    if (rule.verb != Verb::kDrop && rule.verb != Verb::kReject) {
      return Fail(keyword, fmt::format("only drop and reject have a mode; '{}' without it would do",
                                       VerbName(rule.verb)));
    }
    if (!TakeWord("monitor or enforce", value)) return false;
    Mode mode = Mode::kEnforce;
    const std::string advice = ParseMode(value.text, mode);
    if (!advice.empty()) return Fail(value, advice);
    rule.mode = mode;
    return true;
  }
  return Fail(keyword, keyword.text == "src" ? "'port src tcp/1024-65535' would do"
                                             : std::string(kClauseAdvice));
}

bool LineParser::ParseException(Rule& rule, const Token& keyword) {
  Conjunction exception;
  exception.where = At(keyword);
  while (Peek().kind == TokenKind::kWord && FindSelector(Peek().text) != nullptr) {
    const Token selector = Take();
    if (selector.text == "any") return Fail(selector, "a rule except any would never match");
    if (!ParseCondition(exception, selector)) return false;
  }
  if (exception.conditions.empty()) {
    return Fail(Peek(), Advice(Peek().text, ClauseKeywords(), kSelectorAdvice));
  }
  rule.exceptions.push_back(std::move(exception));
  return true;
}

bool LineParser::ParseCondition(Conjunction& into, const Token& keyword) {
  Condition condition;
  condition.selector = FindSelector(keyword.text)->selector;
  condition.where = At(keyword);
  if (condition.selector == Selector::kPort && PeekIs("src")) {
    Take();
    condition.selector = Selector::kSourcePort;
  }
  if (HasSelector(into, condition.selector)) {
    return Fail(keyword, "all its values behind one of it, with commas between them, would do");
  }
  if (!ParseValues(condition)) return false;
  into.conditions.push_back(std::move(condition));
  return true;
}

bool LineParser::ParseValues(Condition& condition) {
  const std::string_view wanted = WantedBy(condition.selector);
  const auto parse_address = [](const Token& token, AddressItem& item) {
    return ParseAddressItem(token.text, item);
  };
  const auto parse_endpoint = [](const Token& token, AddressItem& item) {
    return ParseEndpointItem(token.text, item);
  };
  const auto parse_port = [](const Token& token, PortItem& item) {
    return ParsePort(token.text, item);
  };
  const auto parse_mac = [](const Token& token, MacItem& item) {
    return ParseMac(token.text, item.mac);
  };
  const auto parse_vlan = [](const Token& token, VlanItem& item) {
    return ParseVlan(token.text, item);
  };
  switch (condition.selector) {
    case Selector::kAny:
      return true;
    case Selector::kIp:
      return ParseItems(condition.values.emplace<std::vector<AddressItem>>(), wanted,
                        parse_address);
    case Selector::kFrom:
    case Selector::kTo:
      return ParseItems(condition.values.emplace<std::vector<AddressItem>>(), wanted,
                        parse_endpoint);
    case Selector::kPort:
    case Selector::kSourcePort:
      return ParseItems(condition.values.emplace<std::vector<PortItem>>(), wanted, parse_port);
    case Selector::kMac:
      return ParseItems(condition.values.emplace<std::vector<MacItem>>(), wanted, parse_mac);
    case Selector::kVlan:
      return ParseItems(condition.values.emplace<std::vector<VlanItem>>(), wanted, parse_vlan);
    case Selector::kKeyword:
      return ParseKeywordValues(condition);
    default:
      return ParseWords(condition.values.emplace<std::vector<WordItem>>(), condition.selector);
  }
}

bool LineParser::ParseKeywordValues(Condition& condition) {
  KeywordItems items;
  if (!ParseWords(items.words, Selector::kKeyword)) return false;
  if (PeekIs("in")) {
    Take();
    do {
      Token word;
      KeywordField field{};
      if (!TakeWord("name, http.host, http.url, http.header or http.body", word)) return false;
      const std::string advice = ParseKeywordField(word.text, field);
      if (!advice.empty()) return Fail(word, advice);
      items.fields.push_back(field);
    } while (TakeComma());
  }
  condition.values = std::move(items);
  return true;
}

bool LineParser::ParseWords(std::vector<WordItem>& items, Selector selector) {
  const bool is_host = selector == Selector::kHost || selector == Selector::kDomain;
  const auto parse = [&](const Token& token, WordItem& item) {
    if (token.text.empty()) return fmt::format("{} would do", WantedBy(selector));
    if (is_host) return ParseHostName(token.text, item.word);
    item.word = token.text;
    return std::string();
  };
  return ParseItems(items, WantedBy(selector), parse);
}

template <typename Item, typename ParseOne>
bool LineParser::ParseItems(std::vector<Item>& items, std::string_view wanted, ParseOne parse_one) {
  do {
    Token token;
    if (!TakeWord(wanted, token)) return false;
    Item item;
    item.where = At(token);
    const std::string advice = parse_one(token, item);
    if (!advice.empty()) return Fail(token, advice);
    items.push_back(std::move(item));
  } while (TakeComma());
  return true;
}

// What can be said only when the whole rule is read.
bool LineParser::CheckRule(const Rule& rule, const Token& verb) {
  const std::vector<Condition>& conditions = rule.match.conditions;
  const bool selects = std::any_of(conditions.begin(), conditions.end(),
                                   [](const Condition& known) { return !IsSide(known.selector); });
  if (!selects) {
    return Fail(verb, fmt::format("{} wants a selector; '{} any' would do for every flow",
                                  verb.text, verb.text));
  }
  if (!HasSelector(rule.match, Selector::kAny)) return true;
  for (const Condition& condition : conditions) {
    if (condition.selector == Selector::kAny || IsSide(condition.selector)) continue;
    const std::string word(SelectorName(condition.selector));
    return Fail(Token{TokenKind::kWord, word, condition.where.column},
                "'any' stands without other selectors; the rule without 'any' would do");
  }
  return true;
}

// --- Words -----------------------------------------------------------------------------------

bool LineParser::TakeDefinitionName(std::string& name, Location& where) {
  where = where_;
  const Token token = Peek();
  if (!TakeIdentifier("a name", name)) return false;
  where.column = token.column;
  return true;
}

bool LineParser::TakeWord(std::string_view wanted, Token& out) {
  const Token& token = Peek();
  const bool is_word = token.kind == TokenKind::kWord && !IsClauseKeyword(token.text);
  if (!is_word && token.kind != TokenKind::kText) {
    return Fail(token, fmt::format("{} would do{}", wanted,
                                   token.kind == TokenKind::kWord
                                       ? ", in quotation marks if it is a keyword"
                                       : ""));
  }
  out = std::move(tokens_[next_++]);  // nothing looks back at a value
  return true;
}

bool LineParser::TakeIdentifier(std::string_view wanted, std::string& out) {
  Token token;
  if (!TakeWord(wanted, token)) return false;
  const std::string advice = CheckIdentifier(token.text, false);
  if (!advice.empty()) return Fail(token, advice);
  out = token.text;
  return true;
}

bool LineParser::TakeAssignment() {
  if (Peek().kind != TokenKind::kEquals) return Fail(Peek(), "'=' would do");
  Take();
  return true;
}

bool LineParser::TakeComma() {
  if (Peek().kind != TokenKind::kComma) return false;
  Take();
  return true;
}

bool LineParser::Once(bool seen, const Token& keyword) {
  return !seen || Fail(keyword, "a rule has this once");
}

}  // namespace weir::rules

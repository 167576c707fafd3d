// Whatever a policy says, its printed form says the same: random policies, printed and parsed
// again.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include "rules/model/parse.h"
#include "rules/model/print.h"

namespace weir::rules {
namespace {

class RandomPolicy {
 public:
  explicit RandomPolicy(uint64_t seed) : random_(seed) {}

  PolicyText Make() {
    PolicyText policy;
    policy.source_names = {"t.rules"};
    policy.sets.push_back({"set-1", {}, Many<AddressItem>([&] { return Address(false); })});
    policy.lists.push_back({"list_1", {}, Text(), Chance() ? "rpz" : "", Chance() ? "c" : ""});
    policy.groups.push_back({"Group", {}, Many<GroupItem>([&] { return Member(); })});
    policy.times.push_back(
        {"t1", {}, Many<TimeSpan>([&] { return Span(); }), Chance() ? "Asia/Shanghai" : ""});
    policy.rules = Many<Rule>([&] { return MakeRule(); });
    for (size_t i = 0; i < policy.rules.size(); ++i) {
      Rule& rule = policy.rules[i];
      rule.id_given = Chance();
      // Four definitions stand before the rules, which so begin on line 5.
      rule.id = (rule.id_given ? "x." : "t:") + std::to_string(i + 5);
    }
    return policy;
  }

 private:
  bool Chance() { return Below(2) == 0; }
  uint32_t Below(uint32_t end) {
    return std::uniform_int_distribution<uint32_t>(0, end - 1)(random_);
  }

  template <typename Item, typename MakeOne>
  std::vector<Item> Many(MakeOne make_one) {
    std::vector<Item> items(1 + Below(3));
    for (Item& item : items) item = make_one();
    return items;
  }

  // Words with everything that the lexer cares about.
  std::string Text() {
    constexpr std::string_view kPieces[] = {"a",  "Zz9", " ",   "\"", "\\",   "#",       ",",
                                            "=",  "@",   "/",   "\t", "赌博", "account", ":",
                                            "in", "any", "src", "-",  "'",    "…",       "from"};
    std::string text;
    for (uint32_t i = Below(5) + 1; i > 0; --i) text += kPieces[Below(std::size(kPieces))];
    // A tab is a control character, which quotation marks turn into a space.
    std::replace(text.begin(), text.end(), '\t', ' ');
    return text;
  }

  std::string Host() {
    constexpr std::string_view kLabels[] = {"www", "example", "any", "xn--fiqs8s", "_x-1", "from"};
    std::string host(kLabels[Below(std::size(kLabels))]);
    for (uint32_t i = Below(3); i > 0; --i) {
      host += "." + std::string(kLabels[Below(std::size(kLabels))]);
    }
    return host;
  }

  base::IpAddress Ip(bool v4) {
    std::array<uint8_t, 16> bytes{};
    for (uint8_t& byte : bytes) byte = Chance() ? 0 : static_cast<uint8_t>(Below(256));
    bytes[0] = static_cast<uint8_t>(0x20 | bytes[0]);  // never the mapped form
    return v4 ? base::IpAddress::FromV4(std::span(bytes).first<4>())
              : base::IpAddress::FromV6(bytes);
  }

  AddressRange Range() {
    const bool v4 = Chance();
    if (Chance()) {
      const base::IpPrefix prefix(Ip(v4), v4 ? 96 + Below(33) : Below(129));
      base::IpAddress last = prefix.address();
      for (unsigned bit = prefix.length_bits(); bit < 128; ++bit) {
        uint8_t& byte = last.mutable_bytes()[bit / 8];
        byte = static_cast<uint8_t>(byte | (0x80U >> (bit % 8)));
      }
      return {prefix.address(), last};
    }
    const base::IpAddress a = Ip(v4);
    const base::IpAddress b = Ip(v4);
    return {std::min(a, b), std::max(a, b)};
  }

  AddressItem Address(bool is_endpoint) {
    AddressItem item;
    const uint32_t kind = Below(is_endpoint ? 4 : 2);
    if (kind == 2) item.kind = AddressItem::Kind::kInside;
    if (kind == 3) item.kind = AddressItem::Kind::kOutside;
    if (kind < 2) item.range = Range();
    return item;
  }

  AddressItem AddressOrSet(bool is_endpoint) {
    if (Below(4) != 0) return Address(is_endpoint);
    AddressItem item;
    item.kind = AddressItem::Kind::kSet;
    item.set = "set-1";
    return item;
  }

  GroupItem Member() {
    GroupItem item;
    item.kind = static_cast<GroupItem::Kind>(Below(3));
    if (item.kind == GroupItem::Kind::kRange) item.range = Range();
    if (item.kind == GroupItem::Kind::kAccount) item.account = Text();
    if (item.kind == GroupItem::Kind::kAccountPattern) item.account = "^a\\/[#,\" ]$";
    return item;
  }

  TimeSpan Span() {
    TimeSpan span{static_cast<uint8_t>(1 + Below(127)), static_cast<uint16_t>(Below(1440)), 0};
    do {
      span.last_minute = static_cast<uint16_t>(1 + Below(1440));
    } while (span.last_minute == span.first_minute);
    return span;
  }

  Condition MakeCondition(Selector selector) {
    Condition condition;
    condition.selector = selector;
    const auto word = [&](std::string text) { return WordItem{std::move(text), {}}; };
    const uint16_t low = static_cast<uint16_t>(Below(2000));
    const uint16_t high = static_cast<uint16_t>(low + Below(2) * Below(2000));
    constexpr uint8_t kProtocols[] = {6, 17, 132};
    switch (selector) {
      case Selector::kAny:
        break;
      case Selector::kHost:
      case Selector::kDomain:
        condition.values = Many<WordItem>([&] { return word(Host()); });
        break;
      case Selector::kIp:
        condition.values = Many<AddressItem>([&] { return AddressOrSet(false); });
        break;
      case Selector::kFrom:
      case Selector::kTo:
        condition.values = Many<AddressItem>([&] { return AddressOrSet(true); });
        break;
      case Selector::kPort:
      case Selector::kSourcePort:
        condition.values = Many<PortItem>([&] {
          return PortItem{kProtocols[Below(3)], low, high, {}};
        });
        break;
      case Selector::kMac:
        condition.values = std::vector<MacItem>{{{{2, 0, 0x5e, 0x10, 0, 1}}, {}}};
        break;
      case Selector::kVlan:
        condition.values = std::vector<VlanItem>{{low, high, {}}};
        break;
      case Selector::kList:
        condition.values = std::vector<WordItem>{word("list_1")};
        break;
      case Selector::kGroup:
        condition.values = std::vector<WordItem>{word("Group")};
        break;
      case Selector::kKeyword:
        condition.values = KeywordItems{Many<WordItem>([&] { return word(Text()); }), {}};
        if (Chance()) {
          std::get<KeywordItems>(condition.values).fields = {KeywordField::kName,
                                                             KeywordField::kHttpUrl};
        }
        break;
      default:
        condition.values = Many<WordItem>([&] { return word(Text()); });
        break;
    }
    return condition;
  }

  Conjunction Match(bool allow_any) {
    Conjunction match;
    constexpr auto kSelectors = static_cast<uint32_t>(Selector::kTo) + 1;
    if (allow_any && Below(5) == 0) {
      match.conditions.push_back(MakeCondition(Selector::kAny));
    } else {
      const uint32_t needed = 1 + Below(static_cast<uint32_t>(Selector::kVlan));
      for (uint32_t i = 1; i < static_cast<uint32_t>(Selector::kFrom); ++i) {
        if (i == needed || Below(5) == 0) {
          match.conditions.push_back(MakeCondition(static_cast<Selector>(i)));
        }
      }
    }
    for (uint32_t i = static_cast<uint32_t>(Selector::kFrom); i < kSelectors; ++i) {
      if (Below(3) == 0) match.conditions.push_back(MakeCondition(static_cast<Selector>(i)));
    }
    return match;
  }

  Rule MakeRule() {
    Rule rule;
    rule.verb = static_cast<Verb>(Below(5));
    rule.match = Match(true);
    for (uint32_t i = Below(3); i > 0; --i) rule.exceptions.push_back(Match(false));
    if (Chance()) rule.during = DuringClause{{"t1", {}}, {}};
    if (Chance())
      rule.until = UntilClause{{int64_t{Below(2'000'000'000)} * base::kNsPerSecond}, {}};
    if (Chance()) rule.rule_class = "class_-9";
    if (Chance()) rule.severity = static_cast<Severity>(Below(6));
    if (Chance()) rule.reason = Text();
    const bool blocks = rule.verb == Verb::kDrop || rule.verb == Verb::kReject;
    if (blocks && Chance()) rule.mode = static_cast<Mode>(Below(2));
    return rule;
  }

  std::mt19937_64 random_;
};

// Equal in everything but the places.
bool Same(const Condition& a, const Condition& b);
bool Same(const Conjunction& a, const Conjunction& b);
bool Same(const Rule& a, const Rule& b);
bool Same(const WordItem& a, const WordItem& b) { return a.word == b.word; }
bool Same(const AddressItem& a, const AddressItem& b) {
  return a.kind == b.kind && a.set == b.set && a.range == b.range;
}
bool Same(const PortItem& a, const PortItem& b) {
  return a.ip_protocol == b.ip_protocol && a.first == b.first && a.last == b.last;
}
bool Same(const MacItem& a, const MacItem& b) { return a.mac == b.mac; }
bool Same(const VlanItem& a, const VlanItem& b) { return a.first == b.first && a.last == b.last; }
bool Same(std::monostate, std::monostate) { return true; }
bool Same(const GroupItem& a, const GroupItem& b) {
  return a.kind == b.kind && a.account == b.account && a.range == b.range;
}
bool Same(const TimeSpan& a, const TimeSpan& b) { return a == b; }

template <typename Item>
bool Same(const std::vector<Item>& a, const std::vector<Item>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Item& x, const Item& y) { return Same(x, y); });
}
bool Same(const KeywordItems& a, const KeywordItems& b) {
  return Same(a.words, b.words) && a.fields == b.fields;
}
bool Same(const Condition& a, const Condition& b) {
  if (a.selector != b.selector || a.values.index() != b.values.index()) return false;
  return std::visit(
      [&](const auto& values) {
        return Same(values, std::get<std::decay_t<decltype(values)>>(b.values));
      },
      a.values);
}
bool Same(const Conjunction& a, const Conjunction& b) { return Same(a.conditions, b.conditions); }
bool Same(const Rule& a, const Rule& b) {
  const auto during = [](const Rule& rule) { return rule.during ? rule.during->time.word : ""; };
  const auto until = [](const Rule& rule) { return rule.until ? rule.until->time.ns : -1; };
  return a.verb == b.verb && Same(a.match, b.match) && Same(a.exceptions, b.exceptions) &&
         during(a) == during(b) && until(a) == until(b) && a.rule_class == b.rule_class &&
         a.severity == b.severity && a.reason == b.reason && a.id == b.id &&
         a.id_given == b.id_given && a.mode == b.mode;
}

TEST(ToText, RoundTripsRandomPolicies) {
  const uint64_t seed = std::random_device()();
  std::printf("seed %lu\n", static_cast<unsigned long>(seed));
  RandomPolicy random(seed);
  for (int i = 0; i < 3000; ++i) {
    const PolicyText policy = random.Make();
    const std::string text = ToText(policy);
    const std::vector<PolicySource> sources = {{"t.rules", text}};
    const auto parsed = ParsePolicy(sources);
    ASSERT_TRUE(parsed.ok()) << "seed " << seed << "\n" << text << parsed.error().message;
    ASSERT_EQ(ToText(*parsed), text) << "seed " << seed;
    ASSERT_TRUE(Same(parsed->rules, policy.rules)) << "seed " << seed << "\n" << text;
    ASSERT_TRUE(Same(parsed->sets[0].items, policy.sets[0].items)) << text;
    ASSERT_TRUE(Same(parsed->groups[0].items, policy.groups[0].items)) << text;
    ASSERT_TRUE(Same(parsed->times[0].spans, policy.times[0].spans)) << text;
    ASSERT_EQ(parsed->lists[0].path, policy.lists[0].path);
  }
}

}  // namespace
}  // namespace weir::rules

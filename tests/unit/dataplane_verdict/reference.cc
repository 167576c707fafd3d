#include "tests/unit/dataplane_verdict/reference.h"

#include <optional>
#include <regex>
#include <vector>

namespace weir::verdict {
namespace {

using rules::AddressItem;
using rules::Condition;
using rules::Conjunction;
using rules::PolicyText;
using rules::PortItem;
using rules::Rule;
using rules::Selector;
using rules::WordItem;

// nullopt: not known yet.
using Answer = std::optional<bool>;

bool NameIsBelow(std::string_view name, const std::string& domain) {
  return name == domain || name.ends_with("." + domain);
}

bool InSet(const PolicyText& text, const std::string& set_name, const base::IpAddress& address) {
  for (const rules::SetDefinition& set : text.sets) {
    if (set.name != set_name) continue;
    for (const AddressItem& item : set.items) {
      if (item.range.Contains(address)) return true;
    }
  }
  return false;
}

bool AddressHolds(const PolicyText& text, const Condition& condition,
                  const base::IpAddress& address, packet::Side side) {
  for (const AddressItem& item : std::get<std::vector<AddressItem>>(condition.values)) {
    if (item.kind == AddressItem::Kind::kRange && item.range.Contains(address)) return true;
    if (item.kind == AddressItem::Kind::kSet && InSet(text, item.set, address)) return true;
    if (item.kind == AddressItem::Kind::kInside && side == packet::Side::kInside) return true;
    if (item.kind == AddressItem::Kind::kOutside && side == packet::Side::kOutside) return true;
  }
  return false;
}

packet::Side ResponderSide(const Facts& facts) {
  if (facts.responder_side != packet::Side::kUnknown) return facts.responder_side;
  if (facts.initiator_side == packet::Side::kInside) return packet::Side::kOutside;
  if (facts.initiator_side == packet::Side::kOutside) return packet::Side::kInside;
  return packet::Side::kUnknown;
}

bool PortHolds(const Condition& condition, uint8_t ip_protocol, uint16_t port) {
  for (const PortItem& item : std::get<std::vector<PortItem>>(condition.values)) {
    if (item.ip_protocol == ip_protocol && item.first <= port && port <= item.last) return true;
  }
  return false;
}

bool MacHolds(const Condition& condition, const Facts& facts) {
  for (const rules::MacItem& item : std::get<std::vector<rules::MacItem>>(condition.values)) {
    if (item.mac == facts.macs[0] || item.mac == facts.macs[1]) return true;
  }
  return false;
}

bool VlanHolds(const Condition& condition, const Facts& facts) {
  for (const rules::VlanItem& item : std::get<std::vector<rules::VlanItem>>(condition.values)) {
    for (uint8_t i = 0; i < facts.vlan_count; ++i) {
      if (item.first <= facts.vlans[i] && facts.vlans[i] <= item.last) return true;
    }
  }
  return false;
}

// By the longest prefix that holds the address; "": nobody's.
std::string OwnerOf(const ReferencePolicy& policy, const base::IpAddress& address) {
  std::string owner;
  unsigned longest = 0;
  for (const auto& [prefix, account] : policy.accounts) {
    if (!prefix.Contains(address) || prefix.length_bits() < longest) continue;
    longest = prefix.length_bits();
    owner = account;
  }
  return owner;
}

bool AccountHolds(const ReferencePolicy& policy, const Condition& condition,
                  const base::IpAddress& address) {
  const std::string owner = OwnerOf(policy, address);
  for (const WordItem& item : std::get<std::vector<WordItem>>(condition.values)) {
    if (owner == item.word) return true;
  }
  return false;
}

bool InGroup(const ReferencePolicy& policy, const rules::GroupDefinition& group,
             const base::IpAddress& address) {
  const std::string owner = OwnerOf(policy, address);
  for (const rules::GroupItem& item : group.items) {
    switch (item.kind) {
      case rules::GroupItem::Kind::kRange:
        if (item.range.Contains(address)) return true;
        break;
      case rules::GroupItem::Kind::kAccount:
        if (owner == item.account) return true;
        break;
      case rules::GroupItem::Kind::kAccountPattern:
        if (!owner.empty() && std::regex_search(owner, std::regex(item.account))) return true;
        break;
    }
  }
  return false;
}

bool GroupHolds(const ReferencePolicy& policy, const Condition& condition,
                const base::IpAddress& address) {
  for (const WordItem& item : std::get<std::vector<WordItem>>(condition.values)) {
    for (const rules::GroupDefinition& group : policy.text.groups) {
      if (group.name == item.word && InGroup(policy, group, address)) return true;
    }
  }
  return false;
}

// `name` is null where the flow has none; nullopt where it may still get one.
struct Asked {
  const ReferencePolicy& policy;
  const Facts& facts;
  const ReferenceKeywords& keywords;
  std::optional<const std::string_view*> name;
};

Answer NameHolds(const Asked& asked, const Condition& condition) {
  if (!asked.name) return std::nullopt;
  if (*asked.name == nullptr) return false;
  for (const WordItem& item : std::get<std::vector<WordItem>>(condition.values)) {
    const bool holds = condition.selector == Selector::kHost ? **asked.name == item.word
                                                             : NameIsBelow(**asked.name, item.word);
    if (holds) return true;
  }
  return false;
}

// A name has the fields `name` and, of an HTTP request, `http.host`.
bool LooksInNames(const rules::KeywordItems& items, bool are_http_hosts) {
  if (items.fields.empty()) return true;
  for (const rules::KeywordField field : items.fields) {
    if (field == rules::KeywordField::kName) return true;
    if (field == rules::KeywordField::kHttpHost && are_http_hosts) return true;
  }
  return false;
}

bool KeywordFound(const ReferenceKeywords& keywords, const rules::KeywordItems& items) {
  for (const auto& [found_in, word] : keywords) {
    bool wanted = items.fields.empty();
    for (const rules::KeywordField field : items.fields) wanted = wanted || field == found_in;
    for (const WordItem& item : items.words) {
      if (wanted && item.word == word) return true;
    }
  }
  return false;
}

// Only for the name it waits.
Answer KeywordHolds(const Asked& asked, const Condition& condition) {
  const auto& items = std::get<rules::KeywordItems>(condition.values);
  if (KeywordFound(asked.keywords, items)) return true;
  if (!asked.name) return LooksInNames(items, true) ? Answer() : Answer(false);
  if (*asked.name == nullptr || !LooksInNames(items, asked.facts.names_are_http_hosts)) {
    return false;
  }
  for (const WordItem& item : items.words) {
    if ((*asked.name)->find(item.word) != std::string_view::npos) return true;
  }
  return false;
}

Answer AppHolds(const Asked& asked, const Condition& condition) {
  const Facts& facts = asked.facts;
  if (facts.app_state == Knowledge::kOpen) return std::nullopt;
  if (facts.app_state == Knowledge::kNone) return false;
  for (const WordItem& item : std::get<std::vector<WordItem>>(condition.values)) {
    if (condition.selector == Selector::kCategory) {
      if (asked.policy.apps.FindCategory(item.word) == facts.category) return true;
      continue;
    }
    const auto app = asked.policy.apps.FindApp(item.word);
    if (app == facts.app_master || app == facts.app_sub) return true;
  }
  return false;
}

// Whether the list holds the name: of all entries about it the one with most labels says so.
bool ListHoldsName(const rules::ListContent& list, std::string_view name) {
  size_t best = 0;
  bool holds = false;
  list.ForEachName([&](const rules::ListName& entry) {
    const bool whole = name == entry.name;
    const bool below = name.ends_with("." + std::string(entry.name));
    const bool about = entry.reach == rules::NameReach::kExact   ? whole
                       : entry.reach == rules::NameReach::kBelow ? below
                                                                 : whole || below;
    // Longer than another parent of the same name: more labels. Exact before the others, then pass.
    const size_t rank = entry.name.size() * 4 +
                        (entry.reach == rules::NameReach::kExact ? 2U : 0U) +
                        (entry.pass ? 1U : 0U);
    if (!about || rank < best) return;
    best = rank;
    holds = !entry.pass;
  });
  return holds;
}

bool ListHoldsAddress(const rules::ListContent& list, const Facts& facts) {
  for (const rules::ListRange& entry : list.ranges) {
    if (entry.range.Contains(facts.initiator_ip)) return true;
    if (entry.range.Contains(facts.responder_ip)) return true;
  }
  return false;
}

bool ListHoldsEndpoint(const rules::ListContent& list, const Facts& facts) {
  for (const rules::ListEndpoint& entry : list.endpoints) {
    if (entry.ip_protocol != facts.ip_protocol) continue;
    if (entry.address == facts.initiator_ip && entry.port == facts.initiator_port) return true;
    if (entry.address == facts.responder_ip && entry.port == facts.responder_port) return true;
  }
  return false;
}

Answer ListHolds(const Asked& asked, const rules::ListContent& list) {
  if (ListHoldsAddress(list, asked.facts)) return true;
  if (!asked.facts.ports_open && ListHoldsEndpoint(list, asked.facts)) return true;
  const bool has_name = asked.name && *asked.name != nullptr;
  if (has_name && ListHoldsName(list, **asked.name)) return true;
  const bool port_open = asked.facts.ports_open && !list.endpoints.empty();
  const bool name_open = !asked.name && list.name_count() > 0;
  return port_open || name_open ? Answer() : Answer(false);
}

Answer ListsHold(const Asked& asked, const Condition& condition) {
  Answer any = false;
  for (const WordItem& item : std::get<std::vector<WordItem>>(condition.values)) {
    const Answer one = ListHolds(asked, *asked.policy.lists.at(item.word));
    if (one == Answer(true)) return true;
    if (!one) any = std::nullopt;
  }
  return any;
}

// Of the lists of the rule that hold, the one that was defined first.
std::string ListOf(const Asked& asked, const Rule& rule) {
  for (const Condition& condition : rule.match.conditions) {
    if (condition.selector != Selector::kList) continue;
    const auto& items = std::get<std::vector<WordItem>>(condition.values);
    for (const rules::ListDefinition& list : asked.policy.text.lists) {
      for (const WordItem& item : items) {
        if (item.word != list.name) continue;
        if (ListHolds(asked, *asked.policy.lists.at(list.name)) == Answer(true)) return list.name;
      }
    }
  }
  return "";
}

Answer Holds(const Asked& asked, const Condition& condition) {
  const PolicyText& text = asked.policy.text;
  const Facts& facts = asked.facts;
  constexpr auto kNoSide = packet::Side::kUnknown;
  switch (condition.selector) {
    case Selector::kAny:
      return true;
    case Selector::kHost:
    case Selector::kDomain:
      return NameHolds(asked, condition);
    case Selector::kKeyword:
      return KeywordHolds(asked, condition);
    case Selector::kApp:
    case Selector::kCategory:
      return AppHolds(asked, condition);
    case Selector::kIp:
      return AddressHolds(text, condition, facts.initiator_ip, kNoSide) ||
             AddressHolds(text, condition, facts.responder_ip, kNoSide);
    case Selector::kAccount:
      return AccountHolds(asked.policy, condition, facts.initiator_ip) ||
             AccountHolds(asked.policy, condition, facts.responder_ip);
    case Selector::kGroup:
      return GroupHolds(asked.policy, condition, facts.initiator_ip) ||
             GroupHolds(asked.policy, condition, facts.responder_ip);
    case Selector::kFrom:
      return AddressHolds(text, condition, facts.initiator_ip, facts.initiator_side);
    case Selector::kTo:
      return AddressHolds(text, condition, facts.responder_ip, ResponderSide(facts));
    case Selector::kList:
      return ListsHold(asked, condition);
    case Selector::kMac:
      return MacHolds(condition, facts);
    case Selector::kVlan:
      return VlanHolds(condition, facts);
    case Selector::kPort:
      if (facts.ports_open) return std::nullopt;
      return PortHolds(condition, facts.ip_protocol, facts.responder_port);
    case Selector::kSourcePort:
      if (facts.ports_open) return std::nullopt;
      return PortHolds(condition, facts.ip_protocol, facts.initiator_port);
    default:
      return false;
  }
}

Answer Holds(const Asked& asked, const Conjunction& conjunction) {
  Answer all = true;
  for (const Condition& condition : conjunction.conditions) {
    const Answer one = Holds(asked, condition);
    if (one == Answer(false)) return false;
    if (!one) all = std::nullopt;
  }
  return all;
}

// Of times in UTC.
bool IsOnNow(const ReferencePolicy& policy, const Rule& rule) {
  if (!rule.during) return true;
  const int64_t minutes = policy.now.ns / base::kNsPerSecond / 60;
  const int64_t minute = minutes % 1440;
  const int64_t day = (minutes / 1440 + 3) % 7;  // 1970 began on a Thursday
  for (const rules::TimeDefinition& time : policy.text.times) {
    if (time.name != rule.during->time.word) continue;
    for (const rules::TimeSpan& span : time.spans) {
      for (int64_t begun = 0; begun < 7; ++begun) {
        if ((span.days >> begun & 1) == 0) continue;
        const int64_t since = ((day - begun + 7) % 7) * 1440 + minute - span.first_minute;
        const int64_t lasts = span.last_minute - span.first_minute +
                              (span.last_minute < span.first_minute ? 1440 : 0);
        if (0 <= since && since < lasts) return true;
      }
    }
  }
  return false;
}

Answer Matches(const Asked& asked, const Rule& rule) {
  if (!IsOnNow(asked.policy, rule)) return false;
  Answer matches = Holds(asked, rule.match);
  for (const Conjunction& exception : rule.exceptions) {
    const Answer excepted = Holds(asked, exception);
    if (matches == Answer(false) || excepted == Answer(true)) return false;
    if (!excepted) matches = std::nullopt;
  }
  return matches;
}

events::Verdict VerdictOf(const ReferencePolicy& policy, const Rule& rule) {
  const bool enforce = rule.mode.value_or(policy.mode) == rules::Mode::kEnforce;
  if (rule.verb == rules::Verb::kDrop) {
    return enforce ? events::Verdict::kDrop : events::Verdict::kWouldDrop;
  }
  if (rule.verb == rules::Verb::kReject) {
    return enforce ? events::Verdict::kReject : events::Verdict::kWouldReject;
  }
  return events::Verdict::kPass;
}

struct Ranked {
  ReferenceDecision decision;
  size_t place = 0;  // of the rule
};

bool IsUnknown(const ReferencePolicy& policy, const base::IpAddress& address, packet::Side side) {
  const std::string text = address.ToString();
  const bool a_hosts = text != "0.0.0.0" && text != "255.255.255.255" && text != "::";
  return side == packet::Side::kInside && a_hosts && OwnerOf(policy, address).empty();
}

// Behind all rules.
ReferenceDecision DecideUnknown(const Asked& asked) {
  const Facts& facts = asked.facts;
  const rules::UnknownAddress unknown = asked.policy.unknown;
  const bool is_unknown = IsUnknown(asked.policy, facts.initiator_ip, facts.initiator_side) ||
                          IsUnknown(asked.policy, facts.responder_ip, ResponderSide(facts));
  if (unknown == rules::UnknownAddress::kAllow || !is_unknown) return {};
  const bool may_be_http =
      facts.ports_open || (facts.ip_protocol == 6 && facts.responder_port == 80);
  const bool waits = unknown == rules::UnknownAddress::kPortal && may_be_http && !asked.name;
  ReferenceDecision decision;
  decision.open = waits;
  if (waits) return decision;
  Rule rule;
  rule.verb = unknown == rules::UnknownAddress::kDrop ? rules::Verb::kDrop : rules::Verb::kReject;
  decision.verdict = VerdictOf(asked.policy, rule);
  decision.rule_id = "unknown-address";
  return decision;
}

Ranked DecideOne(const Asked& asked) {
  size_t place = 0;
  for (const bool protects : {true, false}) {
    for (const Rule& rule : asked.policy.text.rules) {
      if ((rule.verb == rules::Verb::kProtect) != protects) continue;
      const Answer matches = Matches(asked, rule);
      if (!matches) return {{true, events::Verdict::kPass, "", ""}, place};
      if (*matches) {
        return {{false, VerdictOf(asked.policy, rule), rule.id, ListOf(asked, rule)}, place};
      }
      ++place;
    }
  }
  return {DecideUnknown(asked), place};
}

bool Blocks(events::Verdict verdict) {
  return verdict == events::Verdict::kDrop || verdict == events::Verdict::kReject;
}

bool Stricter(const Ranked& a, const Ranked& b) {
  const auto rank = [](const Ranked& ranked) {
    if (ranked.decision.open) return 1;
    if (Blocks(ranked.decision.verdict)) return 0;
    return ranked.decision.verdict == events::Verdict::kPass ? 3 : 2;
  };
  if (rank(a) != rank(b)) return rank(a) < rank(b);
  return a.place < b.place;
}

}  // namespace

ReferenceDecision DecideByReference(const ReferencePolicy& policy, const Facts& facts,
                                    const ReferenceKeywords& keywords) {
  if (facts.name_state == Knowledge::kOpen) {
    return DecideOne({policy, facts, keywords, std::nullopt}).decision;
  }
  if (facts.name_state == Knowledge::kNone || facts.names.empty()) {
    return DecideOne({policy, facts, keywords, nullptr}).decision;
  }
  std::optional<Ranked> strictest;
  for (const std::string_view& name : facts.names) {
    const Ranked one = DecideOne({policy, facts, keywords, &name});
    if (!strictest || Stricter(one, *strictest)) strictest = one;
  }
  return strictest->decision;
}

}  // namespace weir::verdict

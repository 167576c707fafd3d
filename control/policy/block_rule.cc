#include "control/policy/block_rule.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "rules/model/parse.h"
#include "rules/model/print.h"

namespace weir::control::policy {
namespace {

using rules::AddressItem;
using rules::AddressRange;
using rules::Condition;
using rules::PolicyText;
using rules::PortItem;
using rules::Rule;
using rules::Selector;
using rules::WordItem;

constexpr size_t kValueBytesMax = 1000;

struct BlockKind {
  std::string_view name;
  Selector selector;
};
constexpr std::array<BlockKind, 6> kKinds{{{"host", Selector::kHost},
                                           {"domain", Selector::kDomain},
                                           {"ip", Selector::kIp},
                                           {"port", Selector::kPort},
                                           {"account", Selector::kAccount},
                                           {"mac", Selector::kMac}}};

base::Result<Selector> SelectorOf(const std::string& kind) {
  for (const BlockKind& known : kKinds) {
    if (known.name == kind) return known.selector;
  }
  return base::Error{"'" + kind +
                     "' cannot be blocked; there are host, domain, ip, port, account, mac"};
}

// What the grammar gives a meaning to, outside of one word.
bool IsOneWord(std::string_view value) {
  static constexpr std::string_view kMeaningful = "\"#,\\'";
  return !value.empty() && value.size() <= kValueBytesMax && value.front() != '@' &&
         std::none_of(value.begin(), value.end(), [](char c) {
           return static_cast<unsigned char>(c) <= ' ' || c == 0x7f ||
                  kMeaningful.find(c) != std::string_view::npos;
         });
}

size_t ItemCount(const Condition& condition) {
  if (const auto* words = std::get_if<std::vector<WordItem>>(&condition.values)) {
    return words->size();
  }
  if (const auto* addresses = std::get_if<std::vector<AddressItem>>(&condition.values)) {
    return addresses->size();
  }
  if (const auto* ports = std::get_if<std::vector<PortItem>>(&condition.values)) {
    return ports->size();
  }
  if (const auto* macs = std::get_if<std::vector<rules::MacItem>>(&condition.values)) {
    return macs->size();
  }
  return 0;
}

base::Result<Rule> ParseOne(const BlockRequest& request, Selector selector) {
  const std::vector<rules::PolicySource> sources{
      {"block", "drop " + request.kind + " " + request.value + "\n"}};
  auto parsed = rules::ParsePolicy(sources);
  if (!parsed) {
    // "block:1:11: 'x': what would do" -> without the place in a file that nobody wrote.
    const std::string& message = parsed.error().message;
    const size_t word = message.find(": ");
    return base::Error{word == std::string::npos ? message : message.substr(word + 2)};
  }
  const bool one_rule = parsed->rules.size() == 1 && parsed->sets.empty() &&
                        parsed->rules[0].match.conditions.size() == 1 &&
                        parsed->rules[0].exceptions.empty();
  if (!one_rule || parsed->rules[0].match.conditions[0].selector != selector ||
      ItemCount(parsed->rules[0].match.conditions[0]) != 1) {
    return base::Error{"'" + request.value + "' is not one " + request.kind};
  }
  return std::move(parsed->rules[0]);
}

// --- covering ---

bool IsBelow(std::string_view name, std::string_view domain) {
  return name == domain || (name.size() > domain.size() && name.ends_with(domain) &&
                            name[name.size() - domain.size() - 1] == '.');
}

bool CoversName(const Condition& protect, const Condition& block) {
  const auto& protected_names = std::get<std::vector<WordItem>>(protect.values);
  const std::string& name = std::get<std::vector<WordItem>>(block.values)[0].word;
  return std::any_of(protected_names.begin(), protected_names.end(), [&](const WordItem& item) {
    if (protect.selector == Selector::kDomain) return IsBelow(name, item.word);
    return block.selector == Selector::kHost && item.word == name;
  });
}

bool CoversRange(const AddressRange& outer, const AddressRange& inner) {
  return outer.Contains(inner.first) && outer.Contains(inner.last);
}

bool CoversAddress(const PolicyText& policy, const Condition& protect, const Condition& block) {
  const AddressRange& range = std::get<std::vector<AddressItem>>(block.values)[0].range;
  const auto item_covers = [&range](const AddressItem& item) {
    return item.kind == AddressItem::Kind::kRange && CoversRange(item.range, range);
  };
  for (const AddressItem& item : std::get<std::vector<AddressItem>>(protect.values)) {
    if (item_covers(item)) return true;
    if (item.kind != AddressItem::Kind::kSet) continue;
    for (const rules::SetDefinition& set : policy.sets) {
      if (set.name == item.set && std::any_of(set.items.begin(), set.items.end(), item_covers)) {
        return true;
      }
    }
  }
  return false;
}

bool CoversPort(const Condition& protect, const Condition& block) {
  const PortItem& port = std::get<std::vector<PortItem>>(block.values)[0];
  const auto& ports = std::get<std::vector<PortItem>>(protect.values);
  return std::any_of(ports.begin(), ports.end(), [&port](const PortItem& item) {
    return item.ip_protocol == port.ip_protocol && item.first <= port.first &&
           port.last <= item.last;
  });
}

bool CoversAccount(const Condition& protect, const Condition& block) {
  const auto& accounts = std::get<std::vector<WordItem>>(protect.values);
  const std::string& account = std::get<std::vector<WordItem>>(block.values)[0].word;
  return std::ranges::any_of(accounts, [&](const WordItem& item) { return item.word == account; });
}

bool CoversMac(const Condition& protect, const Condition& block) {
  const auto& macs = std::get<std::vector<rules::MacItem>>(protect.values);
  const base::MacAddress& mac = std::get<std::vector<rules::MacItem>>(block.values)[0].mac;
  return std::ranges::any_of(macs, [&](const rules::MacItem& item) { return item.mac == mac; });
}

bool IsName(Selector selector) {
  return selector == Selector::kHost || selector == Selector::kDomain;
}

bool Covers(const PolicyText& policy, const Condition& protect, const Condition& block) {
  if (protect.selector == Selector::kAny) return true;
  if (IsName(protect.selector) && IsName(block.selector)) return CoversName(protect, block);
  if (protect.selector != block.selector) return false;
  if (block.selector == Selector::kIp) return CoversAddress(policy, protect, block);
  if (block.selector == Selector::kAccount) return CoversAccount(protect, block);
  if (block.selector == Selector::kMac) return CoversMac(protect, block);
  return block.selector == Selector::kPort && CoversPort(protect, block);
}

}  // namespace

base::Result<Rule> MakeBlockRule(const BlockRequest& request, const std::string& id) {
  const auto selector = SelectorOf(request.kind);
  if (!selector) return selector.error();
  if (!IsOneWord(request.value))
    return base::Error{"'" + request.value + "' is not one " + request.kind};
  if (request.reason.empty()) {
    return base::Error{"a block needs a reason: it stands in the record and on the case"};
  }
  std::string reason = request.reason;
  if (!request.notice.empty()) reason += " (notice " + request.notice + ")";
  if (reason.size() > rules::kReasonBytesMax) {
    return base::Error{"reason and notice together have at most " +
                       std::to_string(rules::kReasonBytesMax) + " bytes, these have " +
                       std::to_string(reason.size())};
  }
  auto rule = ParseOne(request, *selector);
  if (!rule) return rule.error();
  rule->id = id;
  rule->id_given = true;
  rule->reason = reason;
  if (request.for_seconds) {
    // Whole seconds, rounded up: a block never ends before its time.
    const int64_t end_ns = request.typed.ns + *request.for_seconds * base::kNsPerSecond;
    const int64_t end_s = (end_ns + base::kNsPerSecond - 1) / base::kNsPerSecond;
    rule->until = rules::UntilClause{{end_s * base::kNsPerSecond}, {}};
  }
  return rule;
}

std::optional<std::string> FindProtect(const PolicyText& policy, const Rule& block) {
  for (const Rule& rule : policy.rules) {
    if (rule.verb != rules::Verb::kProtect || rule.match.conditions.size() != 1) continue;
    if (!rule.exceptions.empty() || rule.during) continue;
    if (Covers(policy, rule.match.conditions[0], block.match.conditions[0])) {
      return policy.source_names.at(rule.where.source) + ":" + std::to_string(rule.where.line) +
             ": " + rules::ToText(rule);
    }
  }
  return std::nullopt;
}

}  // namespace weir::control::policy

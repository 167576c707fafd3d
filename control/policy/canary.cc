#include "control/policy/canary.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "control/policy/block_rule.h"
#include "control/policy/json_fields.h"
#include "rules/model/parse.h"
#include "rules/model/print.h"

namespace weir::control::policy {
namespace {

using nlohmann::json;
using rules::AddressItem;
using rules::AddressRange;
using rules::Condition;
using rules::PortItem;
using rules::Selector;
using rules::WordItem;

constexpr uint16_t kUsualPort = 443;

bool IsStopped(std::string_view verdict) {
  constexpr std::array<std::string_view, 4> kStopped{"drop", "reject", "would_drop",
                                                     "would_reject"};
  return std::find(kStopped.begin(), kStopped.end(), verdict) != kStopped.end();
}

std::string_view ProtocolOf(const PortItem& port) {
  constexpr uint8_t kUdp = 17;
  constexpr uint8_t kSctp = 132;
  if (port.ip_protocol == kUdp) return "udp";
  return port.ip_protocol == kSctp ? "sctp" : "tcp";
}

// The ranges that a list of addresses stands for; sides are none.
std::vector<AddressRange> RangesOf(const rules::PolicyText& policy,
                                   const std::vector<AddressItem>& items) {
  std::vector<AddressRange> ranges;
  for (const AddressItem& item : items) {
    if (item.kind == AddressItem::Kind::kRange) ranges.push_back(item.range);
    if (item.kind != AddressItem::Kind::kSet) continue;
    for (const rules::SetDefinition& set : policy.sets) {
      if (set.name != item.set) continue;
      for (const AddressItem& of_set : set.items) ranges.push_back(of_set.range);
    }
  }
  return ranges;
}

// The questions about one rule: the first values of all its conditions, and every value of the one
// that says whom it protects.
class RuleQuestions {
 public:
  explicit RuleQuestions(const rules::PolicyText& policy) : policy_(policy) {
    base_ = {{"cmd", "why"}, {"brief", true}, {"port", kUsualPort}, {"proto", "tcp"}};
  }

  // False where `why` has no such question.
  bool Take(const rules::Rule& rule) {
    for (const Condition& condition : rule.match.conditions) {
      if (!TakeCondition(condition)) return false;
    }
    return true;
  }

  std::vector<json> Requests() const {
    std::vector<json> requests;
    for (const std::string& value : values_) {
      requests.push_back(base_);
      requests.back()[values_key_] = value;
    }
    if (values_.empty()) requests.push_back(base_);
    return requests;
  }

 private:
  bool TakeCondition(const Condition& condition) {
    switch (condition.selector) {
      case Selector::kAny:
        return true;
      case Selector::kHost:
      case Selector::kDomain:
        return TakeNames(std::get<std::vector<WordItem>>(condition.values));
      case Selector::kIp:
        return TakeAddresses(std::get<std::vector<AddressItem>>(condition.values));
      case Selector::kPort:
      case Selector::kSourcePort: {
        const PortItem& port = std::get<std::vector<PortItem>>(condition.values).front();
        base_[condition.selector == Selector::kPort ? "port" : "src_port"] = port.first;
        base_["proto"] = ProtocolOf(port);
        return true;
      }
      case Selector::kMac:
        base_["mac"] =
            std::get<std::vector<rules::MacItem>>(condition.values).front().mac.ToString();
        return true;
      case Selector::kVlan:
        base_["vlan"] = std::get<std::vector<rules::VlanItem>>(condition.values).front().first;
        return true;
      case Selector::kFrom:
      case Selector::kTo:
        return TakeEnd(condition);
      default:
        return false;
    }
  }

  bool TakeNames(const std::vector<WordItem>& names) {
    if (!values_.empty()) {
      base_["name"] = names.front().word;
      return true;
    }
    values_key_ = "name";
    for (const WordItem& item : names) values_.push_back(item.word);
    return true;
  }

  bool TakeAddresses(const std::vector<AddressItem>& items) {
    const auto ranges = RangesOf(policy_, items);
    if (ranges.empty() || base_.contains("dst")) return false;
    if (!values_.empty()) {
      base_["dst"] = ranges.front().first.ToString();
      return true;
    }
    values_key_ = "dst";
    for (const AddressRange& range : ranges) {
      values_.push_back(range.first.ToString());
      if (range.last != range.first) values_.push_back(range.last.ToString());
    }
    return true;
  }

  // `from` and `to`: a side, or an address of that end.
  bool TakeEnd(const Condition& condition) {
    const bool is_from = condition.selector == Selector::kFrom;
    const auto& items = std::get<std::vector<AddressItem>>(condition.values);
    const AddressItem& first = items.front();
    if (first.kind == AddressItem::Kind::kInside || first.kind == AddressItem::Kind::kOutside) {
      const bool inside = (first.kind == AddressItem::Kind::kInside) == is_from;
      const char* side = inside ? "inside" : "outside";
      if (base_.contains("from") && base_["from"] != side) return false;
      base_["from"] = side;
      return true;
    }
    const auto ranges = RangesOf(policy_, items);
    const char* key = is_from ? "src" : "dst";
    if (ranges.empty() || base_.contains(key) || values_key_ == key) return false;
    base_[key] = ranges.front().first.ToString();
    return true;
  }

  const rules::PolicyText& policy_;
  json base_;
  std::string values_key_;
  std::vector<std::string> values_;
};

std::string Shown(const json& request) {
  const std::string name = JsonText(request, "name");
  std::string text = name.empty() ? JsonText(request, "dst") : name;
  if (text.empty()) text = "any address";
  return text + ", " + JsonText(request, "proto") + "/" +
         std::to_string(JsonCount(request, "port"));
}

// What is wrong with the answer, "" when nothing is.
std::string FaultOf(const CanaryQuestion& question, const json& answer) {
  const std::string verdict = JsonText(answer, "verdict");
  const json& rule = JsonMember(answer, "rule");
  const std::string id = rule.is_object() ? JsonText(rule, "id") : "";
  const std::string by = id.empty() ? " by no rule" : " by " + id;
  if (question.must_pass) {
    return IsStopped(verdict)
               ? question.about + ": " + Shown(question.request) + " gets " + verdict + by
               : "";
  }
  // A `protect` rule about a part of what is blocked wins there, as it should.
  const bool holds = IsStopped(verdict) || JsonText(rule, "verb") == "protect";
  return holds ? "" : question.about + ": " + Shown(question.request) + " gets " + verdict + by;
}

}  // namespace

CanaryPlan PlanCanary(const rules::PolicyText& policy, base::WallTime now) {
  CanaryPlan plan;
  for (const rules::Rule& rule : policy.rules) {
    if (rule.verb != rules::Verb::kProtect || (rule.until && rule.until->time <= now)) continue;
    RuleQuestions of_rule(policy);
    if (!rule.exceptions.empty() || rule.during || !of_rule.Take(rule)) {
      ++plan.left_out;
      continue;
    }
    const std::string about = policy.source_names.at(rule.where.source) + ":" +
                              std::to_string(rule.where.line) + ": " + rules::ToShortText(rule);
    for (json& request : of_rule.Requests()) {
      if (plan.questions.size() == kCanaryQuestionsMax) {
        ++plan.left_out;
      } else {
        plan.questions.push_back({std::move(request), about, true});
      }
    }
  }
  return plan;
}

std::optional<CanaryQuestion> QuestionAbout(const Block& block, base::WallTime now) {
  if (block.until && *block.until <= now) return std::nullopt;
  const std::vector<rules::PolicySource> sources{{"block", block.rule + "\n"}};
  const auto policy = rules::ParsePolicy(sources);
  if (!policy || policy->rules.size() != 1) return std::nullopt;
  RuleQuestions of_rule(*policy);
  if (!of_rule.Take(policy->rules[0])) return std::nullopt;
  return CanaryQuestion{of_rule.Requests().front(),
                        block.id() + " " + block.kind + " " + block.value, false};
}

CanaryResult AskCanary(const DataplaneClient& dataplane,
                       const std::vector<CanaryQuestion>& questions) {
  CanaryResult result;
  const int64_t end_ns = base::MonoNow().ns + kCanaryNs;
  for (const CanaryQuestion& question : questions) {
    if (base::MonoNow().ns >= end_ns) break;
    const DataplaneReply reply = dataplane.Call(question.request);
    if (!reply.ok()) {
      result.fault = question.about + ": " + reply.error;
      result.away = reply.outcome == DataplaneReply::Outcome::kAway;
      break;
    }
    ++result.asked;
    result.fault = FaultOf(question, reply.body);
    if (!result.fault.empty()) break;
  }
  return result;
}

}  // namespace weir::control::policy

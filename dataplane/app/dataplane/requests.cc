#include "dataplane/app/dataplane/requests.h"

#include <fmt/format.h>
#include <netinet/in.h>

#include <array>

#include "dataplane/app/dataplane/request_fields.h"
#include "dataplane/base/idna.h"
#include "dataplane/events/session_json.h"
#include "dataplane/verdict/explain.h"

namespace weir::appliance {
namespace {

constexpr size_t kFlowsDefault = 100;
constexpr size_t kFlowsMax = 10'000;
// The flow that `why` asks about, with what its views point to.
struct Question {
  verdict::Facts facts;
  base::HostBuffer host;
  std::array<std::string_view, 1> names;
};

base::Status TakeAddresses(const Request& request, Question& question) {
  for (const char* key : {"src", "dst"}) {
    auto text = Text(request, key);
    if (!text) return text.error();
    if (text->empty()) continue;  // ::, which no rule about addresses means
    auto address = base::IpAddress::Parse(*text);
    if (!address) return base::Error{fmt::format("\"{}\": {}", key, address.error().message)};
    (key[0] == 's' ? question.facts.initiator_ip : question.facts.responder_ip) = *address;
  }
  return {};
}

base::Status TakePorts(const Request& request, Question& question) {
  auto port = Number(request, "port", 0, 65535);
  if (!port) return port.error();
  auto source_port = Number(request, "src_port", 0, 65535);
  if (!source_port) return source_port.error();
  question.facts.responder_port = static_cast<uint16_t>(*port);
  question.facts.initiator_port = static_cast<uint16_t>(*source_port);
  auto protocol = Text(request, "proto");
  if (!protocol) return protocol.error();
  if (protocol->empty()) protocol = std::string("tcp");
  for (const uint8_t number : {uint8_t{IPPROTO_TCP}, uint8_t{IPPROTO_UDP}, uint8_t{IPPROTO_ICMP},
                               uint8_t{IPPROTO_ICMPV6}, uint8_t{IPPROTO_SCTP}}) {
    if (events::ProtocolName(number) == *protocol) question.facts.ip_protocol = number;
  }
  if (question.facts.ip_protocol != 0) return {};
  return base::Error{
      fmt::format("\"proto\": '{}' is none of tcp, udp, icmp, icmp6, sctp", Shown(*protocol))};
}

base::Status TakeName(const Request& request, Question& question) {
  auto name = Text(request, "name");
  if (!name) return name.error();
  if (name->empty()) return {};
  const base::NormalHost host = base::NormaliseHost(*name, question.host);
  if (!host.ok()) {
    return base::Error{
        fmt::format("\"name\": '{}': {}", Shown(*name), base::HostFaultText(host.fault))};
  }
  question.names[0] = host.name;
  question.facts.names = question.names;
  question.facts.name_state = verdict::Knowledge::kKnown;
  return {};
}

base::Status TakeLink(const Request& request, Question& question) {
  auto mac = Text(request, "mac");
  if (!mac) return mac.error();
  question.facts.macs_known = !mac->empty();
  if (!mac->empty()) {
    const auto address = base::MacAddress::Parse(*mac);
    if (!address) return base::Error{fmt::format("\"mac\": {}", address.error().message)};
    question.facts.macs[0] = *address;
  }
  question.facts.vlans_known = request.contains("vlan");
  if (!question.facts.vlans_known) return {};
  auto vlan = Number(request, "vlan", 0, 4094);
  if (!vlan) return vlan.error();
  question.facts.vlans[0] = static_cast<uint16_t>(*vlan);
  question.facts.vlan_count = 1;
  return {};
}

base::Status TakeSide(const Request& request, Question& question) {
  auto from = Text(request, "from");
  if (!from) return from.error();
  if (!from->empty() && *from != "inside" && *from != "outside") {
    return base::Error{"\"from\" must be \"inside\" or \"outside\""};
  }
  question.facts.initiator_side =
      *from == "outside" ? packet::Side::kOutside : packet::Side::kInside;
  return {};
}

// The list that the rule matched by; null: none.
Json ListOf(const rules::CompiledPolicy& policy, const verdict::Decision& decision) {
  if (decision.list == rules::kNoList) return {};
  const rules::PolicyList& list = policy.parts().lists[decision.list];
  return {{"name", list.name}, {"source", list.source}, {"digest", list.digest}};
}

// The account that has an address, "" for none, and the groups that the address is in.
Json OwnerOf(const rules::CompiledPolicy& policy, const identity::IdentityTable& identities,
             const base::IpAddress& ip) {
  rules::FoundSets found;
  policy.parts().sets.FindGroups(ip, found);
  const identity::Account* account = identities.Find(ip);
  if (account != nullptr) found.Add(rules::Aspect::kGroup, account->sets.groups);
  Json groups = Json::array();
  for (const rules::GroupInfo& group : policy.parts().groups) {
    if (found.Contains(rules::Aspect::kGroup, group.set)) groups.push_back(group.name);
  }
  return {{"account", account == nullptr ? "" : account->name}, {"groups", std::move(groups)}};
}

Json StepsOf(const std::vector<verdict::Step>& steps) {
  Json json = Json::array();
  for (const verdict::Step& step : steps) {
    json.push_back({{"rule", step.id},
                    {"outcome", verdict::OutcomeName(step.outcome)},
                    {"because", step.because}});
  }
  return json;
}

}  // namespace

void Requests::Answer(std::string_view line, const Reply& reply) {
  trials_.Forget(base::MonoNow());
  const Request request = Request::parse(line, nullptr, false);
  if (request.is_discarded() || !request.is_object()) {
    return reply(Line(Refusal("the line is no JSON object")));
  }
  auto command = Text(request, "cmd");
  if (!command) return reply(Line(Refusal(command.error().message)));
  if (*command == "policy.install") return InstallPolicy(request, reply);
  if (*command == "policy.try") return trials_.Try(request, reply);

  base::Result<Json> answer = Json();
  if (*command == "status") {
    answer = Status();
  } else if (*command == "stats") {
    answer = parts_.statistics->Stats();
  } else if (*command == "policy.status") {
    answer = PolicyStatus();
  } else if (*command == "rules") {
    answer = Rules();
  } else if (*command == "flows") {
    answer = Flows(request);
  } else if (*command == "why") {
    answer = Why(request);
  } else if (*command == "policy.judge") {
    answer = trials_.Judge(request);
  } else if (*command == "identity.update") {
    answer = UpdateIdentities(request);
  } else if (*command == "bypass") {
    answer = Bypass(request);
  } else {
    answer = base::Error{fmt::format("unknown command '{}'", Shown(*command))};
  }
  reply(Line(answer ? *answer : Refusal(answer.error().message)));
}

void Requests::InstallPolicy(const Request& request, const Reply& reply) {
  auto sources = PolicySources(request);
  if (!sources) return reply(Line(Refusal(sources.error().message)));
  const auto mode = PolicyMode(request);
  if (!mode) return reply(Line(Refusal(mode.error().message)));
  parts_.policy->Install(std::move(*sources), *mode, [this, reply](const base::Status& outcome) {
    reply(Line(outcome ? PolicyStatus() : Refusal(outcome.error().message)));
  });
}

Json Requests::Status() const {
  const Json stats = parts_.statistics->Stats();
  return {{"ok", true},
          {"sensor", parts_.sensor},
          {"boot_id", parts_.boot_id},
          {"uptime_s", stats["uptime_s"]},
          {"policy", stats["policy"]},
          {"ports", stats["ports"]},
          {"workers", parts_.workers.size()},
          {"flows", stats["flows"]["entries"]},
          {"events_lost", stats["events_lost"]},
          {"journal_failing", stats["journal"]["failing"]},
          {"bypass", stats["bypass"]}};
}

Json Requests::PolicyStatus() const {
  Json json = {{"ok", true}, {"boot_id", parts_.boot_id}, {"policy", parts_.statistics->Policy()}};
  const std::string& refusal = parts_.policy->state().last_refusal;
  if (!refusal.empty()) json["last_refusal"] = refusal;
  return json;
}

Json Requests::RuleInForce(uint32_t rule) const {
  const rules::CompiledPolicy& policy = *parts_.shared->policy.current();
  const rules::RuleInfo& info = policy.info(rule);
  const auto last_hit = policy.last_hit(rule);
  Json json = {{"id", info.id},
               {"text", info.text},
               {"hits", policy.hits(rule)},
               {"last_hit", last_hit ? Json(base::FormatRfc3339(*last_hit)) : Json()},
               {"class", info.rule_class},
               {"verb", rules::VerbName(info.verb)},
               {"mode", rules::ModeName(info.mode)},
               {"reason", info.reason},
               {"file", info.source},
               {"line", info.line}};
  if (!info.during.empty()) {
    json["during"] = info.during;
    json["active"] = policy.parts().rules[rule].active;
  }
  if (info.until) json["until"] = base::FormatRfc3339(*info.until);
  return json;
}

Json Requests::Rules() const {
  Json list = Json::array();
  const uint32_t count = parts_.shared->policy.current()->rule_count();
  for (uint32_t rule = 0; rule < count; ++rule) list.push_back(RuleInForce(rule));
  const int64_t up_ns = parts_.statistics->uptime_ns();
  return {{"ok", true},
          {"version", parts_.policy->state().version},
          {"counted_since", base::FormatRfc3339({base::WallNow().ns - up_ns})},
          {"warnings", parts_.shared->policy.current()->warnings()},
          {"rules", std::move(list)}};
}

base::Result<Json> Requests::Flows(const Request& request) const {
  auto limit = Number(request, "limit", kFlowsDefault, kFlowsMax);
  if (!limit) return limit.error();
  Json list = Json::array();
  for (const auto& worker : parts_.workers) {
    if (list.size() >= *limit) break;
    for (const std::vector<uint8_t>& bytes : worker->ListFlows(*limit - list.size())) {
      const auto session = events::DecodeSession(bytes);
      if (!session) continue;
      list.push_back(Json::parse(events::SessionToJson(*session, parts_.sensor, {})));
    }
  }
  return Json{{"ok", true}, {"flows", std::move(list)}};
}

base::Result<Json> Requests::Why(const Request& request) const {
  Question question;
  for (const auto take : {TakeAddresses, TakePorts, TakeName, TakeLink, TakeSide}) {
    if (auto taken = take(request, question); !taken) return taken.error();
  }
  const rules::CompiledPolicy& policy = *parts_.shared->policy.current();
  const identity::IdentityTable& identities = *parts_.shared->policy.identities();
  question.facts.identities = &identities;
  verdict::Decision decision = verdict::Decide(policy, question.facts);
  const bool open = decision.open;
  const auto brief = request.find("brief");
  const bool is_brief = brief != request.end() && brief->is_boolean() && brief->get<bool>();
  Json steps = Json::array();
  if (!is_brief) steps = StepsOf(verdict::Explain(policy, question.facts));
  if (open) {  // what it comes to when nothing more becomes known
    if (question.facts.name_state == verdict::Knowledge::kOpen) {
      question.facts.name_state = verdict::Knowledge::kNone;
    }
    question.facts.app_state = verdict::Knowledge::kNone;
    decision = verdict::Decide(policy, question.facts);
  }
  const bool bypassed = parts_.shared->bypass.load(std::memory_order_relaxed);
  return Json{{"ok", true},
              {"verdict", events::VerdictName(decision.verdict)},
              {"open", open},
              {"bypass", bypassed},
              {"rule", decision.rule == rules::kNoRule ? Json() : RuleInForce(decision.rule)},
              {"list", ListOf(policy, decision)},
              {"list_line", decision.list_line},
              {"policy_version", policy.version()},
              {"src_owner", OwnerOf(policy, identities, question.facts.initiator_ip)},
              {"dst_owner", OwnerOf(policy, identities, question.facts.responder_ip)},
              {"steps", std::move(steps)}};
}

base::Result<Json> Requests::UpdateIdentities(const Request& request) const {
  const auto update = IdentityUpdate::Parse(request);
  if (!update) return update.error();
  const bool taken = parts_.identities->Take(*update);
  return Json{{"ok", true},
              {"boot_id", parts_.boot_id},
              {"seq", update->seq},
              {"again", !taken},
              {"addresses", parts_.identities->table()->size()},
              {"refused", parts_.identities->counters().refused},
              {"prefixes_refused", parts_.identities->counters().prefixes_refused}};
}

base::Result<Json> Requests::Bypass(const Request& request) const {
  const auto on = request.find("on");
  if (on == request.end() || !on->is_boolean()) {
    return base::Error{"\"on\" must be true or false"};
  }
  parts_.set_bypass(on->get<bool>());
  return Json{{"ok", true}, {"bypass", on->get<bool>()}};
}

}  // namespace weir::appliance

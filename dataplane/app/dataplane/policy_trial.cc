#include "dataplane/app/dataplane/policy_trial.h"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <utility>

#include "dataplane/pipeline/direction.h"
#include "dataplane/verdict/decide.h"

namespace weir::appliance {
namespace {

using Json = nlohmann::ordered_json;

bool HasPorts(uint8_t ip_protocol) {
  return ip_protocol == IPPROTO_TCP || ip_protocol == IPPROTO_UDP || ip_protocol == IPPROTO_SCTP;
}

// "TLS.YouTube" -> the numbers of both; "DNS" -> its own, twice.
void TakeApp(const events::SessionEvent& session, const classify::NdpiNames& names,
             verdict::Facts& facts) {
  if (session.app.empty()) return;
  // Names of applications have dots themselves ("Amazon.AWS"): whole ones first.
  const auto whole = names.FindApp(session.app);
  if (whole) {
    facts.app_master = facts.app_sub = *whole;
  } else {
    for (size_t dot = session.app.find('.'); dot != std::string_view::npos;
         dot = session.app.find('.', dot + 1)) {
      const auto master = names.FindApp(session.app.substr(0, dot));
      const auto sub = names.FindApp(session.app.substr(dot + 1));
      if (!master || !sub) continue;
      facts.app_master = *master;
      facts.app_sub = *sub;
      break;
    }
  }
  facts.category = names.FindCategory(session.category).value_or(0);
  facts.app_state = verdict::Knowledge::kKnown;
}

verdict::Facts FactsOf(const events::SessionEvent& session, const classify::NdpiNames& names) {
  verdict::Facts facts;
  facts.initiator_ip = session.src_ip;
  facts.responder_ip = session.dst_ip;
  facts.ip_protocol = session.ip_protocol;
  if (HasPorts(session.ip_protocol)) {
    facts.initiator_port = session.src_port;
    facts.responder_port = session.dst_port;
  }
  facts.initiator_side = pipeline::InitiatorSide(session.direction);
  facts.responder_side = pipeline::ResponderSide(session.direction);
  facts.macs = {session.src_mac, session.dst_mac};
  facts.vlan_count = session.vlan_count;
  facts.vlans = session.vlans;
  const bool ended = session.state == events::SessionState::kClosed;
  facts.name_state = facts.app_state =
      ended ? verdict::Knowledge::kNone : verdict::Knowledge::kOpen;
  TakeApp(session, names, facts);
  return facts;
}

// Where it went, without who: "games.example:443/tcp", "[2001:db8::1]:53/udp".
std::string PlaceOf(const events::SessionEvent& session) {
  std::string place(session.name);
  if (place.empty()) {
    place = session.dst_ip.ToString();
    if (!session.dst_ip.is_v4()) place = "[" + place + "]";
  }
  const std::string_view protocol = events::ProtocolName(session.ip_protocol);
  if (!HasPorts(session.ip_protocol)) return fmt::format("{}/{}", place, protocol);
  return fmt::format("{}:{}/{}", place, session.dst_port, protocol);
}

std::string RuleId(const rules::CompiledPolicy& policy, uint32_t rule) {
  return rule == rules::kNoRule ? "" : policy.info(rule).id;
}

}  // namespace

PolicyTrial::PolicyTrial(Judging in_force, Judging tried, const classify::NdpiNames& names)
    : in_force_(std::move(in_force)), tried_(std::move(tried)), names_(names) {}

PolicyTrial::Verdicts PolicyTrial::DecideBy(const Judging& judging,
                                            const events::SessionEvent& session,
                                            const classify::NdpiNames& names) {
  verdict::Facts facts = FactsOf(session, names);
  facts.identities = judging.identities.get();
  const std::array<std::string_view, 1> name{session.name};
  if (!session.name.empty()) {
    facts.names = name;
    facts.name_state = verdict::Knowledge::kKnown;
    facts.names_are_http_hosts = session.name_source == events::NameSource::kHttpHost;
  }
  facts.judged_by = session.rule;  // what its requests held is not in the record
  verdict::Decision decision = verdict::Decide(*judging.policy, facts);
  const bool open = decision.open;
  if (open) {  // what it comes to when nothing more becomes known
    if (facts.name_state == verdict::Knowledge::kOpen) {
      facts.name_state = verdict::Knowledge::kNone;
    }
    if (facts.app_state == verdict::Knowledge::kOpen) facts.app_state = verdict::Knowledge::kNone;
    decision = verdict::Decide(*judging.policy, facts);
  }
  return {decision.verdict, decision.rule, open};
}

void PolicyTrial::Judge(const events::SessionEvent& session) {
  const Verdicts before = DecideBy(in_force_, session, names_);
  const Verdicts after = DecideBy(tried_, session, names_);
  ++looked_at_;
  if (after.open) ++open_;
  const bool of_this_version = session.policy_version == in_force_.policy->version();
  if (of_this_version && session.verdict != before.verdict) ++not_reproduced_;
  const std::string rule_before = RuleId(*in_force_.policy, before.rule);
  const std::string rule = RuleId(*tried_.policy, after.rule);
  if (before.verdict != after.verdict) {
    AddChange({before.verdict, after.verdict, rule_before, rule}, session);
  } else if (rule_before != rule) {
    ++other_rule_;
  } else {
    ++same_;
  }
}

void PolicyTrial::AddChange(Key key, const events::SessionEvent& session) {
  if (changes_.size() == kGroupsMax && !changes_.contains(key)) {
    ++changes_left_out_;
    return;
  }
  Group& group = changes_[std::move(key)];
  ++group.count;
  std::string place = PlaceOf(session);
  if (group.places.size() < kPlacesMax || group.places.contains(place)) {
    ++group.places[std::move(place)];
  }
}

Json PolicyTrial::Report() const {
  Json changes = Json::array();
  for (const auto& [key, group] : changes_) {
    const auto& [from, to, rule_before, rule] = key;
    Json places = Json::object();
    for (const auto& [place, count] : group.places) places[place] = count;
    changes.push_back({{"from", events::VerdictName(from)},
                       {"to", events::VerdictName(to)},
                       {"rule_before", rule_before},
                       {"rule", rule},
                       {"count", group.count},
                       {"places", std::move(places)}});
  }
  return {{"looked_at", looked_at_},
          {"same", same_},
          {"other_rule", other_rule_},
          {"open", open_},
          {"not_reproduced", not_reproduced_},
          {"changes", std::move(changes)},
          {"changes_left_out", changes_left_out_}};
}

}  // namespace weir::appliance

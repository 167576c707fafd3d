#include "dataplane/pipeline/verdict_stage.h"

#include <algorithm>
#include <utility>

#include "dataplane/pipeline/direction.h"

namespace weir::pipeline {
namespace {

using events::Verdict;
using flow::Endpoint;
using verdict::Knowledge;

bool Drops(Verdict verdict) { return verdict == Verdict::kDrop || verdict == Verdict::kReject; }

// With the bypass on every packet passes, and the record says what would have been.
Verdict Bypassed(Verdict verdict) {
  if (verdict == Verdict::kDrop) return Verdict::kWouldDrop;
  if (verdict == Verdict::kReject) return Verdict::kWouldReject;
  return verdict;
}

// What a record rather tells of: a block, then what would have been one, then a rule that let pass.
int Rank(Verdict verdict, bool by_rule) {
  if (Drops(verdict)) return 3;
  if (verdict != Verdict::kPass) return 2;
  return by_rule ? 1 : 0;
}
int RankOf(const verdict::Decision& decision) {
  return Rank(decision.verdict, decision.rule != rules::kNoRule);
}

packet::DropReason ReasonFor(Verdict verdict) {
  return verdict == Verdict::kReject ? packet::DropReason::kRejected : packet::DropReason::kPolicy;
}

// What says the frame that the packet came in.
void TakeLink(const packet::Packet& packet, verdict::Facts& facts) {
  constexpr size_t kMacBytes = 6;
  for (size_t end = 0; end < facts.macs.size(); ++end) {
    std::copy_n(packet.data + end * kMacBytes, kMacBytes, facts.macs[end].bytes.begin());
  }
  facts.vlans = packet.headers.vlans;
  facts.vlan_count = std::min<uint8_t>(packet.headers.vlan_count, 2);
}

verdict::Facts TurnedAround(verdict::Facts facts) {
  std::swap(facts.initiator_ip, facts.responder_ip);
  std::swap(facts.initiator_port, facts.responder_port);
  std::swap(facts.initiator_side, facts.responder_side);
  return facts;
}

// Of TCP the stream stage knows who began.
bool BothSpeakFromOneSide(const FlowPacket& at) {
  if (at.hot.key.protocol == packet::ip_protocol::kTcp) return false;
  if (at.from_initiator() || at.hot.Has(flow::kAnswered)) return false;
  return !IsOnItsSide(at.packet, static_cast<events::Direction>(at.cold.direction), false);
}

bool IsDatagramDns(const flow::HotFlow& hot, const flow::ColdFlow& cold) {
  return hot.key.protocol == packet::ip_protocol::kUdp &&
         static_cast<events::NameSource>(cold.name_source) == events::NameSource::kDnsQuery;
}

}  // namespace

void VerdictStage::Use(const rules::CompiledPolicy& policy, bool bypass) {
  policy_ = &policy;
  bypass_ = bypass;
  epoch_ = worker_.epochs.Current(policy.version(), bypass);
}

void VerdictStage::Apply(FlowPacket& at, const FoundNames& found) {
  was_decided_ = at.hot.policy_epoch == epoch_;
  const bool learning = at.hot.Has(flow::kLearning);
  const bool open = learning && worker_.learning.at(at.cold.learning).open;
  if (!was_decided_ || open || at.learnt || !found.all().empty()) {
    Judge(at, found);
  } else if (at.hot.Has(flow::kDrops)) {
    DropAsRecorded(at);
  }
  if (at.packet.headers.tunnel_depth != 0) ApplyAround(at);
  if (BothSpeakFromOneSide(at)) ApplyTurned(at);
}

void VerdictStage::DropAsRecorded(FlowPacket& at) const {
  at.packet.Drop(ReasonFor(static_cast<Verdict>(at.cold.verdict)));
}

void VerdictStage::ApplyTurned(FlowPacket& at) {
  Judgement turned;
  turned.decision = verdict::Decide(*policy_, TurnedAround(FactsOf(at)));
  if (turned.decision.open) return;
  if (bypass_) turned.decision.verdict = Bypassed(turned.decision.verdict);
  const Verdict verdict = turned.decision.verdict;
  if (Drops(verdict) && at.packet.action == packet::Action::kForward) {
    at.packet.Drop(ReasonFor(verdict));
  }
  const int recorded = Rank(static_cast<Verdict>(at.cold.verdict), at.cold.rule != flow::kNone);
  if (RankOf(turned.decision) > recorded) Record(at, turned);
}

void VerdictStage::ApplyAround(FlowPacket& at) {
  const Judgement around = GravestAround(at);
  const Verdict verdict = around.decision.verdict;
  if (Drops(verdict) && at.packet.action == packet::Action::kForward) {
    at.packet.Drop(ReasonFor(verdict));
  }
  const int recorded = Rank(static_cast<Verdict>(at.cold.verdict), at.cold.rule != flow::kNone);
  if (RankOf(around.decision) > recorded) Record(at, around);
}

VerdictStage::Judgement VerdictStage::GravestAround(const FlowPacket& at) const {
  Judgement gravest;
  for (const packet::OuterLayer& outer : at.packet.around()) {
    verdict::Facts facts = FactsOf(at.packet, outer);
    // Whoever began the session is on the same side in every layer around it.
    if (!at.from_initiator()) facts = TurnedAround(facts);
    verdict::Decision decision = verdict::Decide(*policy_, facts);
    if (bypass_) decision.verdict = Bypassed(decision.verdict);
    if (RankOf(decision) > RankOf(gravest.decision)) gravest.decision = decision;
  }
  return gravest;
}

// As if its sender had begun. Names and applications are the innermost layer's, and never known of
// this one.
verdict::Facts VerdictStage::FactsOf(const packet::Packet& packet,
                                     const packet::OuterLayer& outer) const {
  verdict::Facts facts;
  facts.ip_protocol = outer.ip_protocol;
  facts.name_state = facts.app_state = Knowledge::kNone;
  facts.identities = worker_.identities;
  facts.initiator_ip = outer.src_ip;
  facts.responder_ip = outer.dst_ip;
  facts.initiator_port = outer.src_port;
  facts.responder_port = outer.dst_port;
  const Sides sides = SidesOf(packet, outer, worker_.options);
  facts.initiator_side = sides.src;
  facts.responder_side = sides.dst;
  TakeLink(packet, facts);
  return facts;
}

packet::DropReason VerdictStage::BlocksFragment(const packet::Packet& bare, bool ports_known,
                                                flow::FlowIndex flow) const {
  for (const packet::OuterLayer& outer : bare.around()) {
    const auto reason = BlocksBothWays(FactsOf(bare, outer));
    if (reason != packet::DropReason::kNone) return reason;
  }
  if (flow != flow::kNone && worker_.flows.hot(flow).policy_epoch == epoch_) {
    if (!worker_.flows.hot(flow).Has(flow::kDrops)) return packet::DropReason::kNone;
    return ReasonFor(static_cast<Verdict>(worker_.flows.cold(flow).verdict));
  }
  const packet::Headers& headers = bare.headers;
  const Sides sides = SidesOf(bare, worker_.options);
  verdict::Facts facts;
  facts.identities = worker_.identities;
  facts.initiator_ip = headers.src_ip;
  facts.responder_ip = headers.dst_ip;
  facts.initiator_port = headers.src_port;
  facts.responder_port = headers.dst_port;
  facts.ip_protocol = headers.ip_protocol;
  facts.ports_open = !ports_known;
  facts.initiator_side = sides.src;
  facts.responder_side = sides.dst;
  TakeLink(bare, facts);
  return BlocksBothWays(facts);
}

packet::DropReason VerdictStage::BlocksBothWays(const verdict::Facts& forth) const {
  const auto blocks = [](const verdict::Decision& one) { return !one.open && Drops(one.verdict); };
  const verdict::Decision decision = verdict::Decide(*policy_, forth);
  if (!blocks(decision) || !blocks(verdict::Decide(*policy_, TurnedAround(forth)))) {
    return packet::DropReason::kNone;
  }
  return ReasonFor(decision.verdict);
}

verdict::Facts VerdictStage::FactsOf(const FlowPacket& at) const {
  verdict::Facts facts;
  facts.identities = worker_.identities;
  const Endpoint initiator = at.hot.initiator();
  const Endpoint responder = Other(initiator);
  const auto address = [&](Endpoint end) {
    return base::IpAddress::FromV6(at.hot.key.ip[static_cast<size_t>(end)]);
  };
  facts.initiator_ip = address(initiator);
  facts.responder_ip = address(responder);
  facts.initiator_port = at.hot.key.port[static_cast<size_t>(initiator)];
  facts.responder_port = at.hot.key.port[static_cast<size_t>(responder)];
  facts.ip_protocol = at.hot.key.protocol;
  const auto direction = static_cast<events::Direction>(at.cold.direction);
  facts.initiator_side = InitiatorSide(direction);
  facts.responder_side = ResponderSide(direction);
  facts.macs = {at.cold.src_mac, at.cold.dst_mac};
  for (const uint16_t vlan : at.hot.key.VlanIds()) {
    if (vlan != flow::FlowKey::kNoVlan) facts.vlans[facts.vlan_count++] = vlan;
  }
  facts.name_state = facts.app_state = Knowledge::kNone;
  if (at.hot.Has(flow::kLearning)) {
    const Learning& learning = worker_.learning.at(at.cold.learning);
    if (!learning.name_settled) facts.name_state = Knowledge::kOpen;
    if (!learning.app_settled) facts.app_state = Knowledge::kOpen;
    facts.keywords = learning.keywords.hits.all();
  }
  facts.app_master = at.cold.app_master;
  facts.app_sub = at.cold.app;
  facts.category = at.cold.category;
  const bool labelled = (facts.app_master | facts.app_sub) != 0;
  if (labelled && facts.app_state == Knowledge::kNone) facts.app_state = Knowledge::kKnown;
  return facts;
}

verdict::Decision VerdictStage::DecideFor(verdict::Facts& facts, std::string_view name) const {
  facts.name_state = Knowledge::kKnown;
  facts.names = {&name, 1};
  return verdict::Decide(*policy_, facts);
}

VerdictStage::Judgement VerdictStage::WithKeptName(const FlowPacket& at) {
  verdict::Facts facts = FactsOf(at);
  flow::PoolIndex name = at.cold.name;
  facts.names_are_http_hosts =
      static_cast<events::NameSource>(at.cold.name_source) == events::NameSource::kHttpHost;
  if (policy_->keywords() != nullptr) {
    // What an earlier policy found in requests is forgotten with the flow's Learning.
    if (!was_decided_) facts.judged_by = worker_.strings.Read(at.cold.rule, kept_rule_);
    if (!facts.keywords.empty()) {
      const KeywordReading& request = worker_.learning.at(at.cold.learning).keywords;
      name = request.host;
      facts.names_are_http_hosts = true;
      facts.name_state = request.host_state;
    }
  }
  const std::string_view kept = worker_.strings.Read(name, kept_name_);
  if (kept.empty()) return {verdict::Decide(*policy_, facts), {}};
  return {DecideFor(facts, kept), kept};
}

void VerdictStage::Judge(FlowPacket& at, const FoundNames& found) {
  // A block that was given stands for the flow: what a later request says cannot lift it. Datagrams
  // of DNS are judged one by one.
  const bool stands = was_decided_ && at.hot.Has(flow::kDrops) && !IsDatagramDns(at.hot, at.cold);
  at.hot.policy_epoch = epoch_;
  if (stands) {
    if (at.hot.Has(flow::kLearning)) worker_.learning.at(at.cold.learning).open = false;
    DropAsRecorded(at);
  } else if (found.all().empty()) {
    Give(at, WithKeptName(at));
  } else {
    JudgeEach(at, found);
  }
}

// Name after name, as if each had come in a packet of its own, up to the first block: how requests
// are cut into packets changes nothing.
void VerdictStage::JudgeEach(FlowPacket& at, const FoundNames& found) {
  const verdict::Facts facts = FactsOf(at);
  bool open = false;
  for (const FoundNames::Found& one : found.all()) {
    const Judgement judgement = JudgeOne(facts, one);
    Give(at, judgement);
    open = open || judgement.decision.open;
    if (at.packet.action == packet::Action::kDrop) return;
  }
  if (open && at.hot.Has(flow::kLearning)) worker_.learning.at(at.cold.learning).open = true;
}

VerdictStage::Judgement VerdictStage::JudgeOne(verdict::Facts facts,
                                               const FoundNames::Found& one) const {
  facts.keywords = one.keywords.all();
  facts.names_are_http_hosts = one.source == names::Source::kHttpHost;
  if (one.name_state == Knowledge::kKnown) {
    return {DecideFor(facts, one.name.view()), one.name.view(), one.source};
  }
  facts.name_state = one.name_state;
  return {verdict::Decide(*policy_, facts), {}};
}

void VerdictStage::Give(FlowPacket& at, Judgement judgement) {
  if (judgement.decision.rule != rules::kNoRule) at.rule = &policy_->info(judgement.decision.rule);
  if (at.hot.Has(flow::kLearning)) {
    worker_.learning.at(at.cold.learning).open = judgement.decision.open;
  }
  if (judgement.decision.open) {
    at.hot.Clear(flow::kDrops);
    return;
  }
  if (bypass_) judgement.decision.verdict = Bypassed(judgement.decision.verdict);
  Settle(at, judgement);
  was_decided_ = true;
}

bool VerdictStage::DropsWithoutName(const FlowPacket& at) const {
  verdict::Facts facts = FactsOf(at);
  facts.name_state = Knowledge::kNone;
  const verdict::Decision decision = verdict::Decide(*policy_, facts);
  return !decision.open && Drops(decision.verdict);
}

void VerdictStage::Settle(FlowPacket& at, const Judgement& judgement) {
  const Verdict verdict = judgement.decision.verdict;
  bool flow_drops = Drops(verdict);
  if (flow_drops) at.packet.Drop(ReasonFor(verdict));
  // One query of many on a port pair: answers to the others still pass.
  if (flow_drops && IsDatagramDns(at.hot, at.cold)) flow_drops = DropsWithoutName(at);
  if (flow_drops) {
    at.hot.Set(flow::kDrops);
  } else {
    at.hot.Clear(flow::kDrops);
  }
  Record(at, judgement);
}

// A session of several requests or queries tells of the last of its gravest; a policy that judges
// it anew begins afresh.
bool VerdictStage::IsAsGrave(const FlowPacket& at, const verdict::Decision& decision) const {
  if (!was_decided_) return true;
  const bool by_rule = at.cold.rule != flow::kNone;
  return RankOf(decision) >= Rank(static_cast<Verdict>(at.cold.verdict), by_rule);
}

void VerdictStage::Record(FlowPacket& at, const Judgement& judgement) {
  const verdict::Decision& decision = judgement.decision;
  const rules::RuleInfo* rule =
      decision.rule == rules::kNoRule ? nullptr : &policy_->info(decision.rule);
  const std::string_view id = rule == nullptr ? std::string_view() : rule->id;
  const bool same_rule = worker_.strings.Read(at.cold.rule, kept_rule_) == id;
  if (same_rule && static_cast<Verdict>(at.cold.verdict) == decision.verdict) return;

  if (IsAsGrave(at, decision)) {
    at.cold.verdict = static_cast<uint8_t>(decision.verdict) & 7U;
    at.cold.list_line = std::min(decision.list_line, flow::kListLineMax) & flow::kListLineMax;
    worker_.strings.Release(at.cold.rule);
    at.cold.rule = worker_.strings.Acquire(id);
    if (rule != nullptr && !judgement.name.empty()) {
      const flow::PoolIndex name = worker_.strings.Acquire(judgement.name);
      worker_.strings.Release(at.cold.name);
      at.cold.name = name;
      if (judgement.source != names::Source::kNone) at.SetNameSource(judgement.source);
    }
    at.changed = true;
  }
  if (rule == nullptr) return;
  policy_->CountHit(decision.rule, at.now.wall);
  if (rule->rule_class.empty()) return;
  writer_.WriteFinding(at.index, at.now, *rule, {decision.verdict, judgement.name});
}

}  // namespace weir::pipeline

#include "dataplane/pipeline/verdict_stage.h"

#include <algorithm>

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

// Which of two decisions about one packet counts: a block before an open one before what passes.
int Strictness(const verdict::Decision& decision) {
  if (decision.open) return 2;
  if (Drops(decision.verdict)) return 3;
  return decision.verdict == Verdict::kPass ? 0 : 1;
}

bool IsDatagramDns(const flow::HotFlow& hot, const flow::ColdFlow& cold) {
  return hot.key.protocol == packet::ip_protocol::kUdp &&
         static_cast<events::NameSource>(cold.name_source) == events::NameSource::kDnsQuery;
}

packet::Side InitiatorSide(events::Direction direction) {
  switch (direction) {
    case events::Direction::kOutbound:
    case events::Direction::kInternal:
      return packet::Side::kInside;
    case events::Direction::kInbound:
      return packet::Side::kOutside;
    case events::Direction::kUnknown:
      break;
  }
  return packet::Side::kUnknown;
}

packet::Side ResponderSide(events::Direction direction) {
  switch (direction) {
    case events::Direction::kOutbound:
      return packet::Side::kOutside;
    case events::Direction::kInbound:
    case events::Direction::kInternal:
      return packet::Side::kInside;
    case events::Direction::kUnknown:
      break;
  }
  return packet::Side::kUnknown;
}

}  // namespace

void VerdictStage::Use(const rules::CompiledPolicy& policy, bool bypass) {
  policy_ = &policy;
  bypass_ = bypass;
  epoch_ = worker_.epochs.Current(policy.version(), bypass);
}

void VerdictStage::Apply(FlowPacket& at, const FoundNames& found) {
  const bool fresh = at.hot.policy_epoch != epoch_;
  const bool learning = at.hot.Has(flow::kLearning);
  const bool open = learning && worker_.learning.at(at.cold.learning).open;
  if (fresh || open || at.learnt || !found.all().empty()) {
    Judge(at, found);
    return;
  }
  if (!at.hot.Has(flow::kDrops)) return;
  const bool rejected = static_cast<Verdict>(at.cold.verdict) == Verdict::kReject;
  at.packet.Drop(rejected ? packet::DropReason::kRejected : packet::DropReason::kPolicy);
}

verdict::Facts VerdictStage::FactsOf(const FlowPacket& at) const {
  verdict::Facts facts;
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
  facts.name_state = facts.app_state = Knowledge::kNone;
  if (at.hot.Has(flow::kLearning)) {
    const Learning& learning = worker_.learning.at(at.cold.learning);
    if (!learning.name_settled) facts.name_state = Knowledge::kOpen;
    if (!learning.app_settled) facts.app_state = Knowledge::kOpen;
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

VerdictStage::Judgement VerdictStage::Strictest(const FlowPacket& at, const FoundNames& found) {
  verdict::Facts facts = FactsOf(at);
  if (found.all().empty()) {
    const std::string_view kept = worker_.strings.Read(at.cold.name, kept_name_);
    if (kept.empty()) return {verdict::Decide(*policy_, facts), {}};
    return {DecideFor(facts, kept), kept};
  }
  Judgement strictest;
  bool first = true;
  for (const FoundNames::Found& one : found.all()) {
    const Judgement next{DecideFor(facts, one.name.view()), one.name.view()};
    if (first || Strictness(next.decision) > Strictness(strictest.decision)) strictest = next;
    first = false;
  }
  return strictest;
}

void VerdictStage::Judge(FlowPacket& at, const FoundNames& found) {
  Judgement judgement = Strictest(at, found);
  const bool was_decided = at.hot.policy_epoch == epoch_;
  // A block that was given stands for the flow: what a later request says cannot lift it. Datagrams
  // of DNS are judged one by one.
  const bool stands = was_decided && at.hot.Has(flow::kDrops) && !IsDatagramDns(at.hot, at.cold);
  at.hot.policy_epoch = epoch_;
  if (at.hot.Has(flow::kLearning)) {
    worker_.learning.at(at.cold.learning).open = judgement.decision.open;
  }
  if (stands) {
    const bool rejected = static_cast<Verdict>(at.cold.verdict) == Verdict::kReject;
    at.packet.Drop(rejected ? packet::DropReason::kRejected : packet::DropReason::kPolicy);
    return;
  }
  if (judgement.decision.open) {
    at.hot.Clear(flow::kDrops);
    return;
  }
  if (bypass_) judgement.decision.verdict = Bypassed(judgement.decision.verdict);
  Settle(at, judgement);
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
  if (flow_drops) {
    at.packet.Drop(verdict == Verdict::kReject ? packet::DropReason::kRejected
                                               : packet::DropReason::kPolicy);
  }
  // One query of many on a port pair: answers to the others still pass.
  if (flow_drops && IsDatagramDns(at.hot, at.cold)) flow_drops = DropsWithoutName(at);
  if (flow_drops) {
    at.hot.Set(flow::kDrops);
  } else {
    at.hot.Clear(flow::kDrops);
  }
  Record(at, judgement);
}

void VerdictStage::Record(FlowPacket& at, const Judgement& judgement) {
  const verdict::Decision& decision = judgement.decision;
  const rules::RuleInfo* rule =
      decision.rule == rules::kNoRule ? nullptr : &policy_->info(decision.rule);
  const std::string_view id = rule == nullptr ? std::string_view() : rule->id;
  const bool same_rule = worker_.strings.Read(at.cold.rule, kept_rule_) == id;
  const auto before = static_cast<Verdict>(at.cold.verdict);
  if (same_rule && before == decision.verdict) return;
  // A session one of whose queries was stopped stays marked by it.
  if (rule == nullptr && IsDatagramDns(at.hot, at.cold) && before != Verdict::kPass) return;

  at.cold.verdict = static_cast<uint8_t>(decision.verdict) & 7U;
  at.cold.list_line = decision.list_line;
  worker_.strings.Release(at.cold.rule);
  at.cold.rule = worker_.strings.Acquire(id);
  if (decision.verdict != Verdict::kPass && !judgement.name.empty()) {
    const flow::PoolIndex name = worker_.strings.Acquire(judgement.name);
    worker_.strings.Release(at.cold.name);
    at.cold.name = name;
  }
  at.changed = true;
  if (rule == nullptr) return;
  policy_->CountHit(decision.rule, at.now.wall);
  if (!rule->rule_class.empty()) writer_.WriteFinding(at.index, at.now, *rule, judgement.name);
}

}  // namespace weir::pipeline

#include "dataplane/pipeline/pipeline.h"

#include <new>

#include "dataplane/parse/parse.h"
#include "dataplane/pipeline/classify_stage.h"
#include "dataplane/pipeline/flow_stage.h"
#include "dataplane/pipeline/fragment_stage.h"
#include "dataplane/pipeline/learn.h"
#include "dataplane/pipeline/lease_stage.h"
#include "dataplane/pipeline/name_stage.h"
#include "dataplane/pipeline/recheck.h"
#include "dataplane/pipeline/respond_stage.h"
#include "dataplane/pipeline/session_writer.h"
#include "dataplane/pipeline/stream_stage.h"
#include "dataplane/pipeline/strip_stage.h"
#include "dataplane/pipeline/verdict_stage.h"

namespace weir::pipeline {

class Pipeline::Impl {
 public:
  Impl(const Options& options, classify::Classifier& classifier, events::EventSink& sink,
       std::unique_ptr<names::NameContext> name_context)
      : worker_(options, classifier, sink),
        writer_(worker_),
        fragments_(worker_),
        flows_(worker_, writer_),
        streams_(worker_),
        names_(worker_, std::move(name_context)),
        classify_(worker_),
        verdict_(worker_, writer_),
        respond_(worker_),
        strip_(worker_),
        leases_(worker_),
        recheck_(worker_) {}

  void Process(packet::Batch& batch, const rules::CompiledPolicy& policy,
               int64_t wall_minus_mono_ns) {
    const size_t count = batch.count;
    if (count == 0) return;
    Use(policy);
    flows_.Prefetch(batch, wanted_);
    now_ = worker_.clock.At(batch.packets[0].time, wall_minus_mono_ns);
    ShortWay short_way = flows_.ShortWayAt(now_, verdict_.epoch());
    uint64_t long_count = 0;
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; ++i) {
      packet::Packet& packet = batch.packets[i];
      bytes += packet.wire_bytes;
      if (packet.time != now_.mono) {
        now_ = worker_.clock.At(packet.time, wall_minus_mono_ns);
        short_way = flows_.ShortWayAt(now_, verdict_.epoch());
      }
      if (short_way.Count(wanted_[i])) continue;
      ++long_count;
      GoLongWay(packet, wanted_[i]);
    }
    const uint64_t short_count = count - long_count;
    Counters& counters = worker_.counters;
    counters.rx_packets.Add(count);
    counters.rx_bytes.Add(bytes);
    counters.forwarded_packets.Add(short_count);
    counters.short_way.Add(short_count);
    counters.parsed[static_cast<size_t>(packet::ParseNote::kComplete)].Add(short_count);
  }

  void Tick(base::MonoTime now, const rules::CompiledPolicy& policy, int64_t wall_minus_mono_ns) {
    Use(policy);
    now_ = worker_.clock.At(now, wall_minus_mono_ns);
    fragments_.Expire(now_.mono);
    ChargeLostFragments();
    flows_.Sweep(now_);
    recheck_.Step(verdict_.epoch());
  }

  void CloseAll(events::EndReason reason) {
    while (fragments_.GiveUp()) ChargeLostFragments();
    flows_.CloseAll(now_, reason);
  }

  size_t VisitFlows(size_t limit, const FlowVisitor& visit) {
    size_t visited = 0;
    uint32_t from = 0;
    for (uint32_t budget = worker_.flows.places_used(); visited < limit; ++visited) {
      const flow::FlowIndex index = worker_.flows.Sweep(from, budget);
      if (index == flow::kNone) break;
      visit(writer_.Describe(index, now_));
    }
    return visited;
  }

  Worker& worker() { return worker_; }
  const Worker& worker() const { return worker_; }
  void set_bypass(bool on) { bypass_ = on; }
  void set_identities(const identity::IdentityTable* table,
                      const identity::ChangedAddresses* changed) {
    worker_.identities = table;
    recheck_.Tell(changed);
  }
  const Recheck& recheck() const { return recheck_; }

 private:
  void Use(const rules::CompiledPolicy& policy) {
    verdict_.Use(policy, bypass_);
    names_.Use(policy.keywords());
    fragments_.Use(policy, bypass_);
    worker_.protects_streams = policy.blocks() && policy.asks_for_names() && !bypass_;
  }

  // Every stage.
  void GoLongWay(packet::Packet& packet, const Wanted& wanted) {
    if (!wanted.is_parsed()) parse::Parse(packet);
    if (packet.headers.is_fragment) {
      JudgeFragment(packet, FlowStage::ChargeOf(packet), 0);
    } else {
      JudgeFrame(packet, wanted);
      if (packet.action == packet::Action::kForward) leases_.Look(packet, now_);
    }
    if (packet.headers.too_deep) TooDeep(packet);
    CountParsed(packet);
  }

  void JudgeFrame(packet::Packet& packet, const Wanted& wanted) {
    auto at = flows_.Locate(packet, wanted, now_);
    if (!at.has_value()) return;
    Judge(*at);
    // Not in Judge(): of a datagram put together from fragments only the copy could be changed.
    if (packet.action == packet::Action::kForward) strip_.Look(*at);
  }

  // The stages of one packet whose flow is known.
  void Judge(FlowPacket& at) {
    // Nearly every packet: its flow is decided, and nothing in it can change that.
    if (verdict_.Passes(at) && !NameStage::MayNameAgain(at) && !RespondStage::MayLearn(at)) return;
    found_.Clear();
    const bool sound = verdict_.Stands(at) || streams_.Check(at);
    const bool looks = sound && (!verdict_.Stands(at) || NameStage::MayNameAgain(at));
    if (looks) names_.Look(at, found_);
    RecordOtherName(at);
    if (at.packet.action == packet::Action::kForward) {
      if (sound) classify_.Look(at);
      verdict_.Apply(at, found_);
      if (looks) JudgeOn(at);
      respond_.Look(at, found_, sound);
    }
    StopLearningIfDone(worker_, at.index);
    if (at.changed) writer_.WriteOpen(at.index, at.now, events::LossClass::kSession);
  }

  // More requests in the packet than are judged at once.
  void JudgeOn(FlowPacket& at) {
    while (names_.has_more() && at.packet.action == packet::Action::kForward) {
      respond_.OweReply(at);
      found_.Clear();
      names_.LookOn(at, found_);
      RecordOtherName(at);
      verdict_.Apply(at, found_);
    }
  }

  // A record has one name. The session goes on as another part when it turns out to be for a second
  // one of another kind: CONNECT's, and the one within the tunnel.
  void RecordOtherName(FlowPacket& at) {
    const FoundNames::Found* other = NameStage::OfAnotherKind(at, found_);
    if (other != nullptr && flows_.NextPart(at.index, at.now)) names_.Rename(at, *other);
  }

  // A fragment passes as it comes; the one that completes its datagram becomes what the whole does.
  // `depth`: how many datagrams it was taken out of.
  void JudgeFragment(packet::Packet& fragment, const fragments::Charge& charge, unsigned depth) {
    FragmentStage::Taken taken = fragments_.Take(fragment, charge, depth);
    ChargeLostFragments();
    switch (taken.next) {
      case FragmentStage::Next::kWait:
        BlockIfKnown(fragment, taken);
        break;
      case FragmentStage::Next::kJudge:
        JudgeWhole(fragment, taken, depth);
        break;
      case FragmentStage::Next::kAlone:
        JudgeAlone(fragment, taken, charge);
        break;
    }
  }

  void JudgeWhole(packet::Packet& fragment, const FragmentStage::Taken& taken, unsigned depth) {
    FragmentStage::Whole& whole = fragments_.Build(taken, fragment, depth);
    packet::Packet& packet = whole.packet;
    parse::ParseWhole(packet, fragment);
    if (packet.headers.is_fragment) {
      JudgeFragment(packet, whole.charge, depth + 1);
    } else {
      auto at = flows_.Locate(packet, flows_.PrefetchParsed(packet), now_, whole.charge);
      if (at.has_value()) Judge(*at);
      if (packet.action == packet::Action::kForward) leases_.Look(packet, now_);
    }
    if (packet.headers.too_deep) TooDeep(packet);
    fragment.action = packet.action;
    fragment.drop_reason = packet.drop_reason;
    fragments_.Conclude(whole);
  }

  // A datagram that never becomes whole must not carry what its flow, or its addresses alone, are
  // not allowed.
  void BlockIfKnown(packet::Packet& fragment, const FragmentStage::Taken& taken) {
    const bool waits =
        taken.datagram != fragments::kNoDatagram && fragment.action == packet::Action::kForward;
    if (!waits || !fragments_.enforcing()) return;
    const flow::FlowIndex flow = taken.ports_known ? flows_.Find(taken.bare) : flow::kNone;
    const auto reason = verdict_.BlocksFragment(taken.bare, taken.ports_known, flow);
    if (reason == packet::DropReason::kNone) return;
    fragment.Drop(reason);
    fragments_.Block(taken, fragment.time);
    ChargeLostFragments();
  }

  void JudgeAlone(packet::Packet& fragment, FragmentStage::Taken& taken,
                  const fragments::Charge& charge) {
    auto at = flows_.Locate(taken.bare, flows_.PrefetchParsed(taken.bare), now_, charge);
    if (at.has_value()) JudgeWithoutName(*at, fragment.action == packet::Action::kForward);
    if (fragment.action == packet::Action::kDrop) return;
    fragment.action = taken.bare.action;
    fragment.drop_reason = taken.bare.drop_reason;
  }

  void ChargeLostFragments() {
    while (FragmentStage::Lost* lost = fragments_.NextLost()) {
      auto at = flows_.Locate(lost->bare, flows_.PrefetchParsed(lost->bare), now_, lost->charge);
      if (at.has_value()) JudgeWithoutName(*at, lost->blocked);
    }
  }

  // What belongs to no whole datagram teaches nothing about its flow.
  void JudgeWithoutName(FlowPacket& at, bool judge) {
    found_.Clear();
    if (judge) verdict_.Apply(at, found_);
    if (at.changed) writer_.WriteOpen(at.index, at.now, events::LossClass::kSession);
  }

  // What lies deeper was not judged.
  void TooDeep(packet::Packet& packet) {
    worker_.counters.too_deep.Add();
    if (!worker_.options.drop_too_deep || bypass_) return;
    if (packet.action == packet::Action::kForward) packet.Drop(packet::DropReason::kTooDeep);
  }

  void CountParsed(const packet::Packet& packet) {
    Counters& counters = worker_.counters;
    counters.parsed[static_cast<size_t>(packet.headers.note)].Add();
    if (packet.headers.tunnel_depth != 0) counters.tunnelled.Add();
    if (packet.action == packet::Action::kForward) {
      counters.forwarded_packets.Add();
    } else {
      counters.dropped[static_cast<size_t>(packet.drop_reason)].Add();
    }
  }

  Worker worker_;
  SessionWriter writer_;
  FragmentStage fragments_;
  FlowStage flows_;
  StreamStage streams_;
  NameStage names_;
  ClassifyStage classify_;
  VerdictStage verdict_;
  RespondStage respond_;
  StripStage strip_;
  LeaseStage leases_;
  Recheck recheck_;
  FoundNames found_;
  std::array<Wanted, packet::kBatchMax> wanted_;
  Now now_;
  bool bypass_ = false;
};

base::Result<std::unique_ptr<Pipeline>> Pipeline::Create(const Options& options,
                                                         classify::Classifier& classifier,
                                                         events::EventSink& sink) {
  auto context = names::NameContext::Create();
  if (!context) return context.error();
  try {
    auto impl = std::make_unique<Impl>(options, classifier, sink, std::move(context).value());
    return std::unique_ptr<Pipeline>(new Pipeline(std::move(impl)));
  } catch (const std::bad_alloc&) {
    return base::Error{"not enough memory for " + std::to_string(options.flow_limits.flows_max) +
                       " flows; lower [flows] max"};
  }
}

Pipeline::Pipeline(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Pipeline::~Pipeline() = default;

void Pipeline::Process(packet::Batch& batch, const rules::CompiledPolicy& policy,
                       int64_t wall_minus_mono_ns) {
  impl_->Process(batch, policy, wall_minus_mono_ns);
}

void Pipeline::Tick(base::MonoTime now, const rules::CompiledPolicy& policy,
                    int64_t wall_minus_mono_ns) {
  impl_->Tick(now, policy, wall_minus_mono_ns);
}

void Pipeline::CloseAll(events::EndReason reason) { impl_->CloseAll(reason); }

respond::Outbox& Pipeline::outbox() { return impl_->worker().outbox; }

const Counters& Pipeline::counters() const { return impl_->worker().counters; }

const flow::TableCounters& Pipeline::flow_counters() const {
  return impl_->worker().flows.counters();
}

void Pipeline::set_bypass(bool on) { impl_->set_bypass(on); }

void Pipeline::set_identities(const identity::IdentityTable* table,
                              const identity::ChangedAddresses* changed) {
  impl_->set_identities(table, changed);
}

uint64_t Pipeline::rechecked() const { return impl_->recheck().done(); }

bool Pipeline::rechecking() const { return impl_->recheck().busy(); }

size_t Pipeline::VisitFlows(size_t limit, const FlowVisitor& visit) {
  return impl_->VisitFlows(limit, visit);
}

}  // namespace weir::pipeline

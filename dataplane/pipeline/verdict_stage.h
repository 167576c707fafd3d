// What the policy says about a packet's flow, and the packet marked accordingly.
//
// A flow holds its verdict and the epoch of the policy that gave it. It is judged again when the
// epoch is another, when something more has become known, and while an earlier rule is still open.
//
// A packet in tunnels is also judged by each IP layer around its flow, every time, as the next one
// may come by another way: the gravest counts. What an outer layer forbids is dropped and stands
// in the flow's record, but the flow itself is not blocked, or else anybody could block another's
// flow by sending one packet of it through a tunnel that is forbidden.
//
// So is what comes in the responder's name by the initiator's port, before any answer by the other
// one: whoever sits beside the client can forge the flow's first packet in the server's name, so
// that it counts as the one who began. Judged is then as if either had; the flow is not blocked.
//
// Worker's thread.
#pragma once

#include <array>
#include <string_view>

#include "dataplane/pipeline/found_names.h"
#include "dataplane/pipeline/session_writer.h"
#include "dataplane/pipeline/worker.h"
#include "dataplane/verdict/decide.h"

namespace weir::pipeline {

class VerdictStage {
 public:
  VerdictStage(Worker& worker, SessionWriter& writer) : worker_(worker), writer_(writer) {}

  // What is in force for the packets to come.
  void Use(const rules::CompiledPolicy& policy, bool bypass);
  uint16_t epoch() const { return epoch_; }

  // True when nothing about the flow can change any more: its verdict stands, and the stages before
  // need not look at the packet.
  bool Stands(const FlowPacket& at) const {
    return at.hot.policy_epoch == epoch_ && !at.hot.Has(flow::kLearning);
  }

  // It stands, and lets pass whatever has no tunnel around it.
  bool Passes(const FlowPacket& at) const {
    return Stands(at) && !at.hot.Has(flow::kDrops) && at.packet.headers.tunnel_depth == 0;
  }

  // Whether a fragment, of which no more is known than its headers say, is to be dropped: its flow
  // drops, or its addresses and, where known, its ports are blocked whichever end began the flow
  // and whatever else would become known. kNone: not by what is known.
  packet::DropReason BlocksFragment(const packet::Packet& bare, bool ports_known,
                                    flow::FlowIndex flow) const;

  // Judges where needed; marks the packet. `found`: names that this packet completed.
  void Apply(FlowPacket& at, const FoundNames& found);

 private:
  struct Judgement {
    verdict::Decision decision;
    std::string_view name;                        // the one judged
    names::Source source = names::Source::kNone;  // of a name that this packet told
  };

  void Judge(FlowPacket& at, const FoundNames& found);
  Judgement WithKeptName(const FlowPacket& at);
  void JudgeEach(FlowPacket& at, const FoundNames& found);
  void Give(FlowPacket& at, Judgement judgement);
  void DropAsRecorded(FlowPacket& at) const;
  void ApplyAround(FlowPacket& at);
  void ApplyTurned(FlowPacket& at);
  Judgement GravestAround(const FlowPacket& at) const;
  packet::DropReason BlocksBothWays(const verdict::Facts& forth) const;
  verdict::Facts FactsOf(const packet::Packet& packet, const packet::OuterLayer& outer) const;
  verdict::Facts FactsOf(const FlowPacket& at) const;
  verdict::Decision DecideFor(verdict::Facts& facts, std::string_view name) const;
  Judgement JudgeOne(verdict::Facts facts, const FoundNames::Found& one) const;
  void Settle(FlowPacket& at, const Judgement& judgement);
  void Record(FlowPacket& at, const Judgement& judgement);
  bool IsAsGrave(const FlowPacket& at, const verdict::Decision& decision) const;
  bool DropsWithoutName(const FlowPacket& at) const;

  Worker& worker_;
  SessionWriter& writer_;
  const rules::CompiledPolicy* policy_ = nullptr;
  uint16_t epoch_ = PolicyEpochs::kUndecided;
  bool bypass_ = false;
  bool was_decided_ = false;  // the flow at hand, by this very policy
  std::array<char, flow::StringPool::kStringBytesMax> kept_name_;
  std::array<char, flow::StringPool::kStringBytesMax> kept_rule_;
};

}  // namespace weir::pipeline

// Whether a refused packet is answered, and if so, the answers into the outbox.
//
// Theory of operation. No answer to whom has not proved that the conversation is real, and never
// more bytes to an end than that end has sent:
//
//  - TCP: both ends must have acknowledged what the other sent (conversation.h). What goes back to
//    the refused packet's sender is no longer than that packet, so it is paid for by it; the one
//    exception, a last segment with a page or a DNS answer, is the flow's first answer and no
//    longer than all that this end has sent. The other end gets one reset for the whole flow.
//  - UDP and the rest: the responder must have spoken; the answer is no longer than the packet.
//  - A DNS question by UDP, from inside: the one answer without a conversation, since nobody else
//    speaks before it. It is no longer than the question and goes out by the inside port only.
//
// What comes in by the wrong port proves nothing: nobody can forge both ends from one side.
//
// Resets stand where the peers themselves wait for them (RFC 5961 §3): behind what passed Weir and
// what the peer acknowledged, not where the refused packet says. Where that is no longer known,
// after a late policy, the refused packet's own numbers are taken; the peer answers a reset that
// missed with a challenge, which is refused in turn and draws the exact one.
//
// `drop` is silent. Worker's thread.
#pragma once

#include "dataplane/pipeline/found_names.h"
#include "dataplane/pipeline/worker.h"
#include "dataplane/respond/dns_answer.h"

namespace weir::pipeline {

class RespondStage {
 public:
  explicit RespondStage(Worker& worker);

  // Whether a packet of a decided flow, which passes, has news for Look().
  static bool MayLearn(const FlowPacket& at) {
    return at.hot.key.protocol != packet::ip_protocol::kTcp && !at.from_initiator() &&
           !at.hot.Has(flow::kAnswered);
  }

  // Sees every packet of a flow behind the verdict: notes those that passed, answers those dropped
  // as kRejected. `found`: the names that this packet completed. `sound`: its receiver will take
  // it, as far as the stream stage knows.
  void Look(const FlowPacket& at, const FoundNames& found, bool sound);
  // A request of this packet was let pass, before another of it is looked at.
  void OweReply(const FlowPacket& at);

 private:
  void Note(const FlowPacket& at, const FoundNames& found, bool passed);
  void Answer(const FlowPacket& at, const FoundNames& found);
  bool IsDnsQuestion(const FlowPacket& at, const FoundNames& found) const;
  bool MayAnswer(const FlowPacket& at, bool is_dns);
  void AnswerDns(const FlowPacket& at);
  void AnswerTcp(const FlowPacket& at, const FoundNames& found);
  bool AnswerInStream(const FlowPacket& at, const FoundNames& found);
  void ProhibitOther(const FlowPacket& at);
  bool GoesToPortal(const FlowPacket& at) const;
  size_t WritePayload(const FlowPacket& at, const FoundNames& found, size_t bytes_max);
  size_t WriteDnsOverTcp(const FlowPacket& at, size_t bytes_max);
  respond::DnsRefusal RefusalFor(const FlowPacket& at) const;
  const Conversation* Known(const FlowPacket& at) const;

  // Keeps the frame that `build` has made, or counts why there is none.
  template <typename Build>
  bool Send(Build build);
  void Withhold(respond::Withheld reason) {
    worker_.counters.responses_withheld[static_cast<size_t>(reason)].Add();
  }

  Worker& worker_;
  const respond::Settings& settings_;
  const respond::BlockPage& page_;
  std::array<uint8_t, respond::kPageBytesMax> payload_;
};

}  // namespace weir::pipeline

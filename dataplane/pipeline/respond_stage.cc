#include "dataplane/pipeline/respond_stage.h"

#include "dataplane/respond/respond.h"

namespace weir::pipeline {
namespace {

using packet::ip_protocol::kTcp;
using packet::tcp_flag::kAck;
using packet::tcp_flag::kSyn;

// A TCP sender may acknowledge a little less than the most that was sent to it, never more.
constexpr uint32_t kAckBehindMax = 1U << 20;

bool BothHaveSpoken(const flow::HotFlow& hot, const flow::ColdFlow& cold) {
  const bool low = hot.packets_low > 0 || cold.packets_carry[0] > 0;
  const bool high = hot.packets_high > 0 || cold.packets_carry[1] > 0;
  // In a later part of a session both spoke before.
  return cold.part > 0 || (low && high);
}

}  // namespace

bool RespondStage::IsDue(const FlowPacket& at) const {
  if (!BothHaveSpoken(at.hot, at.cold)) return false;
  if (at.hot.key.protocol != kTcp) return true;
  const packet::Headers& headers = at.packet.headers;
  if ((headers.tcp_flags & (kAck | kSyn)) != kAck) return false;
  if (!at.hot.Has(flow::kLearning) || !at.from_initiator()) return true;
  const Learning& learning = worker_.learning.at(at.cold.learning);
  if (!learning.tcp.seen(stream::Peer::kServer)) return false;
  return learning.tcp.sent_end(stream::Peer::kServer) - headers.tcp_ack <= kAckBehindMax;
}

void RespondStage::Answer(const FlowPacket& at) {
  if (at.packet.drop_reason != packet::DropReason::kRejected) return;
  if (!IsDue(at) || !worker_.limiter.Allow(at.packet.headers.src_ip, at.now.mono)) {
    worker_.counters.responses_withheld.Add();
    return;
  }
  if (at.hot.key.protocol == kTcp) {
    AnswerTcp(at);
  } else {
    Send(respond::Prohibit, at.packet);
  }
}

void RespondStage::AnswerTcp(const FlowPacket& at) {
  if (!Send(respond::ResetSender, at.packet)) return;
  if (Send(respond::ResetReceiver, at.packet)) at.hot.ResetByWeir();
}

bool RespondStage::Send(bool (*build)(const packet::Packet&, respond::OutFrame&),
                        const packet::Packet& packet) {
  respond::OutFrame* frame = worker_.outbox.Add();
  if (frame != nullptr && build(packet, *frame)) {
    worker_.counters.responses.Add();
    return true;
  }
  if (frame != nullptr) worker_.outbox.DropLast();
  worker_.counters.responses_withheld.Add();
  return false;
}

}  // namespace weir::pipeline

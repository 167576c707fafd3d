#include "dataplane/pipeline/classify_stage.h"

#include "dataplane/pipeline/learn.h"

namespace weir::pipeline {
namespace {

void CountPayload(const FlowPacket& at, Learning& learning) {
  uint8_t& packets = learning.packets[static_cast<size_t>(at.sender)];
  if (at.packet.headers.payload_bytes > 0 && packets < Learning::kPacketsMax) ++packets;
}

}  // namespace

void ClassifyStage::Look(FlowPacket& at) {
  if (!at.hot.Has(flow::kLearning)) return;
  Learning& learning = worker_.learning.at(at.cold.learning);
  CountPayload(at, learning);
  if (learning.app_settled) return;
  classify::Answer answer;
  if (learning.slot == classify::kNoSlot) {
    answer.final = true;
  } else {
    answer = worker_.classifier.Submit(learning.slot, at.packet, at.from_initiator());
  }
  // The policy waits so long, and no longer, for a label. And when both ends have finished there is
  // no more to learn: a flow that is only remembered takes no place from one that begins.
  const bool waited =
      learning.packets[0] >= Learning::kPacketsMax && learning.packets[1] >= Learning::kPacketsMax;
  const bool over = at.hot.fin_both();
  if ((waited || over) && !answer.final && learning.slot != classify::kNoSlot) {
    answer = {worker_.classifier.GiveUp(learning.slot), true};
  }
  if (SetLabel(at.cold, answer.label)) at.changed = true;
  if (!answer.final) return;
  if (learning.slot != classify::kNoSlot) worker_.classifier.Close(learning.slot);
  learning.slot = classify::kNoSlot;
  learning.app_settled = true;
  at.learnt = true;
}

}  // namespace weir::pipeline

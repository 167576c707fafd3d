#include "dataplane/pipeline/learn.h"

#include "dataplane/pipeline/coverage.h"

namespace weir::pipeline {
namespace {

constexpr unsigned kLookedAtMax = 64;

// What a flow loses with its place, the least first.
enum class Loss : uint8_t {
  kLabel,       // no name will be found any more
  kHandshake,   // nothing was said yet: it is read from its first words on, as in mid-stream
  kNothingYet,  // datagrams without a name so far; what may be a hello is looked at again
  kName,
};

Loss LossOf(const Worker& worker, const Learning& learning) {
  const bool kept =
      worker.keeps_streams() && learning.client.started() && !learning.client.settled();
  if (kept) return Loss::kName;
  if (learning.names_done) return Loss::kLabel;
  const flow::HotFlow& hot = worker.flows.hot(learning.flow);
  if (hot.key.protocol == packet::ip_protocol::kTcp) {
    return hot.Has(flow::kEmbryonic) ? Loss::kHandshake : Loss::kName;
  }
  return learning.udp_names.in_progress() ? Loss::kName : Loss::kNothingYet;
}

// Scans and floods must not keep names from being read: who has said nothing yields.
bool TakePlace(Worker& worker) {
  Loss least = Loss::kName;
  flow::PoolIndex place = flow::kNone;
  for (uint32_t i = 0; i < kLookedAtMax && least != Loss::kLabel; ++i) {
    const flow::PoolIndex candidate = worker.learning.InTurn(i);
    const Loss loss = LossOf(worker, worker.learning.at(candidate));
    if (loss >= least) continue;
    least = loss;
    place = candidate;
  }
  if (place == flow::kNone) return false;
  worker.learning.TakenInTurn(place);
  const Learning& learning = worker.learning.at(place);
  const flow::FlowIndex victim = learning.flow;
  // A rule that waits for a name is asked again at the flow's next packet.
  if (learning.open) worker.flows.hot(victim).policy_epoch = 0;
  StopLearning(worker, victim);
  worker.counters.learning_taken.Add();
  return true;
}

}  // namespace

bool StartLearning(Worker& worker, flow::FlowIndex index) {
  flow::PoolIndex place = worker.learning.Take();
  if (place == flow::kNone && TakePlace(worker)) place = worker.learning.Take();
  if (place == flow::kNone) {
    worker.counters.learning_refused.Add();
    return false;
  }
  worker.learning.at(place).flow = index;
  worker.flows.cold(index).learning = place;
  worker.flows.hot(index).Set(flow::kLearning);
  return true;
}

bool SetLabel(flow::ColdFlow& cold, const classify::Label& label) {
  const classify::Label before{cold.app_master, cold.app, cold.category};
  if (!label.known() || label == before) return false;
  cold.app_master = label.master;
  cold.app = label.app;
  cold.category = static_cast<uint8_t>(label.category);
  return true;
}

void StopLearning(Worker& worker, flow::FlowIndex index) {
  flow::HotFlow& hot = worker.flows.hot(index);
  flow::ColdFlow& cold = worker.flows.cold(index);
  if (!hot.Has(flow::kLearning)) return;
  KeepCoverage(cold, worker.learning.at(cold.learning));
  const classify::Slot slot = worker.learning.at(cold.learning).slot;
  if (slot != classify::kNoSlot) {
    SetLabel(cold, worker.classifier.GiveUp(slot));
    worker.classifier.Close(slot);
  }
  worker.strings.Release(worker.learning.at(cold.learning).keywords.host);
  worker.learning.Give(cold.learning);
  cold.learning = flow::kNone;
  hot.Clear(flow::kLearning);
}

void StopLearningIfDone(Worker& worker, flow::FlowIndex index) {
  if (!worker.flows.hot(index).Has(flow::kLearning)) return;
  Learning& learning = worker.learning.at(worker.flows.cold(index).learning);
  const bool kept =
      worker.keeps_streams() && learning.client.started() && !learning.client.settled();
  if (learning.names_done && !kept) learning.client.Stop();
  const bool done = learning.names_done && learning.app_settled && !learning.open && !kept;
  if (done || worker.flows.hot(index).Has(flow::kDrops)) StopLearning(worker, index);
}

}  // namespace weir::pipeline

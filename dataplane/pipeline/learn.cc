#include "dataplane/pipeline/learn.h"

#include "dataplane/pipeline/coverage.h"

namespace weir::pipeline {

bool StartLearning(Worker& worker, flow::FlowIndex index) {
  const flow::PoolIndex place = worker.learning.Take();
  if (place == flow::kNone) {
    worker.counters.learning_refused.Add();
    return false;
  }
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

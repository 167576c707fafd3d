#include "dataplane/pipeline/recheck.h"

#include <algorithm>

namespace weir::pipeline {

void Recheck::Tell(const identity::ChangedAddresses* changed) {
  if (changed == nullptr || walking_ != nullptr || changed->generation() == done()) return;
  if (changed->everything()) {
    worker_.epochs.BeginAnother();
    return Finish(changed->generation());
  }
  walking_ = changed;
  cursor_ = 0;
  end_ = worker_.flows.places_used();
}

void Recheck::Step(uint16_t epoch) {
  if (walking_ == nullptr) return;
  const flow::FlowIndex stop = std::min(end_ - cursor_, kPlacesAStep) + cursor_;
  for (; cursor_ < stop; ++cursor_) {
    flow::HotFlow& hot = worker_.flows.hot(cursor_);
    if (hot.policy_epoch != epoch || !worker_.flows.live(cursor_)) continue;
    if (!walking_->Contains(hot.key.ip[0]) && !walking_->Contains(hot.key.ip[1])) continue;
    hot.policy_epoch = PolicyEpochs::StaleOf(epoch);
    worker_.counters.flows_rechecked.Add();
  }
  if (cursor_ < end_) return;
  Finish(walking_->generation());
  walking_ = nullptr;
}

}  // namespace weir::pipeline

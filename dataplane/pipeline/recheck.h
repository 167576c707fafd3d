// Has the flows of some addresses judged again, because these have become somebody else's.
//
// Theory of operation. What was decided stands, and passes on the short way, as long as the flow's
// epoch is the policy's. So a walk over the table, some places a step, sets the epoch of the flows
// with a changed address to the stale one, and their next packet goes the long way and is judged.
// No flow keeps an old verdict: who told of the changes has put the new table in force before, and
// in the same breath, for this worker, the only one that judges these flows. What it judged by the
// old table was in the flow table when the walk began, at its place for life, and the walk comes by
// there; what it judges later, also at places the walk has left behind, it judges by the new one.
//
// Worker's thread; done() also the main thread.
#pragma once

#include <atomic>
#include <cstdint>

#include "dataplane/identity/changed_addresses.h"
#include "dataplane/pipeline/worker.h"

namespace weir::pipeline {

class Recheck {
 public:
  static constexpr uint32_t kPlacesAStep = 1024;

  explicit Recheck(Worker& worker) : worker_(worker) {}

  // What the worker is told with the table it judges by from now on; null: nothing yet. A walk that
  // is under way is brought to its end first: `changed` must live until done() has its generation.
  void Tell(const identity::ChangedAddresses* changed);

  // A bounded piece of the walk, if there is one. `epoch`: of the verdicts that stand.
  void Step(uint16_t epoch);

  bool busy() const { return walking_ != nullptr; }

  // The generation of the newest changes that every flow has been looked at for.
  uint64_t done() const { return done_.load(std::memory_order_acquire); }

 private:
  void Finish(uint64_t generation) { done_.store(generation, std::memory_order_release); }

  Worker& worker_;
  const identity::ChangedAddresses* walking_ = nullptr;
  flow::FlowIndex cursor_ = 0;
  flow::FlowIndex end_ = 0;
  std::atomic<uint64_t> done_{0};
};

}  // namespace weir::pipeline

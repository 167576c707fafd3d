// A worker's pipeline as the appliance runs it, without ports: batches in, cycles out.
//
// Only Process() and Tick() are timed; making the frames and draining the events are not. Cycles
// are the TSC's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "dataplane/classify/classifier.h"
#include "dataplane/events/event_ring.h"
#include "dataplane/pipeline/pipeline.h"
#include "rules/compile/compile.h"
#include "tests/bench/flow_maker.h"

namespace weir::bench {

class BenchPipeline {
 public:
  struct Setup {
    uint32_t flows_max = 0;
    bool with_ndpi = false;
    uint32_t closed_s = 10;  // how long a closed flow is remembered
    std::string rules;
  };
  explicit BenchPipeline(const Setup& setup);
  ~BenchPipeline();

  // The next frame to fill; a full batch is processed first.
  Frame& Next();
  void Flush();

  struct Timed {
    uint64_t packets = 0;
    uint64_t cycles = 0;
  };
  // Of all batches since the last call.
  Timed Take();

  const pipeline::Counters& counters() const { return pipeline_->counters(); }
  const flow::TableCounters& flows() const { return pipeline_->flow_counters(); }
  // Throws when a packet is neither forwarded nor dropped for a reason, or an event was lost.
  void CheckAccount() const;

 private:
  void Drain();

  std::unique_ptr<classify::Classifier> classifier_;
  events::EventRing ring_;
  events::RingEventSink sink_;
  std::shared_ptr<const rules::CompiledPolicy> policy_;
  std::unique_ptr<pipeline::Pipeline> pipeline_;
  std::unique_ptr<packet::Batch> batch_;
  std::unique_ptr<std::array<Frame, packet::kBatchMax>> frames_;
  base::MonoTime now_{1'000'000'000};
  Timed timed_;
};

}  // namespace weir::bench

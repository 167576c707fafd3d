// A worker's pipeline as the appliance runs it, without ports: batches in, cycles out.
//
// Only Process() and Tick() are timed; making the frames and draining the events are not. Cycles
// are the TSC's. For profilers all that is timed happens in TimedPart().
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/classify/classifier.h"
#include "dataplane/events/event_ring.h"
#include "dataplane/identity/changed_addresses.h"
#include "dataplane/identity/identity_table.h"
#include "dataplane/pipeline/pipeline.h"
#include "rules/compile/compile.h"
#include "tests/bench/frames.h"

namespace weir::bench {

class BenchPipeline {
 public:
  struct Setup {
    uint32_t flows_max = 0;
    bool with_ndpi = false;
    uint32_t ndpi_flows_max = 16'384;  // in classification at once
    uint32_t closed_s = 10;            // how long a closed flow is remembered
    uint32_t udp_s = 120;
    uint32_t ns_a_packet = 125;  // eight million a second
    // Frames made before the first of them is processed. 32, one batch: they are still in the first
    // caches, as after DMA into the cache; more: as they stand in a port's long ring.
    uint32_t frame_slots = packet::kBatchMax;
    std::string rules;
  };
  explicit BenchPipeline(const Setup& setup);
  ~BenchPipeline();

  // The next frame to fill; those before it are processed first where there is no place.
  Frame& Next();
  void Flush();

  struct Timed {
    uint64_t packets = 0;
    uint64_t cycles = 0;
  };
  // Of all batches since the last call.
  Timed Take();

  // An address has become somebody else's: what it takes until every live flow was looked at, in
  // ticks of which a worker does one a round.
  struct Recheck {
    uint64_t ticks = 0;
    uint64_t cycles = 0;
    uint64_t flows = 0;  // with that address: judged again at their next packet
  };
  Recheck ChangeOwner(const base::IpAddress& address);

  const pipeline::Counters& counters() const { return pipeline_->counters(); }
  const flow::TableCounters& flows() const { return pipeline_->flow_counters(); }
  const classify::ClassifierCounters& classifier() const { return classifier_->counters(); }
  // What reading the clock before and after a batch adds to a packet's cycles.
  static double TimerCyclesAPacket();
  // Throws when a packet is neither forwarded nor dropped for a reason, or an event was lost.
  void CheckAccount() const;

 private:
  void FlushBatch(size_t begin, size_t end);
  void TimedPart();
  void Drain();

  std::unique_ptr<classify::Classifier> classifier_;
  events::EventRing ring_;
  events::RingEventSink sink_;
  std::shared_ptr<const rules::CompiledPolicy> policy_;
  identity::IdentityTablePtr identities_;
  std::unique_ptr<const identity::ChangedAddresses> changed_;
  std::unique_ptr<pipeline::Pipeline> pipeline_;
  std::unique_ptr<packet::Batch> batch_;
  std::vector<Frame> frames_;
  size_t filled_ = 0;
  uint32_t ns_a_packet_;
  base::MonoTime now_{1'000'000'000};
  Timed timed_;
};

}  // namespace weir::bench

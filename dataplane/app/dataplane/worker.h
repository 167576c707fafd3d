// One worker: bursts from both ports through its pipeline and out again, until it is told to stop.
//
// Made, started and joined by the main thread; Run() is the worker's lcore. Between them pass only
// atomics: the stop and bypass switches, the policy in force, the clock's offset, the published
// counters, the event ring, and the request for a list of flows.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/app/dataplane/patient_sink.h"
#include "dataplane/app/dataplane/policy_in_force.h"
#include "dataplane/base/config.h"
#include "dataplane/base/counter.h"
#include "dataplane/base/result.h"
#include "dataplane/classify/ndpi_classifier.h"
#include "dataplane/events/event_ring.h"
#include "dataplane/pipeline/pipeline.h"
#include "dataplane/port/worker_ports.h"

namespace weir::appliance {

// What all workers share. Written by the main thread.
struct Shared {
  std::atomic<bool> stop{false};
  std::atomic<bool> bypass{false};
  std::atomic<int64_t> wall_minus_mono_ns{0};
  PolicyInForce policy;
};

// How the worker spends its time, beside what ports and pipeline count.
struct alignas(64) WorkerCounters {
  base::Counter loops;
  base::Counter busy_cycles;   // of loops that moved a packet
  base::Counter total_cycles;  // since the start
  // The classifier's, as of some milliseconds ago.
  base::Counter classifier_packets;
  base::Counter classifier_labels;
  base::Counter classifier_pool_empty;
};

class Worker {
 public:
  struct Setup {
    const base::Config* config = nullptr;
    const respond::Settings* respond = nullptr;
    Shared* shared = nullptr;
    std::array<uint8_t, 16> hash_secret{};
    uint64_t boot_id = 0;
    std::vector<uint32_t> shares;  // of all flows, by worker
    std::shared_ptr<const classify::NdpiNames> names;
  };

  // Fails when the memory for its flows cannot be had. On the worker's own core: memory belongs to
  // the node of the core that touches it first.
  static base::Result<std::unique_ptr<Worker>> Create(const Setup& setup, unsigned index);

  // Before Run(): the ports are opened after everything that may fail in Create(). `exchange`: null
  // where the ports spread the flows themselves.
  void Attach(const port::Ports& ports, port::Exchange* exchange);

  // The lcore's function. Returns after `stop`, with every flow closed and every event pushed.
  void Run();

  unsigned index() const { return index_; }
  unsigned core() const { return core_; }
  // The worker touches no port any more; then it closes its flows, and has finished.
  bool left_ports() const { return left_ports_.load(std::memory_order_acquire); }
  bool finished() const { return finished_.load(std::memory_order_acquire); }

  // Main thread.
  const WorkerCounters& counters() const { return counters_; }
  const pipeline::Counters& packets() const { return pipeline_->counters(); }
  const flow::TableCounters& flows() const { return pipeline_->flow_counters(); }
  port::PortTotals ports() const { return ports_->totals(); }
  // The generation of the newest changes of addresses that all its flows were looked at for.
  uint64_t rechecked() const { return pipeline_->rechecked(); }
  uint64_t flows_max() const { return flows_max_; }
  events::EventRing& ring() { return ring_; }
  const events::RingEventSink& sink() const { return ring_sink_; }

  // Main thread: up to `flows_max` live flows, encoded as session events. Empty when the worker
  // does not answer within a quarter of a second.
  std::vector<std::vector<uint8_t>> ListFlows(size_t flows_max);

 private:
  struct FlowList {
    std::vector<std::array<uint8_t, events::kEncodedBytesMax>> encoded;
    std::vector<size_t> encoded_bytes;
    size_t count = 0;
  };
  enum class ListState : uint8_t { kIdle, kWanted, kDone };

  Worker(const Setup& setup, unsigned index);
  bool Round();
  const rules::CompiledPolicy& TakeRuling();
  size_t Burst(packet::Side side, base::MonoTime now, const rules::CompiledPolicy& policy,
               int64_t wall_minus_mono_ns);
  void SendAnswers();
  void AnswerFlowList();
  void Rest();
  void CatchUp(base::MonoTime asleep_at, base::MonoTime now);
  void ShowClassifier();
  void Finish();

  static constexpr size_t kRingBytes = size_t{8} << 20;

  const unsigned index_;
  const unsigned core_;
  const bool sleeps_when_idle_;
  const bool shares_its_core_;
  const uint64_t flows_max_;
  Shared& shared_;

  events::EventRing ring_;
  events::RingEventSink ring_sink_;
  PatientSink sink_;
  std::unique_ptr<classify::NdpiClassifier> classifier_;
  std::unique_ptr<pipeline::Pipeline> pipeline_;
  std::unique_ptr<port::WorkerPorts> ports_;
  std::unique_ptr<packet::Batch> batch_;

  // The worker's thread only.
  uint64_t idle_since_cycles_ = 0;  // 0: not idle
  uint64_t shown_at_cycles_ = 0;
  int64_t rest_ns_ = 0;
  bool bypass_ = false;

  WorkerCounters counters_;
  std::atomic<bool> left_ports_{false};
  std::atomic<bool> finished_{false};
  std::atomic<ListState> list_state_{ListState::kIdle};
  std::shared_ptr<FlowList> list_;  // the worker's while kWanted, else the main thread's
};

}  // namespace weir::appliance

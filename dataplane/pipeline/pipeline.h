// The packet's way, stage after stage: parse, flow, names, classify, verdict, respond.
//
// One pipeline a worker; every call comes from that worker's thread. After construction it allocates
// nothing, locks nothing, logs nothing and throws nothing. weir-dataplane drives it with bursts from
// ports, weir-replay with frames of a capture in the capture's time; behaviour is the same.
//
//   batch ──► Process() ──► each packet marked forward or drop; answers to send in outbox()
//                    └────► session and finding events into the sink
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/base/ip_address.h"
#include "dataplane/base/time.h"
#include "dataplane/classify/classifier.h"
#include "dataplane/events/event.h"
#include "dataplane/flow/flow_table.h"
#include "dataplane/packet/packet.h"
#include "dataplane/pipeline/counters.h"
#include "dataplane/respond/outbox.h"
#include "rules/compile/compiled_policy.h"

namespace weir::pipeline {

struct Options {
  unsigned worker_index = 0;  // 0 to 63, goes into session ids
  flow::Limits flow_limits;
  std::array<uint8_t, 16> hash_secret{};  // per boot, from the kernel's random pool; fixed in replay
  bool drop_when_table_full = false;      // [fail] mode = "closed"
  // Captures have no ports: addresses in these prefixes are inside. Empty where ports tell the side.
  std::vector<base::IpPrefix> inside;
};

class Pipeline {
 public:
  // `classifier` and `sink` outlive the pipeline.
  Pipeline(const Options& options, classify::Classifier& classifier, events::EventSink& sink);
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  // Marks every packet of the batch. `wall_minus_mono_ns` turns the packets' MonoTime into WallTime for
  // records. `policy` must stay valid during the call only.
  void Process(packet::Batch& batch, const rules::CompiledPolicy& policy, int64_t wall_minus_mono_ns);

  // Expiry and refresh, a bounded piece a call: at most 256 flows looked at. To be called about every
  // batch, and when idle.
  void Tick(base::MonoTime now, const rules::CompiledPolicy& policy, int64_t wall_minus_mono_ns);

  // Ends every flow: a session record each. For shutdown and the end of a capture.
  void CloseAll(events::EndReason reason);

  // Frames that Weir itself wants sent since the last clear; the caller sends and clears after Process().
  respond::Outbox& outbox();

  const Counters& counters() const;
  const flow::TableCounters& flow_counters() const;

  // With bypass on, every packet is forwarded whatever the policy says; sessions are still recorded.
  void set_bypass(bool on);

  // Up to `limit` live flows as session snapshots, for `show flows`; worker's thread only.
  size_t Snapshot(std::span<events::SessionEvent> out);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir::pipeline

// The packet's way, stage after stage: parse, fragments, flow, names, classify, verdict, respond.
//
// One pipeline a worker; every call comes from that worker's thread. After construction it
// allocates nothing, locks nothing, logs nothing and throws nothing. weir-dataplane drives it with
// bursts from ports, weir-replay with frames of a capture in the capture's time; behaviour is the
// same.
//
//   batch ──► Process() ──► each packet marked forward or drop; answers to send in outbox()
//                    └────► session and finding events into the sink
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "dataplane/base/result.h"
#include "dataplane/base/time.h"
#include "dataplane/classify/classifier.h"
#include "dataplane/events/event.h"
#include "dataplane/flow/flow_table.h"
#include "dataplane/identity/changed_addresses.h"
#include "dataplane/identity/identity_table.h"
#include "dataplane/packet/packet.h"
#include "dataplane/pipeline/counters.h"
#include "dataplane/pipeline/options.h"
#include "dataplane/respond/outbox.h"
#include "rules/compile/compiled_policy.h"

namespace weir::pipeline {

class Pipeline {
 public:
  // Takes all the memory it will ever use. `classifier` and `sink` outlive the pipeline. Fails when
  // the memory cannot be had, or libcrypto lacks what QUIC's names need.
  static base::Result<std::unique_ptr<Pipeline>> Create(const Options& options,
                                                        classify::Classifier& classifier,
                                                        events::EventSink& sink);
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  // Marks every packet of the batch. `wall_minus_mono_ns` turns the packets' MonoTime into WallTime
  // for records. `policy` must stay valid during the call only.
  void Process(packet::Batch& batch, const rules::CompiledPolicy& policy,
               int64_t wall_minus_mono_ns);

  // Expiry and refresh, a bounded piece a call: at most 256 flows looked at. To be called about
  // every batch, and when idle.
  void Tick(base::MonoTime now, const rules::CompiledPolicy& policy, int64_t wall_minus_mono_ns);

  // Ends every flow: a session record each. For shutdown and the end of a capture.
  void CloseAll(events::EndReason reason);

  // Frames that Weir itself wants sent since the last clear; the caller sends and clears after
  // Process().
  respond::Outbox& outbox();

  const Counters& counters() const;
  const flow::TableCounters& flow_counters() const;

  // With bypass on, every packet is forwarded whatever the policy says; sessions are still
  // recorded.
  void set_bypass(bool on);

  // Whose every address is, for the packets to come: of the policy that they are processed with,
  // and valid as long as that. And which addresses have changed hands: their live flows are judged
  // again, within a thousand calls of Tick() for a million flows. Valid until rechecked() is its
  // generation.
  void set_identities(const identity::IdentityTable* table,
                      const identity::ChangedAddresses* changed);

  // The generation of the newest changes that all flows were looked at for. Any thread.
  uint64_t rechecked() const;
  // Tick() has flows to look at, and should be called without delay.
  bool rechecking() const;

  // Shows up to `limit` live flows as they stand, for `show flows`, and returns how many. The
  // event's strings are valid during the call only. Worker's thread.
  using FlowVisitor = std::function<void(const events::SessionEvent&)>;
  size_t VisitFlows(size_t limit, const FlowVisitor& visit);

 private:
  class Impl;
  explicit Pipeline(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir::pipeline

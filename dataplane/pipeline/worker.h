// What the stages of one worker share: its tables, pools, counters and clock.
//
// Made once with all its memory; used by the worker's thread only, but for the counters.
#pragma once

#include <algorithm>

#include "dataplane/classify/classifier.h"
#include "dataplane/events/event.h"
#include "dataplane/flow/flow_table.h"
#include "dataplane/flow/string_pool.h"
#include "dataplane/fragments/reassembler.h"
#include "dataplane/identity/identity_table.h"
#include "dataplane/pipeline/counters.h"
#include "dataplane/pipeline/learning.h"
#include "dataplane/pipeline/options.h"
#include "dataplane/pipeline/policy_epochs.h"
#include "dataplane/pipeline/rate_limiter.h"
#include "dataplane/pipeline/session_ids.h"
#include "dataplane/respond/outbox.h"
#include "dataplane/stream/buffer_pool.h"
#include "rules/compile/compiled_policy.h"

namespace weir::pipeline {

// The time of a packet or a tick, as a flow and as a record count it.
struct Now {
  uint64_t us = 0;  // since the table's epoch, never back
  base::WallTime wall;
  base::MonoTime mono;
};

// The flow table's epoch is the first time shown, cut to a microsecond.
class FlowClock {
 public:
  Now At(base::MonoTime mono, int64_t wall_minus_mono_ns) {
    if (!started_) {
      epoch_ns_ = mono.ns - (mono.ns % base::kNsPerUs + base::kNsPerUs) % base::kNsPerUs;
      started_ = true;
    }
    const int64_t us = (mono.ns - epoch_ns_) / base::kNsPerUs;
    last_us_ = std::max(last_us_, static_cast<uint64_t>(std::max<int64_t>(0, us)));
    return {last_us_, base::WallTime{mono.ns + wall_minus_mono_ns}, mono};
  }

 private:
  int64_t epoch_ns_ = 0;
  uint64_t last_us_ = 0;
  bool started_ = false;
};

struct Worker {
  Worker(const Options& with, classify::Classifier& labels, events::EventSink& events)
      : options(with),
        secret(base::HashKey::FromBytes(with.hash_secret)),
        flows(with.flow_limits, secret),
        strings(StringBlocks(with), secret),
        buffers(with.stream_buffers_max),
        learning(LearningMax(with), buffers),
        limiter(secret, with.respond.per_source_per_second, with.respond.total_per_second),
        ids(with.worker_index),
        classifier(labels),
        sink(events) {}

  static uint32_t LearningMax(const Options& with) {
    constexpr uint32_t kFewest = 64;
    constexpr uint32_t kMost = 65'536;
    if (with.learning_max != 0) return with.learning_max;
    return std::clamp(with.flow_limits.flows_max / 4, kFewest, kMost);
  }
  // A block for each flow's name, and some for the ids of rules.
  static uint32_t StringBlocks(const Options& with) { return with.flow_limits.flows_max + 4096; }

  const Options options;
  const base::HashKey secret;
  flow::FlowTable flows;
  flow::StringPool strings;
  stream::BufferPool buffers;
  LearningPool learning;
  RateLimiter limiter;
  SessionIds ids;
  PolicyEpochs epochs;
  const identity::IdentityTable* identities = nullptr;  // of the policy in force; null: none
  FlowClock clock;
  respond::Outbox outbox;
  Counters counters;
  // The policy in force blocks by name: what is read of a stream must be what its server gets.
  bool protects_streams = false;
  // What was read is kept until the server has acknowledged it.
  bool keeps_streams() const { return protects_streams && options.two_way; }
  // What cannot be read for want of room must not pass: [fail] mode = "closed".
  bool must_read() const { return protects_streams && options.drop_when_streams_full; }
  classify::Classifier& classifier;
  events::EventSink& sink;
};

// One packet and its flow on the way through the stages.
struct FlowPacket {
  packet::Packet& packet;
  flow::FlowIndex index;
  flow::HotFlow& hot;
  flow::ColdFlow& cold;
  flow::Endpoint sender;
  const Now& now;
  bool changed = false;  // the record has news that is worth an event
  // The rule of a decision made on this packet, if it made one; good during Process().
  const rules::RuleInfo* rule = nullptr;
  bool learnt = false;  // something that a rule may ask for has become known, or never will be

  bool from_initiator() const { return sender == hot.initiator(); }
  void SetNameSource(names::Source source) {
    cold.name_source = static_cast<uint8_t>(source) & 7U;
    if (hot.key.protocol == packet::ip_protocol::kTcp) return;
    hot.Clear(flow::kAsksDns);
    if (source == names::Source::kDnsQuery) hot.Set(flow::kAsksDns);
  }
};

}  // namespace weir::pipeline

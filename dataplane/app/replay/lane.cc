#include "dataplane/app/replay/lane.h"

#include <algorithm>

namespace weir::replay {
namespace {

// A worker ticks once a batch; between packets that are far apart it would tick on and on.
constexpr unsigned kPacketsATick = 32;
constexpr int64_t kIdleTickNs = 10 * base::kNsPerMs;
constexpr uint64_t kFlowsATick = 256;

// Fixed, so that every run hashes alike; secrecy is for live traffic.
constexpr std::array<uint8_t, 16> kHashSecret = {'w', 'e', 'i', 'r', '-', 'r', 'e', 'p',
                                                 'l', 'a', 'y', 0,   0,   0,   0,   1};

pipeline::Options PipelineOptions(const Options& options, unsigned index) {
  pipeline::Options made;
  made.worker_index = index;
  made.flow_limits.flows_max = options.flows_max;
  made.hash_secret = kHashSecret;
  made.inside = options.inside;
  made.dhcp_servers = options.dhcp_servers;
  return made;
}

}  // namespace

base::Result<std::unique_ptr<Lane>> Lane::Create(const Options& options, unsigned index,
                                                 std::shared_ptr<const classify::NdpiNames> names) {
  auto classifier = classify::NdpiClassifier::Create({}, std::move(names));
  if (!classifier.ok()) return classifier.error();
  std::unique_ptr<Lane> lane(new Lane(options, std::move(*classifier)));
  auto pipeline = pipeline::Pipeline::Create(PipelineOptions(options, index), *lane->classifier_,
                                             lane->keeper_);
  if (!pipeline.ok()) return pipeline.error();
  lane->pipeline_ = std::move(*pipeline);
  return lane;
}

Lane::Lane(const Options& options, std::unique_ptr<classify::NdpiClassifier> classifier)
    : keeper_(!options.sessions.empty(), !options.events.empty()),
      classifier_(std::move(classifier)) {}

packet::Packet& Lane::Process(const packet::Packet& packet, const rules::CompiledPolicy& policy,
                              int64_t wall_minus_mono_ns) {
  batch_.packets[0] = packet;
  batch_.count = 1;  // alone, so that its answers can be told from those to others
  pipeline_->Process(batch_, policy, wall_minus_mono_ns);
  ++packets_since_tick_;
  return batch_.packets[0];
}

void Lane::Tick(base::MonoTime now, const rules::CompiledPolicy& policy,
                int64_t wall_minus_mono_ns) {
  const int64_t since_ns = now.ns - ticked_.ns;
  if (packets_since_tick_ < kPacketsATick && since_ns < kIdleTickNs) return;
  // Enough to have looked at every flow, if the time since was long enough for that.
  const uint64_t idle_ticks = static_cast<uint64_t>(since_ns / kIdleTickNs);
  const uint64_t whole_table = pipeline_->flow_counters().entries.value() / kFlowsATick;
  const uint64_t ticks = 1 + std::min(idle_ticks, whole_table);
  for (uint64_t tick = 0; tick < ticks; ++tick) pipeline_->Tick(now, policy, wall_minus_mono_ns);
  ticked_ = now;
  packets_since_tick_ = 0;
}

}  // namespace weir::replay

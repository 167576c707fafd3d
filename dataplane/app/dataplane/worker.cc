#include "dataplane/app/dataplane/worker.h"

#include <rte_cycles.h>

#include <algorithm>
#include <new>
#include <thread>

#include "dataplane/spread/shares.h"

namespace weir::appliance {
namespace {

constexpr int64_t kRestAfterNs = 200 * base::kNsPerUs;  // idle this long, a worker lets go its core
// Whoever shares a core keeps the others from theirs while it looks for packets.
constexpr int64_t kRestAfterOnSharedCoreNs = 50 * base::kNsPerUs;
constexpr int64_t kRestMinNs = 20 * base::kNsPerUs;
// The longest sleep of who must look for packets, and of who is woken for them: only expiry and the
// end wait for it then.
constexpr int64_t kRestMaxNs = base::kNsPerMs;
constexpr int64_t kWokenRestMaxNs = 10 * base::kNsPerMs;
// They share one reading of the clock, and what else a round does: microseconds.
constexpr unsigned kBurstsARound = 4;
constexpr uint64_t kFlowsATick = 256;
constexpr int64_t kShowEveryNs = 10 * base::kNsPerMs;
constexpr int64_t kClosePatienceNs = 20 * base::kNsPerSecond;
constexpr uint64_t kFlowsLeast = 16;  // of any worker: [flows] max is never less for each
constexpr int64_t kListPatienceNs = 250 * base::kNsPerMs;

uint64_t Cycles(int64_t ns) {
  return static_cast<uint64_t>(static_cast<double>(ns) * static_cast<double>(rte_get_tsc_hz()) /
                               static_cast<double>(base::kNsPerSecond));
}

// What the worker has of a limit of all together.
uint32_t PartOf(uint64_t total, uint64_t least, const Worker::Setup& setup, unsigned index) {
  return static_cast<uint32_t>(spread::Divide(total, setup.shares, least)[index]);
}

pipeline::Options PipelineOptions(const Worker::Setup& setup, unsigned index) {
  const base::Config& config = *setup.config;
  pipeline::Options options;
  options.worker_index = index;
  options.hash_secret = setup.hash_secret;
  options.respond = *setup.respond;
  // A worker without any could not answer at all: with fewer than workers, one each.
  const uint32_t answers = setup.respond->total_per_second;
  const auto workers = static_cast<uint32_t>(setup.shares.size());
  options.respond.total_per_second = answers < workers ? 1 : PartOf(answers, 1, setup, index);
  options.drop_too_deep = config.parse.too_deep == base::OnTooDeep::kDrop;
  options.drop_when_table_full = config.fail.mode == base::FailMode::kClosed;
  options.fragment_limits.drop_when_full = config.fail.mode == base::FailMode::kClosed;
  options.drop_when_streams_full = config.fail.mode == base::FailMode::kClosed;
  options.stream_buffers_max = PartOf(config.streams.max, 1, setup, index);
  options.midstream = config.streams.midstream;
  options.two_way = config.streams.two_way;
  options.strip_ech = config.dns.strip_ech;
  options.dhcp_servers = config.accounts.dhcp_servers;
  options.dhcp_side = config.accounts.dhcp_side == base::DhcpSide::kInside ? packet::Side::kInside
                                                                           : packet::Side::kOutside;
  options.boot_id = setup.boot_id;
  flow::Limits& limits = options.flow_limits;
  limits.flows_max = PartOf(config.flows.max, kFlowsLeast, setup, index);
  limits.embryonic_percent = static_cast<uint32_t>(config.flows.embryonic_max_share * 100);
  limits.tcp_established_s = config.flows.tcp_established_s;
  limits.tcp_embryonic_s = config.flows.tcp_embryonic_s;
  limits.tcp_closed_s = config.flows.tcp_closed_s;
  limits.udp_s = config.flows.udp_s;
  limits.icmp_s = config.flows.icmp_s;
  limits.other_s = config.flows.other_s;
  return options;
}

}  // namespace

Worker::Worker(const Setup& setup, unsigned index)
    : index_(index),
      core_(setup.config->workers.cores[index]),
      sleeps_when_idle_(setup.config->workers.idle == base::IdleMode::kSleep),
      shares_its_core_(std::ranges::count(setup.config->workers.cores, core_) > 1),
      flows_max_(PartOf(setup.config->flows.max, kFlowsLeast, setup, index)),
      shared_(*setup.shared),
      ring_(kRingBytes),
      ring_sink_(ring_),
      sink_(ring_, ring_sink_),
      batch_(std::make_unique<packet::Batch>()) {}

base::Result<std::unique_ptr<Worker>> Worker::Create(const Setup& setup, unsigned index) {
  try {
    std::unique_ptr<Worker> worker(new Worker(setup, index));
    auto classifier = classify::NdpiClassifier::Create({}, setup.names);
    if (!classifier) return classifier.error();
    worker->classifier_ = std::move(*classifier);
    auto pipeline = pipeline::Pipeline::Create(PipelineOptions(setup, index), *worker->classifier_,
                                               worker->sink_);
    if (!pipeline) return pipeline.error();
    worker->pipeline_ = std::move(*pipeline);
    return worker;
  } catch (const std::bad_alloc&) {
    return base::Error{"no memory for a worker's event ring"};
  }
}

void Worker::Attach(const port::Ports& ports, port::Exchange* exchange) {
  ports_ = port::MakeWorkerPorts(ports, exchange, index_);
}

void Worker::Run() {
  const uint64_t start = rte_rdtsc();
  const uint64_t rest_after = Cycles(shares_its_core_ ? kRestAfterOnSharedCoreNs : kRestAfterNs);
  const uint64_t show_every = Cycles(kShowEveryNs);
  shared_.policy.Register(index_);
  uint64_t before = start;
  while (!shared_.stop.load(std::memory_order_relaxed) || !ports_->Leave()) {
    const bool moved = Round();
    shared_.policy.Quiescent(index_);
    const uint64_t now = rte_rdtsc();
    counters_.loops.Add();
    counters_.total_cycles.Set(now - start);
    if (moved) {
      counters_.busy_cycles.Add(now - before);
      idle_since_cycles_ = 0;
      rest_ns_ = kRestMinNs;
    } else if (idle_since_cycles_ == 0) {
      idle_since_cycles_ = now;
    }
    if (now - shown_at_cycles_ > show_every) {
      shown_at_cycles_ = now;
      ShowClassifier();
    }
    if (sleeps_when_idle_ && !moved && now - idle_since_cycles_ > rest_after) Rest();
    before = rte_rdtsc();
  }
  Finish();
}

bool Worker::Round() {
  const base::MonoTime now = base::MonoNow();
  const int64_t offset = shared_.wall_minus_mono_ns.load(std::memory_order_relaxed);
  const bool bypass = shared_.bypass.load(std::memory_order_relaxed);
  if (bypass != bypass_) {
    bypass_ = bypass;
    pipeline_->set_bypass(bypass);
  }
  const rules::CompiledPolicy& policy = TakeRuling();
  size_t moved = 0;
  for (unsigned left = kBurstsARound; left > 0; --left) {
    const size_t more = Burst(packet::Side::kInside, now, policy, offset) +
                        Burst(packet::Side::kOutside, now, policy, offset);
    if (more == 0) break;
    moved += more;
  }
  pipeline_->Tick(now, policy, offset);
  SendAnswers();
  if (list_state_.load(std::memory_order_acquire) == ListState::kWanted) AnswerFlowList();
  const bool moved_for_others = ports_->moved_for_others();
  return moved > 0 || moved_for_others || pipeline_->rechecking();
}

// For this round: the old one may be gone after it.
const rules::CompiledPolicy& Worker::TakeRuling() {
  const Ruling& ruling = shared_.policy.Get();
  pipeline_->set_identities(ruling.identities.get(), ruling.changed.get());
  return *ruling.policy;
}

size_t Worker::Burst(packet::Side side, base::MonoTime now, const rules::CompiledPolicy& policy,
                     int64_t wall_minus_mono_ns) {
  ports_->Receive(side, now, *batch_);
  const size_t count = batch_->count;
  if (count == 0) return 0;
  pipeline_->Process(*batch_, policy, wall_minus_mono_ns);
  ports_->Finish(*batch_);
  SendAnswers();
  return count;
}

void Worker::SendAnswers() {
  respond::Outbox& outbox = pipeline_->outbox();
  if (outbox.frames().empty()) return;
  for (const respond::OutFrame& frame : outbox.frames()) ports_->Send(frame.to, frame.frame());
  outbox.Clear();
}

// Asleep the worker holds nothing of the policy, so that a swap need not wait for it.
void Worker::Rest() {
  const bool is_woken = ports_->can_be_woken();
  const int64_t rest_ns = is_woken ? std::max(rest_ns_, kRestMaxNs) : rest_ns_;
  rest_ns_ = std::min(rest_ns * 2, is_woken ? kWokenRestMaxNs : kRestMaxNs);
  const base::MonoTime asleep_at = base::MonoNow();
  shared_.policy.Sleep(index_);
  ports_->Wait(rest_ns);
  shared_.policy.Wake(index_);
  CatchUp(asleep_at, base::MonoNow());
}

// Flows end when they should however long the sleeps are: the pieces of the sweep that shorter ones
// would have done, as far as there are flows to look at.
void Worker::CatchUp(base::MonoTime asleep_at, base::MonoTime now) {
  const auto missed = static_cast<uint64_t>((now.ns - asleep_at.ns) / kRestMaxNs);
  const uint64_t whole_table = pipeline_->flow_counters().entries.value() / kFlowsATick;
  const rules::CompiledPolicy& policy = TakeRuling();
  const int64_t offset = shared_.wall_minus_mono_ns.load(std::memory_order_relaxed);
  for (uint64_t tick = std::min(missed, whole_table); tick > 0; --tick) {
    pipeline_->Tick(now, policy, offset);
  }
}

void Worker::ShowClassifier() {
  const classify::ClassifierCounters& classifier = classifier_->counters();
  counters_.classifier_packets.Set(classifier.packets);
  counters_.classifier_labels.Set(classifier.labels_final);
  counters_.classifier_pool_empty.Set(classifier.pool_empty);
}

void Worker::Finish() {
  left_ports_.store(true, std::memory_order_release);
  sink_.WaitUntil({base::MonoNow().ns + kClosePatienceNs});
  pipeline_->CloseAll(events::EndReason::kShutdown);
  shared_.policy.Unregister(index_);
  ShowClassifier();
  finished_.store(true, std::memory_order_release);
}

void Worker::AnswerFlowList() {
  FlowList& list = *list_;
  pipeline_->VisitFlows(list.encoded.size(), [&list](const events::SessionEvent& event) {
    list.encoded_bytes[list.count] = events::Encode(event, list.encoded[list.count]);
    ++list.count;
  });
  list_state_.store(ListState::kDone, std::memory_order_release);
}

std::vector<std::vector<uint8_t>> Worker::ListFlows(size_t flows_max) {
  std::vector<std::vector<uint8_t>> flows;
  // An earlier request that was given up may still be under way: its list is left to it.
  if (list_state_.load(std::memory_order_acquire) == ListState::kWanted) return flows;
  list_ = std::make_shared<FlowList>();
  list_->encoded.resize(flows_max);
  list_->encoded_bytes.resize(flows_max);
  list_state_.store(ListState::kWanted, std::memory_order_release);
  const base::MonoTime deadline{base::MonoNow().ns + kListPatienceNs};
  while (list_state_.load(std::memory_order_acquire) != ListState::kDone) {
    if (finished() || base::MonoNow() > deadline) return flows;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  for (size_t i = 0; i < list_->count; ++i) {
    const auto bytes = list_->encoded[i].begin();
    flows.emplace_back(bytes, bytes + static_cast<ptrdiff_t>(list_->encoded_bytes[i]));
  }
  return flows;
}

}  // namespace weir::appliance

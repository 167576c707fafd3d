#include "tests/bench/bench_pipeline.h"

#include <x86intrin.h>

#include <algorithm>
#include <stdexcept>

#include "dataplane/classify/ndpi_classifier.h"
#include "rules/model/parse.h"

namespace weir::bench {
namespace {

constexpr int64_t kWallMinusMonoNs = 1'790'000'000LL * base::kNsPerSecond;
constexpr size_t kRingBytes = size_t{8} << 20;

// Nothing to learn about any flow.
class NoClassifier final : public classify::Classifier {
 public:
  classify::Slot Open() override { return 0; }
  classify::Answer Submit(classify::Slot, const packet::Packet&, bool) override {
    return {{}, true};
  }
  classify::Label GiveUp(classify::Slot) override { return {}; }
  void Close(classify::Slot) override {}
  std::string_view AppName(const classify::Label&) const override { return ""; }
  std::string_view CategoryName(const classify::Label&) const override { return ""; }
  const classify::ClassifierCounters& counters() const override { return counters_; }

 private:
  classify::ClassifierCounters counters_;
};

// The TSC once everything before it is done, and before anything after it begins. Not RDTSCP, which
// valgrind does not know.
uint64_t Clock() {
  _mm_lfence();
  const uint64_t now = __rdtsc();
  _mm_lfence();
  return now;
}

std::unique_ptr<classify::Classifier> MakeClassifier(const BenchPipeline::Setup& setup) {
  if (!setup.with_ndpi) return std::make_unique<NoClassifier>();
  auto names = classify::NdpiNames::Create();
  if (!names) throw std::runtime_error(names.error().message);
  auto made = classify::NdpiClassifier::Create({.slots_max = setup.ndpi_flows_max}, *names);
  if (!made) throw std::runtime_error(made.error().message);
  return std::move(*made);
}

std::shared_ptr<const rules::CompiledPolicy> CompileRules(const std::string& text) {
  const rules::PolicySource source{"bench.rules", text};
  const auto parsed = rules::ParsePolicy({&source, 1});
  if (!parsed) throw std::invalid_argument(parsed.error().message);
  rules::CompileOptions options;
  options.version = 1;
  const auto compiled = rules::Compile(*parsed, options);
  if (!compiled) throw std::invalid_argument(compiled.error().message);
  return *compiled;
}

}  // namespace

BenchPipeline::BenchPipeline(const Setup& setup)
    : classifier_(MakeClassifier(setup)),
      ring_(kRingBytes),
      sink_(ring_),
      policy_(CompileRules(setup.rules)),
      batch_(std::make_unique<packet::Batch>()),
      frames_(setup.frame_slots),
      ns_a_packet_(setup.ns_a_packet) {
  pipeline::Options options;
  options.flow_limits.flows_max = setup.flows_max;
  options.flow_limits.tcp_closed_s = setup.closed_s;
  options.flow_limits.tcp_embryonic_s = setup.closed_s;
  options.flow_limits.udp_s = setup.udp_s;
  options.hash_secret = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
  auto made = pipeline::Pipeline::Create(options, *classifier_, sink_);
  if (!made) throw std::runtime_error(made.error().message);
  pipeline_ = std::move(*made);
}

BenchPipeline::~BenchPipeline() = default;

Frame& BenchPipeline::Next() {
  if (filled_ == frames_.size()) Flush();
  return frames_[filled_++];
}

void BenchPipeline::Flush() {
  for (size_t begin = 0; begin < filled_; begin += packet::kBatchMax) {
    FlushBatch(begin, std::min(begin + packet::kBatchMax, filled_));
  }
  filled_ = 0;
}

void BenchPipeline::FlushBatch(size_t begin, size_t end) {
  batch_->count = end - begin;
  now_.ns += static_cast<int64_t>(batch_->count) * ns_a_packet_;
  for (size_t i = begin; i < end; ++i) frames_[i].FillIn(batch_->packets[i - begin], now_);
  const uint64_t before = Clock();
  TimedPart();
  const uint64_t after = Clock();
  timed_.packets += batch_->count;
  timed_.cycles += after - before;
  pipeline_->outbox().Clear();
  Drain();
}

// A function of its own, so that callgrind's --toggle-collect and perf's --call-graph find it.
[[gnu::noinline]] void BenchPipeline::TimedPart() {
  pipeline_->Process(*batch_, *policy_, kWallMinusMonoNs);
  pipeline_->Tick(now_, *policy_, kWallMinusMonoNs);
}

BenchPipeline::Recheck BenchPipeline::ChangeOwner(const base::IpAddress& address) {
  identities_ = std::make_shared<const identity::IdentityTable>(base::HashKey{1, 2}, true);
  const std::vector one = {base::IpPrefix(address, 128)};
  changed_ = std::make_unique<const identity::ChangedAddresses>(1, one);
  Recheck recheck;
  const uint64_t before = counters().flows_rechecked.value();
  for (bool first = true; first || pipeline_->rechecking(); first = false) {
    const uint64_t start = Clock();
    pipeline_->set_identities(identities_.get(), changed_.get());
    pipeline_->Tick(now_, *policy_, kWallMinusMonoNs);
    recheck.cycles += Clock() - start;
    ++recheck.ticks;
    Drain();
  }
  recheck.flows = counters().flows_rechecked.value() - before;
  return recheck;
}

double BenchPipeline::TimerCyclesAPacket() {
  constexpr unsigned kReadings = 10'001;
  std::vector<uint64_t> taken(kReadings);
  for (uint64_t& cycles : taken) {
    const uint64_t before = Clock();
    cycles = Clock() - before;
  }
  std::ranges::nth_element(taken, taken.begin() + kReadings / 2);
  return static_cast<double>(taken[kReadings / 2]) / packet::kBatchMax;
}

void BenchPipeline::Drain() {
  ring_.Consume(SIZE_MAX, [](events::EventType, events::LossClass, std::span<const uint8_t>) {});
}

BenchPipeline::Timed BenchPipeline::Take() {
  const Timed taken = timed_;
  timed_ = {};
  return taken;
}

void BenchPipeline::CheckAccount() const {
  const pipeline::Counters& counters = pipeline_->counters();
  uint64_t dropped = 0;
  for (const base::Counter& counter : counters.dropped) dropped += counter.value();
  if (counters.rx_packets.value() != counters.forwarded_packets.value() + dropped) {
    throw std::runtime_error("packets received are not those forwarded and dropped");
  }
  for (size_t i = 0; i < events::kLossClasses; ++i) {
    if (sink_.lost(events::LossClass{static_cast<uint8_t>(i)}) != 0) {
      throw std::runtime_error("events were lost");
    }
  }
}

}  // namespace weir::bench

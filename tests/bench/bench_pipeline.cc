#include "tests/bench/bench_pipeline.h"

#include <x86intrin.h>

#include <stdexcept>

#include "dataplane/classify/ndpi_classifier.h"
#include "rules/model/parse.h"

namespace weir::bench {
namespace {

constexpr int64_t kWallMinusMonoNs = 1'790'000'000LL * base::kNsPerSecond;
constexpr size_t kRingBytes = size_t{8} << 20;
constexpr int64_t kNsAPacket = 125;  // eight million a second

// The TSC once all before is done. Valgrind knows no RDTSCP on every processor.
uint64_t Cycles() {
  _mm_lfence();
  const uint64_t cycles = __rdtsc();
  _mm_lfence();
  return cycles;
}

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

std::unique_ptr<classify::Classifier> MakeClassifier(bool with_ndpi) {
  if (!with_ndpi) return std::make_unique<NoClassifier>();
  auto names = classify::NdpiNames::Create();
  if (!names) throw std::runtime_error(names.error().message);
  auto made = classify::NdpiClassifier::Create({}, *names);
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
    : classifier_(MakeClassifier(setup.with_ndpi)),
      ring_(kRingBytes),
      sink_(ring_),
      policy_(CompileRules(setup.rules)),
      batch_(std::make_unique<packet::Batch>()),
      frames_(std::make_unique<std::array<Frame, packet::kBatchMax>>()) {
  pipeline::Options options;
  options.flow_limits.flows_max = setup.flows_max;
  options.flow_limits.tcp_closed_s = setup.closed_s;
  options.flow_limits.tcp_embryonic_s = setup.closed_s;
  options.hash_secret = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
  auto made = pipeline::Pipeline::Create(options, *classifier_, sink_);
  if (!made) throw std::runtime_error(made.error().message);
  pipeline_ = std::move(*made);
}

BenchPipeline::~BenchPipeline() = default;

Frame& BenchPipeline::Next() {
  if (batch_->count == packet::kBatchMax) Flush();
  return (*frames_)[batch_->count++];
}

void BenchPipeline::Flush() {
  if (batch_->count == 0) return;
  now_.ns += static_cast<int64_t>(batch_->count) * kNsAPacket;
  for (size_t i = 0; i < batch_->count; ++i) (*frames_)[i].FillIn(batch_->packets[i], now_);
  const uint64_t before = Cycles();
  pipeline_->Process(*batch_, *policy_, kWallMinusMonoNs);
  pipeline_->Tick(now_, *policy_, kWallMinusMonoNs);
  const uint64_t after = Cycles();
  timed_.packets += batch_->count;
  timed_.cycles += after - before;
  batch_->count = 0;
  pipeline_->outbox().Clear();
  Drain();
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

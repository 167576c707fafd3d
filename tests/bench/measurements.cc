#include "tests/bench/measurements.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <stdexcept>

#include "dataplane/capture/capture_writer.h"
#include "dataplane/flow/flow_table.h"
#include "tests/bench/connection.h"
#include "tests/bench/workloads.h"

namespace weir::bench {
namespace {

using names::testing::Bytes;

constexpr uint64_t kHarnessFlows = 10'000;
constexpr uint32_t kRingFrames = 4096;
// So many and so slow that flows which have ended give their places at nDPI back before these run
// out: what is measured is its work, not how it is refused.
constexpr uint32_t kNdpiFlowsMax = 131'072;
constexpr uint32_t kSlowNsAPacket = 10'000;

double CyclesAPacket(const BenchPipeline::Timed& timed) {
  return static_cast<double>(timed.cycles) / static_cast<double>(timed.packets);
}

// Of this process, by the kernel's account.
uint64_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t total_pages = 0;
  uint64_t resident_pages = 0;
  if (!(statm >> total_pages >> resident_pages)) {
    throw std::runtime_error("/proc/self/statm cannot be read");
  }
  return resident_pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

// The first one that has IPv4.
base::IpAddress AddressOfAClient(const FlowMaker& maker, uint64_t flows) {
  for (uint64_t number = 0; number < flows; ++number) {
    const Ends ends = maker.EndsOf(number);
    if (!ends.v6) return base::IpAddress::FromV4(std::span(ends.client).first<4>());
  }
  throw std::runtime_error("no flow has IPv4");
}

// What the policy drops is meant; anything else says that the traffic was not what it should be.
void CheckOnlyPolicyDrops(const BenchPipeline& bench) {
  bench.CheckAccount();
  const auto& dropped = bench.counters().dropped;
  for (size_t reason = 1; reason < dropped.size(); ++reason) {
    const auto name = packet::DropReason{static_cast<uint8_t>(reason)};
    if (name != packet::DropReason::kPolicy && dropped[reason].value() != 0) {
      throw std::runtime_error("packets were dropped that no rule means: " +
                               std::string(DropReasonName(name)));
    }
  }
}

}  // namespace

Json MeasureEstablished(const Arguments& arguments, uint64_t flows) {
  Workload work = EstablishedWork(flows, arguments.packets / arguments.runs,
                                  arguments.with_ndpi ? kRecordsUntilLabelled : 0);
  work.setup.with_ndpi = arguments.with_ndpi;
  Running running(std::move(work));
  std::vector<double> cycles;
  for (unsigned run = 0; run < arguments.runs; ++run) {
    cycles.push_back(CyclesAPacket(running.Piece()));
  }
  CheckOnlyPolicyDrops(running.pipeline());
  const Spread spread = SpreadOf(cycles);
  return {{"flows", flows},
          {"cycles_per_packet", spread.median},
          {"least", spread.least},
          {"most", spread.most}};
}

Json MeasureNewFlows(const Arguments& arguments, double tsc_hz) {
  Json rows = Json::array();
  for (const NewFlowKind& kind : NewFlowKinds()) {
    Workload work = kind.make(arguments.new_flows);
    work.setup.with_ndpi = arguments.with_ndpi;
    Running running(std::move(work));
    std::vector<double> per_second;
    for (unsigned run = 0; run < arguments.runs; ++run) {
      const auto cycles = static_cast<double>(running.Piece().cycles);
      per_second.push_back(static_cast<double>(arguments.new_flows) * tsc_hz / cycles);
    }
    CheckOnlyPolicyDrops(running.pipeline());
    const Spread spread = SpreadOf(per_second);
    const auto& counters = running.pipeline().counters();
    rows.push_back({{"what", kind.what},
                    {"flows_per_second", spread.median},
                    {"least", spread.least},
                    {"most", spread.most},
                    {"names_found", counters.names_found.value()},
                    {"learning_refused", counters.learning_refused.value()},
                    {"flows_evicted", running.pipeline().flows().evicted.value()},
                    {"flows_made", running.pipeline().flows().created.value()}});
  }
  return rows;
}

Json MeasureMemory(uint64_t flows, double tsc_hz) {
  flow::Limits limits;
  limits.flows_max = static_cast<uint32_t>(flows);
  // By its own account: a table of so many flows, whose index they fill to 85 %.
  const uint64_t table_bytes = flow::FlowTable(limits, base::HashKey{}).memory_bytes();
  BenchPipeline bench({.flows_max = limits.flows_max, .rules = kRules});
  const uint64_t before = ResidentBytes();
  const FlowMaker maker(kSeed);
  const Bytes payload(64, 0x21);
  for (uint64_t number = 0; number < flows; ++number) {
    maker.Udp(number, true, payload, bench.Next());
  }
  bench.Flush();
  const uint64_t grown = ResidentBytes() - before;
  bench.CheckAccount();
  const uint64_t entries = bench.flows().entries.value();
  const BenchPipeline::Recheck login = bench.ChangeOwner(AddressOfAClient(maker, flows));
  const auto per_flow = [](uint64_t bytes, uint64_t count) {
    return static_cast<double>(bytes) / static_cast<double>(count);
  };
  return {{"flows", flows},
          {"flows_in_table", entries},
          {"table_bytes", table_bytes},
          {"table_bytes_per_flow", per_flow(table_bytes, flows)},
          {"resident_bytes", grown},
          {"resident_bytes_per_flow", per_flow(grown, entries)},
          {"resident_before_bytes", before},
          {"login_ms", static_cast<double>(login.cycles) / tsc_hz * 1e3},
          {"login_ticks", login.ticks},
          {"login_flows", login.flows}};
}

Json MeasureMix(const Arguments& arguments) {
  const auto mix = std::make_shared<TrafficMix>(TrafficMix::Options{.seed = kSeed});
  Workload work = MixWork(mix, arguments.packets / arguments.runs);
  work.setup.with_ndpi = arguments.with_ndpi;
  Running running(std::move(work));
  std::vector<double> cycles;
  for (unsigned run = 0; run < arguments.runs; ++run) {
    cycles.push_back(CyclesAPacket(running.Piece()));
  }
  const BenchPipeline& bench = running.pipeline();
  CheckOnlyPolicyDrops(bench);
  Json kinds = Json::array();
  for (size_t i = 0; i < TrafficMix::kKinds; ++i) {
    const TrafficMix::Sent& sent = mix->sent(TrafficMix::Kind{static_cast<uint8_t>(i)});
    kinds.push_back({{"kind", TrafficMix::kShares[i].name},
                     {"flows", sent.flows},
                     {"packets", sent.packets},
                     {"bytes", sent.bytes}});
  }
  return {{"cycles_per_packet", ToJson(SpreadOf(cycles))},
          {"flows_in_table", bench.flows().entries.value()},
          {"flows_created", bench.flows().created.value()},
          {"flows_evicted", bench.flows().evicted.value()},
          {"names_found", bench.counters().names_found.value()},
          {"packets", bench.counters().rx_packets.value()},
          {"dropped_by_policy",
           bench.counters().dropped[static_cast<size_t>(packet::DropReason::kPolicy)].value()},
          {"kinds", kinds}};
}

Json MeasureNdpi(const Arguments& arguments) {
  const uint64_t packets = arguments.packets / arguments.runs;
  const uint64_t new_flows = arguments.new_flows / 10;  // it is slow
  struct Case {
    std::string what;
    std::function<Workload()> make;
  };
  std::vector<Case> cases = {
      {"mix",
       [packets] {
         const TrafficMix::Options options{.seed = kSeed};
         return MixWork(std::make_shared<TrafficMix>(options), packets);
       }},
      {"established, 10,000 flows",
       [packets] { return EstablishedWork(kHarnessFlows, packets, kRecordsUntilLabelled); }}};
  for (const NewFlowKind& kind : NewFlowKinds()) {
    if (!kind.has_name) continue;
    cases.push_back({"new: " + std::string(kind.what), [&] {
                       Workload work = kind.make(new_flows);
                       work.setup.ns_a_packet = kSlowNsAPacket;
                       return work;
                     }});
  }
  Json rows = Json::array();
  for (const Case& one : cases) {
    Running without(one.make());
    Workload work = one.make();
    work.setup.with_ndpi = true;
    work.setup.ndpi_flows_max = kNdpiFlowsMax;
    Running with(std::move(work));
    const PairOfRuns pair = Alternate(without, with, arguments.runs);
    CheckOnlyPolicyDrops(without.pipeline());
    CheckOnlyPolicyDrops(with.pipeline());
    rows.push_back({{"what", one.what},
                    {"without", ToJson(pair.first)},
                    {"with", ToJson(pair.second)},
                    {"ratio", ToJson(pair.ratio)},
                    {"share", 1 - 1 / pair.ratio.median},
                    {"packets_labelled", with.pipeline().classifier().packets},
                    {"flows_without_place", with.pipeline().classifier().pool_empty}});
  }
  return rows;
}

Json MeasureHarness(const Arguments& arguments) {
  const uint64_t packets = arguments.packets / arguments.runs;
  Running near(EstablishedWork(kHarnessFlows, packets, 0));
  Workload work = EstablishedWork(kHarnessFlows, packets, 0);
  work.setup.frame_slots = kRingFrames;
  Running far(std::move(work));
  const PairOfRuns pair = Alternate(near, far, arguments.runs);
  CheckOnlyPolicyDrops(near.pipeline());
  CheckOnlyPolicyDrops(far.pipeline());
  return {{"timer_cycles_per_packet", BenchPipeline::TimerCyclesAPacket()},
          {"flows", kHarnessFlows},
          {"frames_of_one_batch", ToJson(pair.first)},
          {"frames_of_a_ring", ToJson(pair.second)},
          {"ring_frames", kRingFrames},
          {"ratio", ToJson(pair.ratio)}};
}

namespace {

class Capture {
 public:
  explicit Capture(const std::string& path) {
    auto opened = capture::CaptureWriter::Open(path, {});
    if (!opened) throw std::runtime_error(opened.error().message);
    writer_ = std::move(*opened);
  }
  void Write(const Frame& frame) {
    const auto time = base::WallTime{static_cast<int64_t>(written_++) * base::kNsPerUs};
    const auto wrote = writer_->Write(time, {frame.bytes.data(), frame.size}, frame.size);
    if (!wrote.ok()) throw std::runtime_error(wrote.error().message);
  }
  void Close() {
    const auto closed = writer_->Close();
    if (!closed.ok()) throw std::runtime_error(closed.error().message);
  }

 private:
  std::unique_ptr<capture::CaptureWriter> writer_;
  uint64_t written_ = 0;
};

}  // namespace

void WriteEstablished(const Arguments& arguments) {
  Capture out(arguments.write);
  const FlowMaker maker(kSeed);
  std::vector<uint64_t> sent_bytes(arguments.flows.front());
  auto frame = std::make_unique<Frame>();
  uint64_t random = kSeed;
  for (uint64_t i = 0; i < arguments.packets; ++i) {
    random = Scramble(random);
    const uint64_t number = random % sent_bytes.size();
    Bytes record(MixedPayloadBytes(random >> 40), 0xa5);
    constexpr std::array<uint8_t, 5> kApplicationData = {0x17, 0x03, 0x03, 0x40, 0x00};
    if (!record.empty()) std::ranges::copy(kApplicationData, record.begin());
    const auto seq = static_cast<uint32_t>(kClientStart + sent_bytes[number]);
    maker.Tcp(number, true,
              {.flags = packet::tcp_flag::kAck, .seq = seq, .ack = kServerStart, .payload = record},
              *frame);
    sent_bytes[number] += record.size();
    out.Write(*frame);
  }
  out.Close();
}

void WriteMix(const Arguments& arguments) {
  Capture out(arguments.write_mix);
  // Flows short enough that the last ones do not go on for long by themselves.
  TrafficMix mix({.seed = kSeed,
                  .live_flows = static_cast<uint32_t>(arguments.flows.front()),
                  .flow_packets_max = 1000});
  auto frame = std::make_unique<Frame>();
  for (uint64_t i = 0; mix.Next(*frame); ++i) {
    if (i >= arguments.packets) mix.Stop();
    out.Write(*frame);
  }
  out.Close();
}

}  // namespace weir::bench

// What the pipeline costs: cycles for a packet of established flows, and new flows a second.
//
//   pipeline_bench [--flows 1000,10000,...] [--new-flows N] [--runs N] [--ndpi] [--json]
//   pipeline_bench --write FILE.pcap [--flows N] [--packets N]: established flows, for other
//   programs
//
// One thread; makes its own traffic from a seed. scripts/bench runs it and reads its JSON.
#include <fmt/format.h>
#include <x86intrin.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <vector>

#include "dataplane/capture/capture_writer.h"
#include "tests/bench/bench_pipeline.h"
#include "tests/unit/dataplane_names/hello_builder.h"
#include "tests/unit/dataplane_names/quic_builder.h"

namespace weir::bench {
namespace {

using Json = nlohmann::ordered_json;
using names::testing::Bytes;
using names::testing::HelloBuilder;
using packet::tcp_flag::kAck;
using packet::tcp_flag::kFin;
using packet::tcp_flag::kSyn;

constexpr uint64_t kSeed = 20261122;
constexpr char kRules[] =
    "drop host blocked.example id b1\n"
    "drop port tcp/23 id b2\n";
constexpr uint32_t kClientStart = 1000;
constexpr uint32_t kServerStart = 9000;

struct Arguments {
  std::vector<uint64_t> flows = {1000, 10'000, 100'000, 1'000'000};
  uint64_t packets = 4'000'000;
  uint64_t new_flows = 300'000;
  unsigned runs = 9;
  bool with_ndpi = false;
  bool json = false;
  std::string write;
};

double TscHz() {
  const auto start = std::chrono::steady_clock::now();
  const uint64_t before = __rdtsc();
  while (std::chrono::steady_clock::now() - start < std::chrono::milliseconds(200)) {
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  return static_cast<double>(__rdtsc() - before) / seconds.count();
}

struct Spread {
  double median = 0;
  double low = 0;
  double high = 0;
};

Spread SpreadOf(std::vector<double> values) {
  std::ranges::sort(values);
  return {values[values.size() / 2], values.front(), values.back()};
}

// One TLS connection from its SYN to both FINs.
class Connection {
 public:
  Connection(BenchPipeline& bench, const FlowMaker& maker, uint64_t number)
      : bench_(bench), maker_(maker), number_(number) {}

  void Handshake() {
    Client(kSyn, {});
    ++client_seq_;
    Server(kSyn | kAck, {});
    ++server_seq_;
    Client(kAck, {});
  }
  void Say(std::span<const uint8_t> bytes) {
    Client(kAck, bytes);
    client_seq_ += static_cast<uint32_t>(bytes.size());
  }
  void Answer() {
    static constexpr std::array<uint8_t, 64> kServerHello = {0x16, 0x03, 0x03, 0x00, 0x3b, 0x02};
    Server(kAck, kServerHello);
    server_seq_ += static_cast<uint32_t>(kServerHello.size());
  }
  void End() {
    Client(kFin | kAck, {});
    ++client_seq_;
    Server(kFin | kAck, {});
    ++server_seq_;
    Client(kAck, {});
  }

 private:
  void Client(uint8_t flags, std::span<const uint8_t> payload) {
    maker_.Tcp(number_, true,
               {.flags = flags, .seq = client_seq_, .ack = server_seq_, .payload = payload},
               bench_.Next());
  }
  void Server(uint8_t flags, std::span<const uint8_t> payload) {
    maker_.Tcp(number_, false,
               {.flags = flags, .seq = server_seq_, .ack = client_seq_, .payload = payload},
               bench_.Next());
  }

  BenchPipeline& bench_;
  const FlowMaker& maker_;
  uint64_t number_;
  uint32_t client_seq_ = kClientStart;
  uint32_t server_seq_ = kServerStart;
};

Bytes HelloFor(std::string_view name) {
  const Bytes key_share(140, 0x55);
  return HelloBuilder().Sni(name).Alpn({"h2", "http/1.1"}).Extension(51, key_share).Stream();
}

// `flows` TLS flows whose name is known; then packets of any of them, in any order.
Json Established(const Arguments& arguments, uint64_t flows) {
  const FlowMaker maker(kSeed);
  // A table at the 85 % that it is laid out for.
  BenchPipeline bench({.flows_max = static_cast<uint32_t>(flows * 100 / 85 + 1000),
                       .with_ndpi = arguments.with_ndpi,
                       .rules = kRules});
  const Bytes hello = HelloFor("www.example.org");
  for (uint64_t number = 0; number < flows; ++number) {
    Connection connection(bench, maker, number);
    connection.Handshake();
    connection.Say(hello);
    connection.Answer();
  }
  bench.Flush();
  if (bench.flows().entries.value() != flows) throw std::runtime_error("flows were lost");
  std::vector<double> cycles;
  uint64_t random = kSeed;
  for (unsigned run = 0; run <= arguments.runs; ++run) {
    bench.Take();
    for (uint64_t i = 0; i < arguments.packets / arguments.runs; ++i) {
      random = Scramble(random);
      maker.Data(random % flows, (random >> 32) % 2 == 0, MixedPayloadBytes(random >> 40),
                 bench.Next());
    }
    bench.Flush();
    const auto timed = bench.Take();
    if (run == 0) continue;  // the first warms up
    cycles.push_back(static_cast<double>(timed.cycles) / static_cast<double>(timed.packets));
  }
  bench.CheckAccount();
  const Spread spread = SpreadOf(cycles);
  return {{"flows", flows},
          {"cycles_per_packet", spread.median},
          {"low", spread.low},
          {"high", spread.high}};
}

// New flows until the table has turned over, then so many more, timed.
Json NewFlows(const Arguments& arguments, double tsc_hz, std::string_view what,
              const std::function<void(BenchPipeline&, const FlowMaker&, uint64_t)>& make) {
  const FlowMaker maker(kSeed);
  BenchPipeline bench(
      {.flows_max = 2'000'000, .with_ndpi = arguments.with_ndpi, .closed_s = 1, .rules = kRules});
  std::vector<double> per_second;
  uint64_t number = 0;
  for (unsigned run = 0; run <= arguments.runs; ++run) {
    bench.Take();
    const uint64_t count = run == 0 ? arguments.new_flows * 2 : arguments.new_flows;
    for (uint64_t i = 0; i < count; ++i) make(bench, maker, number++);
    bench.Flush();
    const auto timed = bench.Take();
    if (run == 0) continue;
    per_second.push_back(static_cast<double>(count) * tsc_hz / static_cast<double>(timed.cycles));
  }
  bench.CheckAccount();
  const Spread spread = SpreadOf(per_second);
  const auto& counters = bench.counters();
  return {{"what", what},
          {"flows_per_second", spread.median},
          {"low", spread.low},
          {"high", spread.high},
          {"names_found", counters.names_found.value()},
          {"learning_refused", counters.learning_refused.value()},
          {"flows_evicted", bench.flows().evicted.value()},
          {"flows_made", number}};
}

std::vector<Bytes> MakeInitials() {
  auto crypto = names::Crypto::Create();
  if (!crypto) throw std::runtime_error(crypto.error().message);
  std::vector<Bytes> initials;
  for (uint64_t i = 0; i < 64; ++i) {
    const Bytes hello = HelloBuilder().Sni(fmt::format("host-{}.example", i)).Message();
    names::testing::InitialSpec spec;
    for (size_t at = 0; at < spec.dcid.size(); ++at) {
      spec.dcid[at] = static_cast<uint8_t>(Scramble(i) >> (8 * at));
    }
    spec.pad_to = 1200;
    initials.push_back(SealInitial(spec, names::testing::CryptoFrame(0, hello), **crypto));
  }
  return initials;
}

Json AllNewFlows(const Arguments& arguments, double tsc_hz) {
  Json rows = Json::array();
  rows.push_back(NewFlows(arguments, tsc_hz, "SYN alone",
                          [](BenchPipeline& bench, const FlowMaker& maker, uint64_t number) {
                            maker.Tcp(number, true, {.flags = kSyn, .payload = {}}, bench.Next());
                          }));
  rows.push_back(NewFlows(arguments, tsc_hz, "TCP, opened and closed (6 packets)",
                          [](BenchPipeline& bench, const FlowMaker& maker, uint64_t number) {
                            Connection connection(bench, maker, number);
                            connection.Handshake();
                            connection.End();
                          }));
  const Bytes hello = HelloFor("www.example.org");
  rows.push_back(NewFlows(arguments, tsc_hz, "TLS with a name (8 packets)",
                          [&](BenchPipeline& bench, const FlowMaker& maker, uint64_t number) {
                            Connection connection(bench, maker, number);
                            connection.Handshake();
                            connection.Say(hello);
                            connection.Answer();
                            connection.End();
                          }));
  const std::vector<Bytes> initials = MakeInitials();
  rows.push_back(NewFlows(arguments, tsc_hz, "QUIC Initial with a name (1 packet)",
                          [&](BenchPipeline& bench, const FlowMaker& maker, uint64_t number) {
                            maker.Udp(number, true, initials[number % initials.size()],
                                      bench.Next());
                          }));
  return rows;
}

// What the clients of established flows send, to be looped: TLS records of application data.
int WriteCapture(const Arguments& arguments) {
  auto writer = capture::CaptureWriter::Open(arguments.write, {});
  if (!writer) throw std::runtime_error(writer.error().message);
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
    maker.Tcp(number, true, {.flags = kAck, .seq = seq, .ack = kServerStart, .payload = record},
              *frame);
    sent_bytes[number] += record.size();
    const auto time = base::WallTime{static_cast<int64_t>(i) * base::kNsPerUs};
    const auto written = (*writer)->Write(time, {frame->bytes.data(), frame->size}, frame->size);
    if (!written.ok()) throw std::runtime_error(written.error().message);
  }
  const auto closed = (*writer)->Close();
  if (!closed.ok()) throw std::runtime_error(closed.error().message);
  return 0;
}

void Print(const Json& result) {
  fmt::print("TSC {:.2f} GHz, {} runs, nDPI {}\n\n", result["tsc_hz"].get<double>() / 1e9,
             result["runs"].get<unsigned>(), result["ndpi"].get<bool>() ? "on" : "off");
  fmt::print("{:>12}  {:>14}  {:>16}\n", "flows", "cycles/packet", "lowest–highest");
  for (const Json& row : result["established"]) {
    fmt::print("{:>12}  {:>14.1f}  {:>7.1f}–{:<8.1f}\n", row["flows"].get<uint64_t>(),
               row["cycles_per_packet"].get<double>(), row["low"].get<double>(),
               row["high"].get<double>());
  }
  fmt::print("\n{:<38}  {:>12}  {:>18}\n", "new flows", "per second", "lowest–highest");
  for (const Json& row : result["new_flows"]) {
    fmt::print("{:<38}  {:>12.0f}  {:>9.0f}–{:<9.0f}\n", row["what"].get<std::string>(),
               row["flows_per_second"].get<double>(), row["low"].get<double>(),
               row["high"].get<double>());
  }
}

int Main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("What the pipeline costs: cycles a packet, new flows a second.");
  app.add_option("--flows", arguments.flows, "Established flows to measure with")->delimiter(',');
  app.add_option("--packets", arguments.packets, "Packets for each, over all runs");
  app.add_option("--new-flows", arguments.new_flows, "New flows a run; 0 for none");
  app.add_option("--runs", arguments.runs, "Runs, of which the median counts")
      ->check(CLI::Range(1U, 99U));
  app.add_flag("--ndpi", arguments.with_ndpi, "With the classifier");
  app.add_flag("--json", arguments.json, "One JSON object");
  app.add_option("--write", arguments.write, "Write a capture of established flows instead");
  CLI11_PARSE(app, argc, argv);
  if (!arguments.write.empty()) return WriteCapture(arguments);
  const double tsc_hz = TscHz();
  Json result = {{"tsc_hz", tsc_hz}, {"runs", arguments.runs}, {"ndpi", arguments.with_ndpi}};
  result["established"] = Json::array();
  for (const uint64_t flows : arguments.flows) {
    result["established"].push_back(Established(arguments, flows));
  }
  result["new_flows"] = arguments.new_flows == 0 ? Json::array() : AllNewFlows(arguments, tsc_hz);
  if (arguments.json) {
    fmt::print("{}\n", result.dump(2));
  } else {
    Print(result);
  }
  return 0;
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
  try {
    return weir::bench::Main(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "pipeline_bench: {}\n", error.what());
    return 1;
  }
}

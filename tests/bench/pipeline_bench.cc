// What the pipeline costs, without ports.
//
//   pipeline_bench [--only established,new,memory,mix,ndpi,harness] [--flows 1000,10000,...]
//                  [--packets N] [--new-flows N] [--runs N] [--ndpi]
//   pipeline_bench --write FILE.pcap [--flows N] [--packets N]: established flows, for others
//   pipeline_bench --write-mix FILE.pcap [--flows N] [--packets N]: the mix, N flows at a time
//
// One thread; makes its own traffic from a seed. scripts/bench runs it and reads its JSON;
// docs/performance.md says how to profile with it.
#include <fmt/format.h>
#include <x86intrin.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <ctime>
#include <stdexcept>
#include <string_view>

#include "tests/bench/measurements.h"

namespace weir::bench {
namespace {

double TscHz() {
  const auto start = std::chrono::steady_clock::now();
  const uint64_t before = __rdtsc();
  while (std::chrono::steady_clock::now() - start < std::chrono::milliseconds(200)) {
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  return static_cast<double>(__rdtsc() - before) / seconds.count();
}

bool Names(std::string_view list, std::string_view word) {
  return fmt::format(",{},", list).find(fmt::format(",{},", word)) != std::string::npos;
}

void CheckWords(std::string_view only) {
  while (!only.empty()) {
    const std::string_view word = only.substr(0, only.find(','));
    only.remove_prefix(std::min(only.size(), word.size() + 1));
    if (word.empty() || !Names(kParts, word)) {
      throw std::invalid_argument(fmt::format("--only {}: some of {} would do", word, kParts));
    }
  }
}

// Which share of the time it had a core. Where that is less than one, the cycles are those of other
// programs too.
class CoreShare {
 public:
  double Now() const {
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start_;
    return (UsedSeconds() - used_before_) / passed.count();
  }

 private:
  static double UsedSeconds() {
    timespec used{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
  }

  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  double used_before_ = UsedSeconds();
};

Json Measure(const Arguments& arguments) {
  const CoreShare core;
  const double tsc_hz = TscHz();
  const auto asked = [&](std::string_view what) { return Names(arguments.only, what); };
  Json result = {{"tsc_hz", tsc_hz}, {"runs", arguments.runs}, {"ndpi", arguments.with_ndpi}};
  if (asked("established")) {
    result["established"] = Json::array();
    for (const uint64_t flows : arguments.flows) {
      result["established"].push_back(MeasureEstablished(arguments, flows));
    }
  }
  if (asked("new")) result["new_flows"] = MeasureNewFlows(arguments, tsc_hz);
  if (asked("memory")) {
    result["memory"] = Json::array();
    for (const uint64_t flows : arguments.flows) {
      result["memory"].push_back(MeasureMemory(flows, tsc_hz));
    }
  }
  if (asked("mix")) result["mix"] = MeasureMix(arguments);
  if (asked("ndpi")) result["ndpi_share"] = MeasureNdpi(arguments);
  if (asked("harness")) result["harness"] = MeasureHarness(arguments);
  result["core_share"] = core.Now();
  return result;
}

int Main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("What the pipeline costs, as JSON: cycles a packet, new flows a second, memory.");
  app.add_option("--only", arguments.only, "Of what is measured, these, with commas between");
  app.add_option("--flows", arguments.flows, "Established flows to measure with")
      ->delimiter(',')
      ->check(CLI::Range(uint64_t{1}, uint64_t{1'000'000'000}));
  app.add_option("--packets", arguments.packets, "Packets for each, over all runs");
  app.add_option("--new-flows", arguments.new_flows, "New flows a run");
  app.add_option("--runs", arguments.runs, "Runs, of which the median counts")
      ->check(CLI::Range(1U, 99U));
  app.add_flag("--ndpi", arguments.with_ndpi, "With the classifier");
  app.add_option("--write", arguments.write, "Write a capture of established flows instead");
  app.add_option("--write-mix", arguments.write_mix, "Write a capture of the mix instead");
  CLI11_PARSE(app, argc, argv);
  CheckWords(arguments.only);
  if (!arguments.write.empty()) {
    WriteEstablished(arguments);
  } else if (!arguments.write_mix.empty()) {
    WriteMix(arguments);
  } else {
    fmt::print("{}\n", Measure(arguments).dump(2));
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

// What pipeline_bench measures, each as JSON for scripts/bench.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace weir::bench {

using Json = nlohmann::ordered_json;

inline constexpr uint64_t kSeed = 20261122;
inline constexpr char kRules[] =
    "drop host blocked.example id b1\n"
    "drop port tcp/23 id b2\n";

inline constexpr char kParts[] = "established,new,memory,mix,ndpi,harness";

struct Arguments {
  std::vector<uint64_t> flows = {1000, 10'000, 100'000, 1'000'000};
  uint64_t packets = 4'000'000;
  uint64_t new_flows = 300'000;
  unsigned runs = 9;
  bool with_ndpi = false;
  std::string only = kParts;
  std::string write;
  std::string write_mix;
};

// Cycles a packet of TLS flows whose name is known: packets of any of them, in any order.
Json MeasureEstablished(const Arguments& arguments, uint64_t flows);
// New flows a second, by kind.
Json MeasureNewFlows(const Arguments& arguments, double tsc_hz);
// Bytes a flow: of the table by its own account, and of the process by the kernel's.
// And, as the table is full then: what a login at an address costs until all flows know.
Json MeasureMemory(uint64_t flows, double tsc_hz);
// Cycles a packet of TrafficMix, and what the mix was.
Json MeasureMix(const Arguments& arguments);
// The same work without nDPI and with it in turn: what share of the time it takes.
Json MeasureNdpi(const Arguments& arguments);
// What the bench itself adds: the clock's reading, and frames that lie too near.
Json MeasureHarness(const Arguments& arguments);

// What the clients of established flows send, to be looped: TLS records of application data.
void WriteEstablished(const Arguments& arguments);
// TrafficMix, every flow of it whole.
void WriteMix(const Arguments& arguments);

}  // namespace weir::bench

// Whether everything is dropped since the policy was swapped, by the data plane's own counters.
//
// Plain values; any thread.
#pragma once

#include <cstdint>
#include <deque>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "dataplane/base/time.h"

namespace weir::control::policy {

// What is compared with the time after a swap: this long before it, or as much as is known.
inline constexpr int64_t kTrafficBeforeNs = 10 * base::kNsPerSecond;
// Fewer packets than this tell nothing.
inline constexpr uint64_t kTrafficPacketsMin = 50;
inline constexpr double kTrafficStoppedShare = 0.95;
inline constexpr double kTrafficFlowedShare = 0.50;

struct TrafficSample {
  base::MonoTime at;
  std::string boot_id;
  uint64_t received = 0;  // packets, of all workers
  uint64_t stopped = 0;   // of those, dropped because a rule drops or rejects
};

// From the reply to `stats`.
TrafficSample SampleOf(const nlohmann::json& stats, base::MonoTime at);

// The samples of the last seconds, and the question that they are kept for.
class TrafficWatch {
 public:
  void Add(TrafficSample sample);

  // Between `swap` and `now` at least 95 % of at least 50 packets were stopped by rules, while of
  // at least 50 packets before the swap less than half were. The reason, in one line; nullopt:
  // traffic flows, there is too little of it, or the data plane began anew.
  std::optional<std::string> StoppedSince(const TrafficSample& swap,
                                          const TrafficSample& now) const;

 private:
  std::deque<TrafficSample> samples_;  // oldest first, over kTrafficBeforeNs
};

}  // namespace weir::control::policy

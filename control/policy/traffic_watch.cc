#include "control/policy/traffic_watch.h"

#include <fmt/format.h>

#include <utility>

#include "control/policy/json_fields.h"

namespace weir::control::policy {
namespace {

// A tick is a second: more samples than this come from a clock that makes no sense.
constexpr size_t kSamplesMax = 64;

struct Span {
  uint64_t received = 0;
  uint64_t stopped = 0;

  double share() const {
    return received == 0 ? 0 : static_cast<double>(stopped) / static_cast<double>(received);
  }
};

Span Between(const TrafficSample& first, const TrafficSample& last) {
  if (first.boot_id != last.boot_id || last.received < first.received ||
      last.stopped < first.stopped) {
    return {};
  }
  return {last.received - first.received, last.stopped - first.stopped};
}

}  // namespace

TrafficSample SampleOf(const nlohmann::json& stats, base::MonoTime at) {
  TrafficSample sample;
  sample.at = at;
  sample.boot_id = JsonText(stats, "boot_id");
  const nlohmann::json& workers = JsonMember(stats, "workers");
  if (workers.is_array()) {
    for (const nlohmann::json& worker : workers) sample.received += JsonCount(worker, "rx_packets");
  }
  const nlohmann::json& dropped = JsonMember(stats, "dropped");
  sample.stopped = JsonCount(dropped, "policy") + JsonCount(dropped, "rejected");
  return sample;
}

void TrafficWatch::Add(TrafficSample sample) {
  samples_.push_back(std::move(sample));
  const int64_t newest_ns = samples_.back().at.ns;
  while (samples_.size() > kSamplesMax ||
         newest_ns - samples_.front().at.ns > kTrafficBeforeNs + base::kNsPerSecond) {
    samples_.pop_front();
  }
}

std::optional<std::string> TrafficWatch::StoppedSince(const TrafficSample& swap,
                                                      const TrafficSample& now) const {
  const Span after = Between(swap, now);
  if (after.received < kTrafficPacketsMin || after.share() < kTrafficStoppedShare) return {};
  for (const TrafficSample& sample : samples_) {
    if (sample.at >= swap.at || swap.at.ns - sample.at.ns > kTrafficBeforeNs) continue;
    if (sample.boot_id != swap.boot_id) continue;
    const Span before = Between(sample, swap);
    if (before.received < kTrafficPacketsMin || before.share() >= kTrafficFlowedShare) return {};
    return fmt::format(
        "{} of {} packets were dropped by rules in {:.1f} s after the swap, before it {} of {}",
        after.stopped, after.received,
        static_cast<double>(now.at.ns - swap.at.ns) / static_cast<double>(base::kNsPerSecond),
        before.stopped, before.received);
  }
  return {};
}

}  // namespace weir::control::policy

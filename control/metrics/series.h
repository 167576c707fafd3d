// The registry behind Metrics: gauges that are set, counters that follow an absolute value.
//
// One thread at a time; Metrics holds the lock.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "control/metrics/metric_table.h"

namespace weir::control::metrics {

using Labels = std::map<std::string, std::string>;

inline constexpr size_t kSourcesMax = 4096;  // told apart of one metric, shown or not

class Series {
 public:
  Series();

  void Set(MetricId id, const Labels& labels, double value);
  void Remove(MetricId id, const Labels& labels);
  // The counter's source says `value`; what is less than before is a source that began anew.
  void Follow(MetricId id, const Labels& labels, uint64_t value);
  // Sources begin at 0 again, whatever they say next.
  void ForgetSources(MetricId id);
  void Add(MetricId id, const Labels& labels, double value);

  std::string Render() const;

 private:
  struct Counter {
    prometheus::Counter* counter = nullptr;
    uint64_t source = 0;  // what the source said last
  };

  Counter& CounterOf(MetricId id, const Labels& labels);
  static Labels Folded(const Labels& labels);

  prometheus::Registry registry_;
  std::array<prometheus::Family<prometheus::Counter>*, kMetricCount> counter_families_{};
  std::array<prometheus::Family<prometheus::Gauge>*, kMetricCount> gauge_families_{};
  std::array<std::map<Labels, Counter>, kMetricCount> counters_;
  std::array<std::map<Labels, prometheus::Gauge*>, kMetricCount> gauges_;
};

}  // namespace weir::control::metrics

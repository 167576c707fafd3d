#include "control/metrics/series.h"

#include <prometheus/text_serializer.h>

#include <sstream>

#include "control/metrics/metrics.h"

namespace weir::control::metrics {
namespace {

size_t Index(MetricId id) { return static_cast<size_t>(id); }

}  // namespace

Series::Series() {
  for (const MetricInfo& info : kMetrics) {
    if (info.type == MetricType::kCounter) {
      counter_families_[Index(info.id)] =
          &prometheus::BuildCounter().Name(info.name).Help(info.help).Register(registry_);
    } else {
      gauge_families_[Index(info.id)] =
          &prometheus::BuildGauge().Name(info.name).Help(info.help).Register(registry_);
    }
  }
}

Labels Series::Folded(const Labels& labels) {
  Labels folded = labels;
  for (auto& [name, value] : folded) value = "other";
  return folded;
}

void Series::Set(MetricId id, const Labels& labels, double value) {
  auto& gauges = gauges_[Index(id)];
  auto found = gauges.find(labels);
  if (found == gauges.end()) {
    const bool room = gauges.size() < kSeriesMax;
    const Labels shown = room ? labels : Folded(labels);
    if (!room) Add(MetricId::kLabelsFolded, {}, 1);
    found = gauges.emplace(shown, &gauge_families_[Index(id)]->Add(shown)).first;
  }
  found->second->Set(value);
}

void Series::Remove(MetricId id, const Labels& labels) {
  auto& gauges = gauges_[Index(id)];
  const auto found = gauges.find(labels);
  if (found == gauges.end()) return;
  gauge_families_[Index(id)]->Remove(found->second);
  gauges.erase(found);
}

// A source beyond the limit is still told apart, so that "other" is the sum of all that it stands
// for.
Series::Counter& Series::CounterOf(MetricId id, const Labels& labels) {
  auto& counters = counters_[Index(id)];
  const auto found = counters.find(labels);
  if (found != counters.end()) return found->second;
  const bool room = counters.size() < kSeriesMax;
  const Labels shown = room ? labels : Folded(labels);
  if (!room) Add(MetricId::kLabelsFolded, {}, 1);
  const Labels& key = counters.size() < kSourcesMax ? labels : shown;
  return counters.emplace(key, Counter{&counter_families_[Index(id)]->Add(shown), 0}).first->second;
}

void Series::Follow(MetricId id, const Labels& labels, uint64_t value) {
  Counter& counter = CounterOf(id, labels);
  const uint64_t added = value >= counter.source ? value - counter.source : value;
  counter.source = value;
  counter.counter->Increment(static_cast<double>(added));
}

void Series::ForgetSources(MetricId id) {
  for (auto& [labels, counter] : counters_[Index(id)]) counter.source = 0;
}

void Series::Add(MetricId id, const Labels& labels, double value) {
  CounterOf(id, labels).counter->Increment(value);
}

std::string Series::Render() const {
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, registry_.Collect());
  return std::move(out).str();
}

}  // namespace weir::control::metrics

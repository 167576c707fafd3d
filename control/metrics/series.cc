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

Labels Series::Fold(MetricId id, const Labels& labels, bool known, size_t count) {
  if (known || labels.empty() || count < kSeriesMax) return labels;
  if (id != MetricId::kLabelsFolded) Add(MetricId::kLabelsFolded, {}, 1);
  Labels folded = labels;
  for (auto& [name, value] : folded) value = "other";
  return folded;
}

void Series::Set(MetricId id, const Labels& labels, double value) {
  auto& gauges = gauges_[Index(id)];
  const Labels folded = Fold(id, labels, gauges.contains(labels), gauges.size());
  auto found = gauges.find(folded);
  if (found == gauges.end()) {
    found = gauges.emplace(folded, &gauge_families_[Index(id)]->Add(folded)).first;
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

Series::Counter& Series::CounterOf(MetricId id, const Labels& labels) {
  auto& counters = counters_[Index(id)];
  const Labels folded = Fold(id, labels, counters.contains(labels), counters.size());
  auto found = counters.find(folded);
  if (found == counters.end()) {
    found = counters.emplace(folded, Counter{&counter_families_[Index(id)]->Add(folded), 0}).first;
  }
  return found->second;
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

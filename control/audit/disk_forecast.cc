#include "control/audit/disk_forecast.h"

namespace weir::control::audit {
namespace {

constexpr int64_t kApartNs = 60 * base::kNsPerSecond;
constexpr int64_t kWatchedNs = 600 * base::kNsPerSecond;
constexpr size_t kSamplesMax = 24 * 60 + 1;

}  // namespace

void DiskForecast::Add(base::MonoTime now, uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  if (!samples_.empty() && now.ns - samples_.back().time.ns < kApartNs) return;
  samples_.push_back({now, bytes});
  if (samples_.size() > kSamplesMax) samples_.pop_front();
}

std::optional<double> DiskForecast::FullInSeconds(uint64_t free_bytes) const {
  const std::lock_guard lock(mutex_);
  if (samples_.empty()) return std::nullopt;
  const Sample& first = samples_.front();
  const Sample& last = samples_.back();
  const int64_t watched_ns = last.time.ns - first.time.ns;
  if (watched_ns < kWatchedNs || last.bytes <= first.bytes) return std::nullopt;
  const double bytes_a_second = static_cast<double>(last.bytes - first.bytes) /
                                (static_cast<double>(watched_ns) / base::kNsPerSecond);
  return static_cast<double>(free_bytes) / bytes_a_second;
}

}  // namespace weir::control::audit

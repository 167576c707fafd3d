#include "control/audit/disk_forecast.h"

namespace weir::control::audit {

DiskForecast ForecastDisk(const StoreStats& stats, uint64_t free_bytes, uint32_t days_kept) {
  if (stats.whole_days.days == 0 || stats.whole_days.bytes == 0) return {};
  const double a_day =
      static_cast<double>(stats.whole_days.bytes) / static_cast<double>(stats.whole_days.days);
  const double to_come = a_day * days_kept - static_cast<double>(stats.table_bytes);
  const auto free = static_cast<double>(free_bytes);
  if (to_come <= free) return {true, std::nullopt};
  constexpr double kSecondsADay = 86'400;
  return {true, free / a_day * kSecondsADay};
}

}  // namespace weir::control::audit

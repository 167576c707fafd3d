#include "control/audit/disk_forecast.h"

#include <gtest/gtest.h>

namespace weir::control::audit {
namespace {

// Three whole days of 100 bytes each; of 365 that are kept, `table_bytes` are there.
StoreStats WholeDays(uint64_t table_bytes) {
  StoreStats stats;
  stats.whole_days = {3, 300};
  stats.table_bytes = table_bytes;
  return stats;
}

TEST(DiskForecast, SaysNothingBeforeAWholeDayIsPacked) {
  StoreStats stats;
  stats.bytes_on_disk = 512 << 20;  // logs of the day in hand
  stats.table_bytes = 64 << 20;
  EXPECT_FALSE(ForecastDisk(stats, 1, 365).known);
  EXPECT_FALSE(ForecastDisk(stats, 1, 365).full_in_seconds);
}

TEST(DiskForecast, GoesOnAtThePaceOfWholeDays) {
  const auto forecast = ForecastDisk(WholeDays(300), 1000, 365);
  EXPECT_TRUE(forecast.known);
  EXPECT_DOUBLE_EQ(forecast.full_in_seconds.value(), 10 * 86'400.0);
}

// As does a store that a packed day has just made smaller.
TEST(DiskForecast, SaysTheSameWhateverTodayTakes) {
  auto stats = WholeDays(300);
  stats.bytes_on_disk = 1 << 30;
  EXPECT_DOUBLE_EQ(ForecastDisk(stats, 1000, 365).full_in_seconds.value(), 10 * 86'400.0);
  stats.bytes_on_disk = 300;
  EXPECT_DOUBLE_EQ(ForecastDisk(stats, 1000, 365).full_in_seconds.value(), 10 * 86'400.0);
}

TEST(DiskForecast, ADiskThatTakesAllDaysThatAreKeptIsNeverFull) {
  EXPECT_TRUE(ForecastDisk(WholeDays(300), 36'199, 365).full_in_seconds);
  const auto enough = ForecastDisk(WholeDays(300), 36'200, 365);
  EXPECT_TRUE(enough.known);
  EXPECT_FALSE(enough.full_in_seconds);
  // As many days as are kept are here: one goes for each that comes.
  EXPECT_FALSE(ForecastDisk(WholeDays(36'500), 0, 365).full_in_seconds);
  EXPECT_TRUE(ForecastDisk(WholeDays(36'500), 0, 365).known);
}

}  // namespace
}  // namespace weir::control::audit

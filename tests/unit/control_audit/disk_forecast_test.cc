#include "control/audit/disk_forecast.h"

#include <gtest/gtest.h>

namespace weir::control::audit {
namespace {

base::MonoTime Minute(int64_t minute) { return {minute * 60 * base::kNsPerSecond}; }

TEST(DiskForecast, SaysNothingBeforeItKnows) {
  DiskForecast forecast;
  EXPECT_FALSE(forecast.FullInSeconds(1).has_value());
  for (int64_t minute = 0; minute < 10; minute++) {
    forecast.Add(Minute(minute), static_cast<uint64_t>(minute) * 600);
    EXPECT_FALSE(forecast.FullInSeconds(1000).has_value());
  }
  forecast.Add(Minute(10), 6000);  // ten bytes a second
  EXPECT_DOUBLE_EQ(forecast.FullInSeconds(1000).value(), 100.0);
}

TEST(DiskForecast, SaysNothingWhereNothingGrows) {
  DiskForecast forecast;
  forecast.Add(Minute(0), 500);
  forecast.Add(Minute(20), 500);
  EXPECT_FALSE(forecast.FullInSeconds(1000).has_value());
  forecast.Add(Minute(30), 400);
  EXPECT_FALSE(forecast.FullInSeconds(1000).has_value());
}

TEST(DiskForecast, ForgetsWhatIsOlderThanADay) {
  DiskForecast forecast;
  for (int64_t minute = 0; minute <= 1440; minute++) forecast.Add(Minute(minute), 0);
  for (int64_t minute = 1441; minute <= 2880; minute++) {
    forecast.Add(Minute(minute), static_cast<uint64_t>(minute - 1440) * 60);
  }
  EXPECT_DOUBLE_EQ(forecast.FullInSeconds(1000).value(), 1000.0);
}

}  // namespace
}  // namespace weir::control::audit

#include "dataplane/base/time.h"

#include <gtest/gtest.h>

namespace weir::base {
namespace {

std::string RoundTrip(std::string_view text) { return FormatRfc3339(ParseRfc3339(text).value()); }

TEST(Rfc3339, ComesBackInUtcWithMicroseconds) {
  EXPECT_EQ(RoundTrip("2026-11-22T09:30:00Z"), "2026-11-22T09:30:00.000000Z");
  EXPECT_EQ(RoundTrip("2026-12-31T18:00+08:00"), "2026-12-31T10:00:00.000000Z");
  EXPECT_EQ(RoundTrip("2026-12-31 20:00:00.25-05:30"), "2027-01-01T01:30:00.250000Z");
  EXPECT_EQ(RoundTrip("2028-02-29t00:00:00z"), "2028-02-29T00:00:00.000000Z");
}

TEST(Rfc3339, CutsNanosecondsAlsoBefore1970) {
  EXPECT_EQ(FormatRfc3339(WallTime{1'999}), "1970-01-01T00:00:00.000001Z");
  EXPECT_EQ(FormatRfc3339(WallTime{-1}), "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(RoundTrip("1969-12-31T23:59:59.999999999Z"), "1969-12-31T23:59:59.999999Z");
}

TEST(Rfc3339, ReadsNanosecondsExactly) {
  EXPECT_EQ(ParseRfc3339("1970-01-01T00:00:01.123456789Z")->ns, 1'123'456'789);
  EXPECT_EQ(ParseRfc3339("1970-01-01T00:00:01.5Z")->ns, 1'500'000'000);
}

TEST(Rfc3339, HoldsTheFirstAndLastYearAndRefusesTheNext) {
  EXPECT_EQ(RoundTrip("1678-01-01T00:00:00Z"), "1678-01-01T00:00:00.000000Z");
  EXPECT_EQ(RoundTrip("2261-12-31T23:59:59Z"), "2261-12-31T23:59:59.000000Z");
  EXPECT_FALSE(ParseRfc3339("1677-12-31T23:59:59Z").ok());
  EXPECT_FALSE(ParseRfc3339("2262-01-01T00:00:00Z").ok());
  EXPECT_FALSE(ParseRfc3339("9999-12-31T23:59:59Z").ok());
}

TEST(Rfc3339, WritesAnyTimeThereIs) {
  EXPECT_EQ(FormatRfc3339(WallTime{INT64_MIN}), "1677-09-21T00:12:43.145224Z");
  EXPECT_EQ(FormatRfc3339(WallTime{INT64_MAX}), "2262-04-11T23:47:16.854775Z");
}

TEST(Rfc3339, RefusesWhatIsNoTime) {
  for (const char* text :
       {"", "2026-11-22", "2026-11-22T09:30:00", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z",
        "2026-00-10T00:00:00Z", "2026-11-22T24:00:00Z", "2026-11-22T09:60:00Z",
        "2026-11-22T09:30:61Z", "2026-11-22T09:30:00.Z", "2026-11-22T09:30:00.1234567890Z",
        "2026-11-22T09:30:00+8:00", "2026-11-22T09:30:00+0800", "2026-11-22T09:30:00Zx",
        "26-11-22T09:30:00Z", "2026-11-22X09:30:00Z", "2026-11-22T09:30:00+24:00"}) {
    EXPECT_FALSE(ParseRfc3339(text).ok()) << text;
  }
}

TEST(Clocks, RunForwards) {
  const MonoTime before = MonoNow();
  EXPECT_GE(MonoNow(), before);
  EXPECT_GT(WallNow(), ParseRfc3339("2020-01-01T00:00:00Z").value());
}

}  // namespace
}  // namespace weir::base

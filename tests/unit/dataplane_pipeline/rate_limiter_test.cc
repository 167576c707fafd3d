#include "dataplane/pipeline/rate_limiter.h"

#include <gtest/gtest.h>

namespace weir::pipeline {
namespace {

constexpr base::HashKey kSecret{1, 2};

base::IpAddress Address(std::string_view text) { return base::IpAddress::Parse(text).value(); }

base::MonoTime Ms(int64_t ms) { return {ms * base::kNsPerMs}; }

unsigned Allowed(RateLimiter& limiter, std::string_view source, base::MonoTime now, unsigned of) {
  unsigned allowed = 0;
  for (unsigned i = 0; i < of; ++i) allowed += limiter.Allow(Address(source), now) ? 1U : 0U;
  return allowed;
}

TEST(RateLimiter, GivesASecondsWorthAtOnceAndThenTheRate) {
  RateLimiter limiter(kSecret, 20, 1000);
  EXPECT_EQ(Allowed(limiter, "10.0.0.1", Ms(5000), 100), 20U);
  EXPECT_EQ(Allowed(limiter, "10.0.0.1", Ms(5049), 1), 0U);
  EXPECT_EQ(Allowed(limiter, "10.0.0.1", Ms(5050), 2), 1U);
  EXPECT_EQ(Allowed(limiter, "10.0.0.1", Ms(5300), 100), 5U);
  EXPECT_EQ(Allowed(limiter, "10.0.0.1", Ms(9000), 100), 20U);
}

TEST(RateLimiter, NeverExceedsTheRateByMoreThanASecondsWorth) {
  RateLimiter limiter(kSecret, 20, 1000);
  unsigned allowed = 0;
  for (int64_t ms = 0; ms < 10'000; ++ms) allowed += Allowed(limiter, "10.0.0.1", Ms(ms), 1);
  EXPECT_LE(allowed, 20U + 10 * 20U);
  EXPECT_GE(allowed, 19U + 10 * 20U);
}

TEST(RateLimiter, CountsSourcesApartAndIpv6ByItsNetwork) {
  RateLimiter limiter(kSecret, 5, 1000);
  EXPECT_EQ(Allowed(limiter, "10.0.0.1", Ms(0), 10), 5U);
  EXPECT_EQ(Allowed(limiter, "10.0.0.2", Ms(0), 10), 5U);
  EXPECT_EQ(Allowed(limiter, "2001:db8::1", Ms(0), 3), 3U);
  EXPECT_EQ(Allowed(limiter, "2001:db8::2:3", Ms(0), 10), 2U);
  EXPECT_EQ(Allowed(limiter, "2001:db8:0:1::1", Ms(0), 10), 5U);
}

TEST(RateLimiter, TakesTheAllowanceOfAllTogetherToo) {
  RateLimiter limiter(kSecret, 5, 8);
  EXPECT_EQ(Allowed(limiter, "10.0.0.1", Ms(0), 10), 5U);
  EXPECT_EQ(Allowed(limiter, "10.0.0.2", Ms(0), 10), 3U);
  // What the whole refused was not taken from the source: in 125 ms there is room for one.
  EXPECT_EQ(Allowed(limiter, "10.0.0.2", Ms(125), 10), 1U);
}

TEST(RateLimiter, SurvivesAClockThatGoesBack) {
  RateLimiter limiter(kSecret, 5, 1000);
  EXPECT_EQ(Allowed(limiter, "10.0.0.1", Ms(3'600'000), 10), 5U);
  EXPECT_EQ(Allowed(limiter, "10.0.0.1", Ms(-1000), 10), 5U);
  EXPECT_EQ(Allowed(limiter, "10.0.0.1", Ms(-1000), 10), 0U);
}

}  // namespace
}  // namespace weir::pipeline

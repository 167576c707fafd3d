#include "dataplane/spread/shares.h"

#include <gtest/gtest.h>

#include <numeric>

#include "dataplane/base/config.h"
#include "dataplane/spread/spread.h"

namespace weir::spread {
namespace {

template <typename Number>
uint64_t Sum(const std::vector<Number>& parts) {
  return std::accumulate(parts.begin(), parts.end(), uint64_t{0});
}

TEST(Shares, EverySlotHasAWorker) {
  for (unsigned workers = 1; workers <= base::kWorkersMax; ++workers) {
    EXPECT_EQ(EvenShares(workers).size(), workers);
    EXPECT_EQ(Sum(EvenShares(workers)), Spread::kSlots) << workers;
    EXPECT_EQ(DistributorShares(workers).size(), workers);
    EXPECT_EQ(Sum(DistributorShares(workers)), Spread::kSlots) << workers;
  }
}

TEST(Shares, TheDistributorHasAQuarterOfTheFlowsWithOneOtherAndElseNone) {
  const auto first_of = [](unsigned workers) { return DistributorShares(workers).front(); };
  EXPECT_EQ(first_of(1), Spread::kSlots);
  EXPECT_EQ(first_of(2), Spread::kSlots / 4);
  EXPECT_EQ(first_of(3), 0U);
  EXPECT_EQ(first_of(64), 0U);
}

TEST(Shares, ALimitIsDividedExactly) {
  for (const uint64_t total : {uint64_t{1024}, uint64_t{99'991}, uint64_t{1'000'000'000}}) {
    for (unsigned workers = 1; workers <= base::kWorkersMax; ++workers) {
      for (const auto& shares : {EvenShares(workers), DistributorShares(workers)}) {
        const auto parts = Divide(total, shares, 16);
        EXPECT_EQ(Sum(parts), total);
        for (const uint64_t part : parts) EXPECT_GE(part, 16U);
      }
    }
  }
}

TEST(Shares, ALimitIsDividedAsTheFlowsAre) {
  EXPECT_EQ(Divide(1000, EvenShares(4), 0), (std::vector<uint64_t>{250, 250, 250, 250}));
  EXPECT_EQ(Divide(1024, DistributorShares(2), 0), (std::vector<uint64_t>{256, 768}));
  EXPECT_EQ(Divide(64, EvenShares(64), 1), std::vector<uint64_t>(64, 1));
}

}  // namespace
}  // namespace weir::spread

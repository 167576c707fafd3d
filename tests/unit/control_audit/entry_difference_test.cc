#include "control/audit/entry_difference.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace weir::control::audit {
namespace {

TEST(EntryDifference, IsEmptyWhereBothSidesHaveTheSame) {
  std::mt19937_64 random(1);
  std::vector<uint64_t> entries(100'000);
  std::ranges::generate(entries, random);
  EntryDifference difference(30);
  for (const uint64_t entry : entries) difference.Add(entry);
  std::ranges::shuffle(entries, random);
  for (const uint64_t entry : entries) difference.Remove(entry);
  const auto rest = difference.Take();
  ASSERT_TRUE(rest.has_value());
  EXPECT_TRUE(rest->added.empty());
  EXPECT_EQ(rest->removed, 0u);
}

TEST(EntryDifference, NamesWhatOneSideHasAlone) {
  std::mt19937_64 random(2);
  for (int round = 0; round < 50; round++) {
    EntryDifference difference(3000);
    std::vector<uint64_t> alone;
    const size_t others = random() % 1000;
    for (size_t i = 0; i < 20'000; i++) {
      const uint64_t entry = random();
      if (i >= others) difference.Add(entry);
      if (i % 20 != 19) {
        difference.Remove(entry);
      } else if (i >= others) {
        alone.push_back(entry);
      }
    }
    auto rest = difference.Take();
    ASSERT_TRUE(rest.has_value());
    std::ranges::sort(alone);
    std::ranges::sort(rest->added);
    EXPECT_EQ(rest->added, alone);
    EXPECT_EQ(rest->removed, others - others / 20);
  }
}

TEST(EntryDifference, SaysSoWhenItIsTooMuch) {
  std::mt19937_64 random(3);
  EntryDifference difference(300);
  for (int i = 0; i < 1000; i++) difference.Add(random());
  EXPECT_FALSE(difference.Take().has_value());
}

}  // namespace
}  // namespace weir::control::audit

#include "rules/compile/range_map.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <random>
#include <vector>

#include "rules/compile/set_tables.h"

namespace weir::rules {
namespace {

template <typename Map, typename Key>
std::vector<uint32_t> SetsAt(const Map& map, Key key) {
  std::vector<uint32_t> sets;
  map.ForEach(key, [&](std::span<const uint32_t> run) {
    EXPECT_TRUE(std::is_sorted(run.begin(), run.end()));
    sets.insert(sets.end(), run.begin(), run.end());
  });
  std::sort(sets.begin(), sets.end());
  return sets;
}
using Sets = std::vector<uint32_t>;

TEST(RangeMap, HoldsNothingWhenItIsEmpty) {
  EXPECT_EQ(SetsAt(AppMap(), 7U), Sets{});
  EXPECT_EQ(SetsAt(AppMap(std::vector<AppMap::Range>()), 7U), Sets{});
  EXPECT_EQ(AppMap().memory_bytes(), 0U);
}

TEST(RangeMap, TellsAllSetsAroundAKey) {
  const AppMap map({{10, 20, 1}, {12, 12, 2}, {11, 30, 3}, {40, 40, 1}});
  EXPECT_EQ(SetsAt(map, 9U), Sets{});
  EXPECT_EQ(SetsAt(map, 10U), Sets{1});
  EXPECT_EQ(SetsAt(map, 12U), (Sets{1, 2, 3}));
  EXPECT_EQ(SetsAt(map, 13U), (Sets{1, 3}));
  EXPECT_EQ(SetsAt(map, 30U), Sets{3});
  EXPECT_EQ(SetsAt(map, 31U), Sets{});
  EXPECT_EQ(SetsAt(map, 40U), Sets{1});
}

TEST(RangeMap, HoldsTheFirstAndTheLastKey) {
  const AddressMapV4 v4({{0, 0xffffffff, 1}, {0, 0, 2}, {0xffffffff, 0xffffffff, 3}});
  EXPECT_EQ(SetsAt(v4, 0U), (Sets{1, 2}));
  EXPECT_EQ(SetsAt(v4, 7U), Sets{1});
  EXPECT_EQ(SetsAt(v4, 0xffffffffU), (Sets{1, 3}));
  const auto last = ~AddressKeyV6{0};
  const AddressMapV6 v6({{0, last, 1}, {last - 4, last, 2}});
  EXPECT_EQ(SetsAt(v6, AddressKeyV6{0}), Sets{1});
  EXPECT_EQ(SetsAt(v6, last - 5), Sets{1});
  EXPECT_EQ(SetsAt(v6, last), (Sets{1, 2}));
}

// Random sets of disjoint ranges against a look at each of them.
template <typename Key, unsigned kBits>
void AgreesWithALookAtEachRange(uint64_t seed, unsigned key_shift) {
  std::mt19937_64 random(seed);
  const auto key = [&] { return static_cast<Key>(random() % 1024) << key_shift; };
  for (int round = 0; round < 200; ++round) {
    std::vector<typename RangeMap<Key, kBits>::Range> ranges;
    for (uint32_t set = 0; set < 1 + random() % 12; ++set) {
      Key next = key();
      for (unsigned more = static_cast<unsigned>(random() % 6); more > 0; --more) {
        const Key last = next + key() / 16;
        ranges.push_back({next, last, set});
        next = last + 2 + key() / 8;
      }
    }
    const RangeMap<Key, kBits> map(ranges);
    for (int probe = 0; probe < 300; ++probe) {
      Key at = key() * static_cast<Key>(1 + random() % 3);
      if (!ranges.empty() && probe % 2 == 0) {
        const auto& range = ranges[random() % ranges.size()];
        at = (probe % 4 == 0 ? range.first : range.last) + static_cast<Key>(random() % 3) - 1;
      }
      // A key has so many bits, also one before the first.
      if constexpr (kBits < 8 * sizeof(Key)) at &= (Key{1} << kBits) - 1;
      Sets wanted;
      for (const auto& range : ranges) {
        if (range.first <= at && at <= range.last) wanted.push_back(range.set);
      }
      std::sort(wanted.begin(), wanted.end());
      ASSERT_EQ(SetsAt(map, at), wanted) << "seed " << seed;
    }
  }
}

TEST(RangeMap, AgreesWithALookAtEachRange) {
  const uint64_t seed = std::random_device()();
  std::printf("seed %lu\n", static_cast<unsigned long>(seed));
  AgreesWithALookAtEachRange<uint32_t, 16>(seed, 0);
  AgreesWithALookAtEachRange<uint32_t, 24>(seed, 8);
  AgreesWithALookAtEachRange<uint32_t, 32>(seed, 18);
  AgreesWithALookAtEachRange<AddressKeyV6, 128>(seed, 0);
  AgreesWithALookAtEachRange<AddressKeyV6, 128>(seed, 100);
}

// Every range around the next: what a list for each interval would take grows with the square.
TEST(RangeMap, GrowsWithTheRangesAndNotWithTheirOverlaps) {
  std::vector<AddressMapV4::Range> ranges;
  for (uint32_t i = 0; i < 20'000; ++i) ranges.push_back({i, 0x80000000 - i, i});
  const AddressMapV4 map(ranges);
  EXPECT_LT(map.memory_bytes(), 80U * 32 * ranges.size());
  EXPECT_EQ(SetsAt(map, 0x1234567U).size(), ranges.size());
}

}  // namespace
}  // namespace weir::rules

#include "dataplane/flow/string_pool.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

namespace weir::flow {
namespace {

std::string Text(const StringPool& pool, PoolIndex index) {
  std::array<char, StringPool::kStringBytesMax> buffer;
  return std::string(pool.Read(index, buffer));
}

TEST(StringPool, KeepsStringsOfEveryLength) {
  StringPool pool(4096, {1, 2});
  std::vector<PoolIndex> places;
  for (size_t bytes = 1; bytes <= StringPool::kStringBytesMax; ++bytes) {
    places.push_back(pool.Acquire(std::string(bytes, static_cast<char>('a' + bytes % 26))));
  }
  for (size_t bytes = 1; bytes <= StringPool::kStringBytesMax; ++bytes) {
    EXPECT_EQ(Text(pool, places[bytes - 1]),
              std::string(bytes, static_cast<char>('a' + bytes % 26)));
  }
  EXPECT_EQ(pool.Acquire(std::string(256, 'x')), kNone);
  EXPECT_EQ(pool.Acquire(""), kNone);
}

TEST(StringPool, SharesEqualStringsUntilTheLastUserGoes) {
  StringPool pool(16, {1, 2});
  const PoolIndex first = pool.Acquire("www.example.com");
  EXPECT_EQ(pool.Acquire("www.example.com"), first);
  EXPECT_EQ(pool.blocks_used(), 1U);
  pool.Release(first);
  EXPECT_EQ(Text(pool, first), "www.example.com");
  pool.Release(first);
  EXPECT_EQ(pool.blocks_used(), 0U);
}

TEST(StringPool, RefusesWhatDoesNotFitAndCountsIt) {
  StringPool pool(2, {1, 2});
  EXPECT_NE(pool.Acquire("one"), kNone);
  EXPECT_EQ(pool.Acquire(std::string(100, 'x')), kNone);  // takes two blocks
  EXPECT_EQ(pool.refused(), 1U);
  EXPECT_NE(pool.Acquire("two"), kNone);
}

TEST(StringPool, AgreesWithAMapOverRandomWork) {
  const uint32_t seed = 11;
  std::mt19937 random(seed);
  StringPool pool(600, {3, 4});
  std::vector<std::pair<PoolIndex, std::string>> held;
  for (int step = 0; step < 50'000; ++step) {
    if (held.empty() || random() % 2 == 0) {
      const std::string text(1 + random() % 255, static_cast<char>('a' + random() % 3));
      const PoolIndex index = pool.Acquire(text);
      if (index != kNone) held.emplace_back(index, text);
    } else {
      const size_t at = random() % held.size();
      ASSERT_EQ(Text(pool, held[at].first), held[at].second) << "seed " << seed;
      pool.Release(held[at].first);
      held[at] = held.back();
      held.pop_back();
    }
  }
  for (const auto& [index, text] : held) pool.Release(index);
  EXPECT_EQ(pool.blocks_used(), 0U);
}

}  // namespace
}  // namespace weir::flow

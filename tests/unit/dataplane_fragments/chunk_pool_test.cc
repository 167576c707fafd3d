#include "dataplane/fragments/chunk_pool.h"

#include <gtest/gtest.h>

#include <vector>

namespace weir::fragments {
namespace {

TEST(Chunk, KnowsWhichBytesAreThereAndWhatTheyAre) {
  ChunkPool pool(1);
  Chunk& chunk = pool.at(pool.Take());
  const std::vector<uint8_t> bytes(24, 7);
  const std::vector<uint8_t> other(24, 8);
  EXPECT_EQ(chunk.Compare(512, bytes), Present::kNone);
  chunk.Write(512, bytes);
  EXPECT_EQ(chunk.Compare(512, bytes), Present::kSame);
  EXPECT_EQ(chunk.Compare(512, other), Present::kOther);
  EXPECT_EQ(chunk.Compare(520, std::span(bytes).first(8)), Present::kSame);
  EXPECT_EQ(chunk.Compare(504, bytes), Present::kOther);  // the same, but not all of it there
  EXPECT_EQ(chunk.Compare(528, bytes), Present::kOther);
  EXPECT_EQ(chunk.Compare(488, bytes), Present::kNone);
  EXPECT_EQ(chunk.Compare(536, bytes), Present::kNone);
}

TEST(Chunk, HoldsALastFragmentOfOddLengthUpToItsEnd) {
  ChunkPool pool(1);
  Chunk& chunk = pool.at(pool.Take());
  const std::vector<uint8_t> bytes(kChunkBytes - 2040 - 5, 7);
  chunk.Write(2040, bytes);
  EXPECT_EQ(chunk.Compare(2040, bytes), Present::kSame);
  EXPECT_EQ(chunk.Compare(2032, std::vector<uint8_t>(8, 0)), Present::kNone);
}

TEST(ChunkPool, RunsOutAndGivesEmptyOnesAgain) {
  ChunkPool pool(2);
  const ChunkIndex first = pool.Take();
  const ChunkIndex second = pool.Take();
  EXPECT_EQ(pool.left(), 0U);
  EXPECT_EQ(pool.Take(), kNoChunk);
  const std::vector<uint8_t> bytes(8, 7);
  pool.at(second).Write(0, bytes);
  pool.Give(second);
  pool.Give(kNoChunk);
  EXPECT_EQ(pool.in_use(), 1U);
  EXPECT_EQ(pool.Take(), second);
  EXPECT_EQ(pool.at(second).Compare(0, bytes), Present::kNone);
  EXPECT_NE(first, second);
}

}  // namespace
}  // namespace weir::fragments

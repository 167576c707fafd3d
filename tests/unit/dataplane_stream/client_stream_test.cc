#include "dataplane/stream/client_stream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace weir::stream {
namespace {

std::span<const uint8_t> Bytes(const std::string& text) {
  return {static_cast<const uint8_t*>(static_cast<const void*>(text.data())), text.size()};
}

// Reads in units of `unit` bytes, as a parser of messages does; what is left is shown again.
struct UnitReader {
  size_t unit = 1;
  std::string text = {};
  uint64_t pass = 0;
  size_t done_after = SIZE_MAX;

  size_t Read(std::span<const uint8_t> bytes) {
    const size_t whole = bytes.size() / unit * unit;
    text.append(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(whole));
    return whole;
  }
  uint64_t passable() const { return pass; }
  void Pass(uint32_t count) { pass -= count; }
  bool finished() const { return text.size() >= done_after; }
};

constexpr bool kKeep = true;

TEST(ClientStream, ReadsInOrderSegmentsWithoutABuffer) {
  BufferPool pool(1);
  ClientStream stream(pool);
  stream.Start(1000, true);
  UnitReader reader;
  EXPECT_EQ(stream.Add(1000, Bytes("abc"), !kKeep, reader), Added::kRead);
  EXPECT_EQ(stream.Add(1003, Bytes("def"), !kKeep, reader), Added::kRead);
  EXPECT_EQ(reader.text, "abcdef");
  EXPECT_EQ(pool.in_use(), 0U);
}

TEST(ClientStream, HoldsWhatComesEarlyAndRefusesOtherBytesForIt) {
  BufferPool pool(1);
  ClientStream stream(pool);
  stream.Start(0xfffffffe, true);  // the sequence number wraps
  UnitReader reader;
  EXPECT_EQ(stream.Add(1, Bytes("DE"), !kKeep, reader), Added::kHeld);
  EXPECT_EQ(stream.Add(0, Bytes("cXXf"), !kKeep, reader), Added::kConflict);
  EXPECT_EQ(stream.Add(0, Bytes("cDEf"), !kKeep, reader), Added::kHeld);
  EXPECT_EQ(stream.Add(0xfffffffe, Bytes("ab"), !kKeep, reader), Added::kRead);
  EXPECT_EQ(reader.text, "abcDEf");
  EXPECT_EQ(stream.Add(0xfffffffe, Bytes("zzzzzz"), !kKeep, reader), Added::kNothing);
  EXPECT_EQ(pool.in_use(), 0U);
}

TEST(ClientStream, KeepsWhatWasReadUntilItIsAcknowledged) {
  BufferPool pool(1);
  ClientStream stream(pool);
  stream.Start(100, true);
  UnitReader reader;
  EXPECT_EQ(stream.Add(100, Bytes("Host: allowed"), kKeep, reader), Added::kRead);
  EXPECT_EQ(stream.Add(106, Bytes("blocked"), kKeep, reader), Added::kConflict);
  EXPECT_EQ(stream.Add(106, Bytes("allowed"), kKeep, reader), Added::kNothing);
  // Half of it: what lies behind is still kept.
  stream.Acknowledge(108);
  EXPECT_FALSE(stream.settled());
  EXPECT_EQ(stream.Add(106, Bytes("XXlowed"), kKeep, reader), Added::kNothing);
  EXPECT_EQ(stream.Add(106, Bytes("XXlowEd"), kKeep, reader), Added::kConflict);
  stream.Acknowledge(113);
  EXPECT_TRUE(stream.settled());
  EXPECT_EQ(pool.in_use(), 0U);
  EXPECT_EQ(stream.Add(106, Bytes("blocked"), kKeep, reader), Added::kNothing);
  EXPECT_EQ(reader.text, "Host: allowed");
}

TEST(ClientStream, MindsNoOtherBytesWhereTheServerHasThemAlready) {
  BufferPool pool(1);
  ClientStream stream(pool);
  stream.Start(100, true);
  UnitReader reader{.unit = 10};
  EXPECT_EQ(stream.Add(100, Bytes("abc"), kKeep, reader), Added::kRead);
  EXPECT_EQ(stream.Add(102, Bytes("X"), kKeep, reader), Added::kConflict);
  stream.Acknowledge(103);
  EXPECT_NE(stream.Add(102, Bytes("X"), kKeep, reader), Added::kConflict);  // a keep-alive
  EXPECT_NE(stream.Add(102, Bytes("Xdef"), kKeep, reader), Added::kConflict);
  EXPECT_EQ(stream.Add(105, Bytes("Xghij"), kKeep, reader), Added::kConflict);
  EXPECT_EQ(stream.Add(105, Bytes("fghij"), kKeep, reader), Added::kRead);
  EXPECT_EQ(reader.text, "abcdefghij");
}

TEST(ClientStream, KeepsTheHelloOfAReaderThatHasFinished) {
  BufferPool pool(1);
  ClientStream stream(pool);
  stream.Start(100, true);
  UnitReader reader{.done_after = 5};
  EXPECT_EQ(stream.Add(100, Bytes("hello"), kKeep, reader), Added::kRead);
  EXPECT_EQ(stream.Add(100, Bytes("jello"), kKeep, reader), Added::kConflict);
  EXPECT_EQ(stream.Add(105, Bytes("more"), kKeep, reader), Added::kNothing);
  EXPECT_FALSE(stream.settled());
  stream.Acknowledge(109);
  EXPECT_TRUE(stream.settled());
  EXPECT_EQ(pool.in_use(), 0U);
}

TEST(ClientStream, ForgetsOnlyForwards) {
  BufferPool pool(1);
  ClientStream stream(pool);
  stream.Start(100, true);
  UnitReader reader;
  stream.Add(100, Bytes("abcdef"), kKeep, reader);
  stream.Acknowledge(104);
  stream.Acknowledge(102);
  EXPECT_EQ(stream.Add(102, Bytes("xxef"), kKeep, reader), Added::kNothing);
  EXPECT_EQ(stream.Add(102, Bytes("cdxx"), kKeep, reader), Added::kConflict);
}

TEST(ClientStream, PassesOverABodyThatNeedNotArrive) {
  BufferPool pool(1);
  ClientStream stream(pool);
  stream.Start(0, true);
  UnitReader reader{.pass = 50'000};
  EXPECT_EQ(stream.Add(0, Bytes("head"), kKeep, reader), Added::kRead);
  EXPECT_EQ(stream.next_seq(), 50'004U);
  // A piece of the body, and one with the beginning of what follows it.
  EXPECT_EQ(stream.Add(30'000, Bytes("body"), kKeep, reader), Added::kNothing);
  stream.Acknowledge(4);
  EXPECT_EQ(stream.Add(50'002, Bytes("dynext"), kKeep, reader), Added::kRead);
  EXPECT_EQ(reader.text, "headnext");
  stream.Acknowledge(50'008);
  EXPECT_EQ(pool.in_use(), 0U);
}

TEST(ClientStream, RefusesWhatLiesBeyondItsWindow) {
  BufferPool pool(1);
  ClientStream stream(pool);
  stream.Start(0, true);
  UnitReader reader;
  EXPECT_EQ(stream.Add(kStreamBytesMax - 1, Bytes("x"), kKeep, reader), Added::kHeld);
  EXPECT_EQ(stream.Add(kStreamBytesMax, Bytes("x"), kKeep, reader), Added::kTooFar);
  const std::string all(kStreamBytesMax - 1, 'a');
  EXPECT_EQ(stream.Add(0, Bytes(all), kKeep, reader), Added::kRead);
  EXPECT_EQ(stream.Add(kStreamBytesMax, Bytes("y"), kKeep, reader), Added::kTooFar);
  stream.Acknowledge(1);
  EXPECT_EQ(stream.Add(kStreamBytesMax, Bytes("y"), kKeep, reader), Added::kRead);
  EXPECT_EQ(reader.text, all + "xy");
}

TEST(ClientStream, SaysWhenThePoolIsEmpty) {
  BufferPool pool(1);
  ClientStream first(pool);
  ClientStream second(pool);
  first.Start(0, true);
  second.Start(0, true);
  UnitReader reader;
  EXPECT_EQ(first.Add(5, Bytes("x"), !kKeep, reader), Added::kHeld);
  EXPECT_EQ(second.Add(5, Bytes("x"), !kKeep, reader), Added::kPoolEmpty);
  EXPECT_EQ(pool.refused(), 1U);
  first.Stop();
  EXPECT_EQ(second.Add(5, Bytes("x"), !kKeep, reader), Added::kHeld);
}

TEST(ClientStream, SeesBytesThatItMissed) {
  BufferPool pool(1);
  ClientStream stream(pool);
  stream.Start(100, true);
  UnitReader reader;
  stream.Add(100, Bytes("abc"), kKeep, reader);
  stream.Acknowledge(110);  // seven bytes were never seen
  EXPECT_EQ(stream.LostBefore(103), std::nullopt) << "they may be late";
  EXPECT_EQ(stream.LostBefore(110), 110U);
  stream.Add(103, Bytes("defghij"), kKeep, reader);
  EXPECT_EQ(stream.LostBefore(110), std::nullopt);
}

TEST(ClientStream, BeginsEarlierWhileTheStartIsUncertain) {
  BufferPool pool(1);
  ClientStream stream(pool);
  stream.Start(200, false);
  UnitReader late;
  stream.Add(200, Bytes("host"), kKeep, late);
  EXPECT_FALSE(stream.StartsEarlier(200));
  ASSERT_TRUE(stream.StartsEarlier(190));
  UnitReader reader;
  EXPECT_EQ(stream.Add(190, Bytes("0123456789"), kKeep, reader), Added::kRead);
  EXPECT_EQ(reader.text, "0123456789host");
  stream.Acknowledge(191);
  EXPECT_FALSE(stream.StartsEarlier(180)) << "the server has begun behind it";
}

// An earlier start whose segment is refused leaves what was read before to be guarded.
TEST(ClientStream, IsNotSettledByAnEarlierStart) {
  BufferPool pool(1);
  ClientStream stream(pool);
  stream.Start(200, false);
  UnitReader late;
  stream.Add(200, Bytes("host"), kKeep, late);
  ASSERT_TRUE(stream.StartsEarlier(190));
  UnitReader reader;
  EXPECT_EQ(stream.Add(190, Bytes("0123456789HOST"), kKeep, reader), Added::kConflict);
  stream.Acknowledge(191);
  EXPECT_FALSE(stream.settled());
  EXPECT_EQ(stream.Add(200, Bytes("HOST"), kKeep, reader), Added::kConflict);
  EXPECT_EQ(stream.Add(190, Bytes("0123456789"), kKeep, reader), Added::kRead);
  EXPECT_EQ(reader.text, "0123456789host");
  stream.Acknowledge(204);
  EXPECT_TRUE(stream.settled());
}

// What was read and forgotten and comes again is no earlier start.
TEST(ClientStream, DoesNotStartAgainWhereItHasForgotten) {
  BufferPool pool(1);
  ClientStream stream(pool);
  stream.Start(100, false);
  UnitReader reader{.unit = 4};
  EXPECT_EQ(stream.Add(100, Bytes("hosts"), !kKeep, reader), Added::kRead);
  EXPECT_EQ(stream.Add(105, Bytes("ame"), !kKeep, reader), Added::kRead);
  EXPECT_FALSE(stream.StartsEarlier(100));
  EXPECT_FALSE(stream.StartsEarlier(90)) << "the bytes from 100 on are gone";
  EXPECT_EQ(reader.text, "hostsame");
}

TEST(ClientStream, TellsWhereItMayBeOnlyUntilItIsCertain) {
  BufferPool pool(1);
  ClientStream stream(pool);
  EXPECT_FALSE(stream.BeginsBefore(100));
  EXPECT_FALSE(stream.IsElsewhere(100));
  UnitReader reader;
  stream.Start(1000, false);
  stream.Add(1000, Bytes("host"), kKeep, reader);
  EXPECT_TRUE(stream.BeginsBefore(999));
  EXPECT_FALSE(stream.BeginsBefore(1000));
  EXPECT_FALSE(stream.IsElsewhere(1004));
  EXPECT_TRUE(stream.IsElsewhere(1005)) << "the server has more than was seen";
  EXPECT_FALSE(stream.IsElsewhere(1000 - static_cast<uint32_t>(kStreamBytesMax)));
  EXPECT_TRUE(stream.IsElsewhere(1000 - static_cast<uint32_t>(kStreamBytesMax) - 1));
  stream.Acknowledge(1002);
  EXPECT_FALSE(stream.BeginsBefore(999));
  EXPECT_FALSE(stream.IsElsewhere(5000));
}

// Any cutting, order, repetition and overlap gives the same bytes, whatever is acknowledged when.
TEST(ClientStream, GivesTheSameBytesHoweverTheyArrive) {
  for (uint32_t seed = 0; seed < 4000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    BufferPool pool(1);
    ClientStream stream(pool);
    const bool keep = seed % 2 == 0;
    const uint32_t base = static_cast<uint32_t>(random());
    stream.Start(base, true);
    std::string text(1 + random() % 3000, 0);
    for (char& c : text) c = static_cast<char>(random());
    std::vector<std::pair<size_t, size_t>> pieces;
    for (size_t at = 0; at < text.size();) {
      const size_t bytes = std::min<size_t>(1 + random() % 700, text.size() - at);
      pieces.emplace_back(at, bytes);
      if (random() % 3 == 0) {
        const size_t from = at - std::min<size_t>(at, random() % 50);
        pieces.emplace_back(from, at + bytes - from);
      }
      at += bytes;
    }
    std::shuffle(pieces.begin(), pieces.end(), random);
    UnitReader reader{.unit = 1 + random() % 40};
    for (const auto& [at, bytes] : pieces) {
      const auto added = stream.Add(base + static_cast<uint32_t>(at),
                                    Bytes(text).subspan(at, bytes), keep, reader);
      ASSERT_NE(added, Added::kTooFar);
      ASSERT_NE(added, Added::kConflict);
      if (random() % 2 == 0) {
        stream.Acknowledge(base + static_cast<uint32_t>(random() % (reader.text.size() + 1)));
      }
    }
    ASSERT_EQ(reader.text, text.substr(0, reader.text.size()));
    ASSERT_LT(text.size() - reader.text.size(), 40U);
    stream.Stop();
    ASSERT_EQ(pool.in_use(), 0U);
  }
}

// A changed byte is a conflict exactly where the place is kept.
TEST(ClientStream, FindsEveryChangedByteThatIsKept) {
  for (uint32_t seed = 0; seed < 2000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    BufferPool pool(1);
    ClientStream stream(pool);
    stream.Start(0, true);
    std::string text(200 + random() % 600, 0);
    for (char& c : text) c = static_cast<char>(random());
    UnitReader reader;
    const size_t held_from = 100 + random() % 50;
    stream.Add(static_cast<uint32_t>(held_from), Bytes(text).subspan(held_from), kKeep, reader);
    stream.Add(0, Bytes(text).first(80), kKeep, reader);
    const auto acknowledged = static_cast<uint32_t>(random() % 80);
    stream.Acknowledge(acknowledged);
    const size_t at = random() % text.size();
    std::string changed = text;
    changed[at] = static_cast<char>(changed[at] ^ 0x20);
    const size_t from = at - std::min<size_t>(at, random() % 60);
    const size_t bytes = std::min<size_t>(at - from + 1 + random() % 60, text.size() - from);
    const bool kept = (at >= acknowledged && at < 80) || at >= held_from;
    const auto added =
        stream.Add(static_cast<uint32_t>(from), Bytes(changed).subspan(from, bytes), kKeep, reader);
    ASSERT_EQ(added == Added::kConflict, kept) << "byte " << at;
  }
}

}  // namespace
}  // namespace weir::stream

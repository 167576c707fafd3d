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
class UnitReader {
 public:
  explicit UnitReader(size_t unit) : unit_(unit) {}
  size_t operator()(std::span<const uint8_t> bytes) {
    const size_t whole = bytes.size() / unit_ * unit_;
    text_.append(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(whole));
    return whole;
  }
  const std::string& text() const { return text_; }

 private:
  size_t unit_;
  std::string text_;
};

TEST(ClientStream, ReadsInOrderSegmentsWithoutABuffer) {
  BufferPool pool(1);
  ClientStream stream(pool);
  stream.Start(1000);
  UnitReader reader(1);
  const auto read = [&](auto bytes) { return reader(bytes); };
  EXPECT_EQ(stream.Add(1000, Bytes("abc"), read), Added::kRead);
  EXPECT_EQ(stream.Add(1003, Bytes("def"), read), Added::kRead);
  EXPECT_EQ(reader.text(), "abcdef");
  EXPECT_EQ(pool.in_use(), 0U);
}

TEST(ClientStream, HoldsWhatComesEarlyAndKeepsFirstBytes) {
  BufferPool pool(1);
  ClientStream stream(pool);
  stream.Start(0xfffffffe);  // the sequence number wraps
  UnitReader reader(1);
  const auto read = [&](auto bytes) { return reader(bytes); };
  EXPECT_EQ(stream.Add(1, Bytes("DE"), read), Added::kHeld);
  EXPECT_EQ(stream.Add(0, Bytes("cXXf"), read), Added::kHeld);
  EXPECT_EQ(stream.Add(0xfffffffe, Bytes("ab"), read), Added::kRead);
  EXPECT_EQ(reader.text(), "abcDEf");
  EXPECT_EQ(stream.Add(0xfffffffe, Bytes("zzzzzz"), read), Added::kNothing);
  EXPECT_EQ(pool.in_use(), 0U);
}

TEST(ClientStream, GivesUpBeyondItsWindow) {
  BufferPool pool(1);
  ClientStream stream(pool);
  stream.Start(0);
  const auto read = [](auto) { return size_t{0}; };
  EXPECT_EQ(stream.Add(kStreamBytesMax - 1, Bytes("x"), read), Added::kHeld);
  EXPECT_EQ(stream.Add(kStreamBytesMax, Bytes("x"), read), Added::kTooFar);
}

TEST(ClientStream, SaysWhenThePoolIsEmpty) {
  BufferPool pool(1);
  ClientStream first(pool);
  ClientStream second(pool);
  first.Start(0);
  second.Start(0);
  const auto read = [](auto) { return size_t{0}; };
  EXPECT_EQ(first.Add(5, Bytes("x"), read), Added::kHeld);
  EXPECT_EQ(second.Add(5, Bytes("x"), read), Added::kPoolEmpty);
  EXPECT_EQ(pool.refused(), 1U);
  first.Stop();
  EXPECT_EQ(second.Add(5, Bytes("x"), read), Added::kHeld);
}

// Any cutting, order, repetition and overlap gives the same bytes.
TEST(ClientStream, GivesTheSameBytesHoweverTheyArrive) {
  for (uint32_t seed = 0; seed < 2000; ++seed) {
    std::mt19937 random(seed);
    BufferPool pool(1);
    ClientStream stream(pool);
    const uint32_t base = static_cast<uint32_t>(random());
    stream.Start(base);
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
    UnitReader reader(1 + random() % 40);
    for (const auto& [at, bytes] : pieces) {
      const auto added =
          stream.Add(base + static_cast<uint32_t>(at), Bytes(text).subspan(at, bytes),
                     [&](auto read) { return reader(read); });
      ASSERT_NE(added, Added::kTooFar) << "seed " << seed;
    }
    ASSERT_EQ(reader.text(), text.substr(0, reader.text().size())) << "seed " << seed;
    ASSERT_LT(text.size() - reader.text().size(), 40U) << "seed " << seed;
    stream.Stop();
    ASSERT_EQ(pool.in_use(), 0U);
  }
}

}  // namespace
}  // namespace weir::stream

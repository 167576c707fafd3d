#include "dataplane/events/event_ring.h"

#include <gtest/gtest.h>

#include <numeric>
#include <random>
#include <thread>
#include <vector>

namespace weir::events {
namespace {

constexpr size_t kSmallRing = 8192;

std::vector<uint8_t> Payload(size_t bytes, uint8_t first) {
  std::vector<uint8_t> payload(bytes);
  std::iota(payload.begin(), payload.end(), first);
  return payload;
}

size_t DrainAll(EventRing& ring) {
  return ring.Consume(SIZE_MAX, [](EventType, LossClass, std::span<const uint8_t>) {});
}

TEST(EventRing, KeepsOrderTypesAndBytes) {
  EventRing ring(kSmallRing);
  const auto first = Payload(1, 5);
  const auto second = Payload(300, 9);
  ASSERT_TRUE(ring.Push(EventType::kFinding, LossClass::kFinding, first, kSmallRing));
  ASSERT_TRUE(ring.Push(EventType::kSession, LossClass::kDetail, second, kSmallRing));
  ASSERT_TRUE(ring.Push(EventType::kHealth, LossClass::kHealth, {}, kSmallRing));
  std::vector<std::vector<uint8_t>> got;
  std::vector<EventType> types;
  std::vector<LossClass> classes;
  const auto take = [&](EventType type, LossClass loss_class, std::span<const uint8_t> payload) {
    types.push_back(type);
    classes.push_back(loss_class);
    got.emplace_back(payload.begin(), payload.end());
  };
  EXPECT_EQ(ring.Consume(2, take), 2U);
  EXPECT_EQ(ring.Consume(2, take), 1U);
  EXPECT_EQ(ring.Consume(2, take), 0U);
  EXPECT_EQ(got, (std::vector<std::vector<uint8_t>>{first, second, {}}));
  EXPECT_EQ(types, (std::vector{EventType::kFinding, EventType::kSession, EventType::kHealth}));
  EXPECT_EQ(classes, (std::vector{LossClass::kFinding, LossClass::kDetail, LossClass::kHealth}));
  EXPECT_EQ(ring.used_bytes(), 0U);
}

TEST(EventRing, RoundsItsSizeUpToAPowerOfTwo) {
  EXPECT_EQ(EventRing(1).capacity_bytes(), 8192U);
  EXPECT_EQ(EventRing(8193).capacity_bytes(), 16384U);
}

TEST(EventRing, RefusesWhatDoesNotFitAndTakesItAfterwards) {
  EventRing ring(kSmallRing);
  const auto payload = Payload(1016, 0);  // 1024 with its header: eight fill the ring exactly
  for (int i = 0; i < 8; ++i) {
    ASSERT_TRUE(ring.Push(EventType::kSession, LossClass::kSession, payload, kSmallRing));
  }
  EXPECT_EQ(ring.used_bytes(), kSmallRing);
  EXPECT_FALSE(ring.Push(EventType::kSession, LossClass::kSession, {}, kSmallRing));
  EXPECT_EQ(ring.Consume(1, [](auto, auto, auto) {}), 1U);
  EXPECT_TRUE(ring.Push(EventType::kSession, LossClass::kSession, payload, kSmallRing));
  EXPECT_EQ(DrainAll(ring), 8U);
}

// Sizes that do not divide the ring, so that every place of the wrap comes up.
TEST(EventRing, SurvivesEveryWrap) {
  EventRing ring(kSmallRing);
  uint8_t next_in = 0;
  uint8_t next_out = 0;
  for (size_t round = 0; round < 20'000; ++round) {
    const size_t bytes = 1 + round * 7 % kEncodedBytesMax;
    ASSERT_TRUE(
        ring.Push(EventType::kSession, LossClass::kSession, Payload(bytes, next_in++), kSmallRing));
    ring.Consume(1, [&](EventType, LossClass, std::span<const uint8_t> payload) {
      ASSERT_EQ(payload.size(), bytes);
      ASSERT_EQ(std::vector<uint8_t>(payload.begin(), payload.end()), Payload(bytes, next_out++));
    });
  }
  EXPECT_EQ(next_in, next_out);
}

// Run under the thread sanitizer too: each record must come out whole and in order, or be refused.
TEST(EventRing, HandsRecordsFromThreadToThread) {
  constexpr uint32_t kRecords = 200'000;
  EventRing ring(1 << 16);
  RingEventSink sink(ring);
  std::jthread producer([&] {
    std::minstd_rand random(1);
    std::array<uint8_t, 512> payload{};
    for (uint32_t i = 0; i < kRecords; ++i) {
      const size_t bytes = 4 + random() % (payload.size() - 4);
      payload.fill(static_cast<uint8_t>(i));
      std::memcpy(payload.data(), &i, sizeof i);
      const auto loss_class = i % 3 == 0 ? LossClass::kDetail : LossClass::kSession;
      sink.Push(EventType::kSession, loss_class, std::span(payload).first(bytes));
    }
  });
  uint64_t received = 0;
  int64_t last = -1;
  const auto lost = [&] { return sink.lost(LossClass::kDetail) + sink.lost(LossClass::kSession); };
  while (received + lost() < kRecords) {
    received += ring.Consume(64, [&](EventType, LossClass, std::span<const uint8_t> payload) {
      uint32_t number = 0;
      std::memcpy(&number, payload.data(), sizeof number);
      ASSERT_GT(int64_t{number}, last);
      last = number;
      for (const uint8_t byte : payload.subspan(sizeof number)) {
        ASSERT_EQ(byte, static_cast<uint8_t>(number));
      }
    });
  }
  producer.join();
  received += DrainAll(ring);
  EXPECT_EQ(received + lost(), kRecords);
  EXPECT_EQ(sink.produced(LossClass::kDetail) + sink.produced(LossClass::kSession), kRecords);
}

TEST(RingEventSink, KeepsTheLastQuarterFromDetail) {
  EventRing ring(kSmallRing);
  RingEventSink sink(ring);
  const auto payload = Payload(1016, 0);
  for (int i = 0; i < 8; ++i) sink.Push(EventType::kSession, LossClass::kDetail, payload);
  EXPECT_EQ(ring.used_bytes(), kSmallRing / 4 * 3);
  EXPECT_EQ(sink.produced(LossClass::kDetail), 8U);
  EXPECT_EQ(sink.lost(LossClass::kDetail), 2U);
  EXPECT_TRUE(sink.Push(EventType::kFinding, LossClass::kFinding, payload));
  EXPECT_TRUE(sink.Push(EventType::kSession, LossClass::kSession, payload));
  EXPECT_FALSE(sink.Push(EventType::kSession, LossClass::kSession, payload));
  EXPECT_EQ(sink.produced(LossClass::kSession), 2U);
  EXPECT_EQ(sink.lost(LossClass::kSession), 1U);
  EXPECT_EQ(sink.lost(LossClass::kFinding), 0U);
  EXPECT_EQ(DrainAll(ring), 8U);
}

}  // namespace
}  // namespace weir::events

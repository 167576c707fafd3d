#include "dataplane/pipeline/conversation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "dataplane/parse/parse.h"
#include "tests/support/packet_builder.h"

namespace weir::pipeline {
namespace {

using flow::Endpoint;
using packet::tcp_flag::kAck;
using packet::tcp_flag::kFin;
using packet::tcp_flag::kRst;
using packet::tcp_flag::kSyn;
using testing::Bytes;

constexpr Endpoint kA = Endpoint::kLow;
constexpr Endpoint kB = Endpoint::kHigh;

struct Segment {
  uint8_t flags = kAck;
  uint32_t seq = 0;
  uint32_t ack = 0;
  size_t bytes = 0;
  Bytes options = {};
};

// Calls `use` with the segment parsed.
template <typename Use>
void With(const Segment& segment, Use use) {
  Bytes frame = testing::PacketBuilder()
                    .Ipv4("10.0.0.1", "192.0.2.7")
                    .Tcp({.flags = segment.flags,
                          .seq = segment.seq,
                          .ack = segment.ack,
                          .options = segment.options})
                    .Payload(Bytes(segment.bytes, 'x'))
                    .Build();
  packet::Packet packet;
  packet.data = frame.data();
  packet.captured_bytes = packet.wire_bytes = static_cast<uint32_t>(frame.size());
  parse::Parse(packet);
  use(packet);
}

void Pass(Conversation& talk, Endpoint sender, const Segment& segment) {
  With(segment, [&](const packet::Packet& packet) { talk.Passed(packet, sender); });
}

Conversation Established(uint32_t a = 1000, uint32_t b = 9000) {
  Conversation talk;
  Pass(talk, kA, {.flags = kSyn, .seq = a});
  Pass(talk, kB, {.flags = kSyn | kAck, .seq = b, .ack = a + 1});
  Pass(talk, kA, {.seq = a + 1, .ack = b + 1});
  return talk;
}

TEST(Conversation, IsProvenByTheThirdSegment) {
  Conversation talk;
  Pass(talk, kA, {.flags = kSyn, .seq = 1000});
  Pass(talk, kB, {.flags = kSyn | kAck, .seq = 9000, .ack = 1001});
  EXPECT_FALSE(talk.proven());
  for (const uint32_t guess : {8999U, 9000U, 9002U, 0U}) {
    Pass(talk, kA, {.seq = 1001, .ack = guess});
    EXPECT_FALSE(talk.proven()) << guess;
  }
  Pass(talk, kA, {.seq = 1001, .ack = 9001});
  EXPECT_TRUE(talk.proven());
  EXPECT_EQ(talk.next(kA), 1001U);
  EXPECT_EQ(talk.next(kB), 9001U);
}

TEST(Conversation, IsProvenByARefusedSegmentsAcknowledgementToo) {
  Conversation talk;
  Pass(talk, kA, {.flags = kSyn, .seq = 1000});
  Pass(talk, kB, {.flags = kSyn | kAck, .seq = 9000, .ack = 1001});
  With({.seq = 1001, .ack = 9001, .bytes = 50},
       [&](const packet::Packet& packet) { talk.Acknowledged(packet, kA); });
  EXPECT_TRUE(talk.proven());
  EXPECT_EQ(talk.next(kA), 1001U) << "it did not pass";
}

TEST(Conversation, NeedsBothDirections) {
  Conversation talk;
  Pass(talk, kA, {.flags = kSyn, .seq = 1000});
  Pass(talk, kA, {.seq = 1001, .ack = 9001});
  Pass(talk, kA, {.seq = 1001, .ack = 9001, .bytes = 100});
  EXPECT_FALSE(talk.proven());
  EXPECT_FALSE(talk.seen(kB));
}

TEST(Conversation, TakesASplitHandshake) {
  Conversation talk;
  Pass(talk, kA, {.flags = kSyn, .seq = 1000});
  Pass(talk, kB, {.flags = kSyn, .seq = 9000});
  Pass(talk, kA, {.flags = kSyn | kAck, .seq = 1000, .ack = 9001});
  EXPECT_FALSE(talk.proven());
  Pass(talk, kB, {.seq = 9001, .ack = 1001});
  EXPECT_TRUE(talk.proven());
}

TEST(Conversation, ASecondSynBeginsAgainUntilItIsAnswered) {
  Conversation talk;
  Pass(talk, kA, {.flags = kSyn, .seq = 1000});
  Pass(talk, kA, {.flags = kSyn, .seq = 5000});
  Pass(talk, kB, {.flags = kSyn | kAck, .seq = 9000, .ack = 5001});
  Pass(talk, kA, {.seq = 5001, .ack = 9001});
  EXPECT_TRUE(talk.proven());
  Pass(talk, kA, {.flags = kSyn, .seq = 77});
  EXPECT_EQ(talk.next(kA), 5001U);
}

TEST(Conversation, MidStreamIsProvenWhenBothAgree) {
  Conversation talk;
  Pass(talk, kA, {.seq = 500, .ack = 7000, .bytes = 100});
  EXPECT_FALSE(talk.proven());
  Pass(talk, kB, {.seq = 7000, .ack = 600, .bytes = 10});
  EXPECT_FALSE(talk.proven()) << "A's word came before B was seen";
  Pass(talk, kA, {.seq = 600, .ack = 7010});
  EXPECT_TRUE(talk.proven());
  Conversation other;
  Pass(other, kA, {.seq = 500, .ack = 7000, .bytes = 100});
  Pass(other, kB, {.seq = 7000, .ack = 601, .bytes = 10});
  Pass(other, kA, {.seq = 600, .ack = 6999});
  EXPECT_FALSE(other.proven());
}

TEST(Conversation, CountsFinAndFillsGaps) {
  Conversation talk = Established();
  Pass(talk, kA, {.seq = 1101, .ack = 9001, .bytes = 100});
  EXPECT_EQ(talk.next(kA), 1001U);
  Pass(talk, kA, {.flags = kAck | kFin, .seq = 1201, .ack = 9001});
  EXPECT_EQ(talk.next(kA), 1001U);
  With({.seq = 1001, .ack = 9001, .bytes = 100},
       [&](const packet::Packet& packet) { EXPECT_EQ(talk.NextBehind(packet, kA), 1202U); });
  EXPECT_EQ(talk.next(kA), 1001U);
  Pass(talk, kA, {.seq = 1001, .ack = 9001, .bytes = 100});
  EXPECT_EQ(talk.next(kA), 1202U);
}

TEST(Conversation, BelievesThePeersAcknowledgementWhereItLostCount) {
  Conversation talk = Established();
  Pass(talk, kA, {.seq = 1101, .ack = 9001, .bytes = 10});
  Pass(talk, kA, {.seq = 1201, .ack = 9001, .bytes = 10});
  Pass(talk, kA, {.seq = 1301, .ack = 9001, .bytes = 10});
  Pass(talk, kA, {.seq = 1001, .ack = 9001, .bytes = 300});
  Pass(talk, kB, {.seq = 9001, .ack = 1311});
  EXPECT_EQ(talk.next(kA), 1311U);
  Pass(talk, kB, {.seq = 9001, .ack = 1312});
  EXPECT_EQ(talk.next(kA), 1311U) << "nothing was sent that far";
}

TEST(Conversation, AResetSaysNothing) {
  Conversation talk;
  Pass(talk, kA, {.flags = kSyn, .seq = 1000});
  Pass(talk, kB, {.flags = kRst | kAck, .seq = 0, .ack = 1001});
  EXPECT_FALSE(talk.seen(kB));
  Pass(talk, kB, {.flags = kSyn | kAck, .seq = 9000, .ack = 1001});
  Pass(talk, kA, {.flags = kRst | kAck, .seq = 1001, .ack = 9001});
  EXPECT_FALSE(talk.proven());
}

TEST(Conversation, KeepsTheNewestTimestamp) {
  Conversation talk;
  EXPECT_FALSE(talk.timestamp(kA).has_value());
  Pass(talk, kA, {.flags = kSyn, .seq = 1, .options = testing::FromHex("080afffffff0 00000000")});
  Pass(talk, kA, {.seq = 2, .options = testing::FromHex("080a00000002 00000000")});
  Pass(talk, kA, {.seq = 2, .options = testing::FromHex("080afffffffe 00000000")});
  EXPECT_EQ(talk.timestamp(kA), 2U) << "over the turn of the number";
}

// Whatever the order in which segments pass, behind an acknowledgement of all of them the number is
// the receiver's own; and for in-order and singly swapped segments without one.
TEST(Conversation, AgreesWithAReceiverOverTheTurnOfTheNumbers) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 2000; ++round) {
    const uint32_t isn = 0xffffff00U + random() % 0x200;
    Conversation talk = Established(isn, static_cast<uint32_t>(random()));
    std::vector<Segment> segments;
    uint32_t at = isn + 1;
    for (unsigned i = 0; i < 6; ++i) {
      segments.push_back({.seq = at, .ack = talk.next(kB), .bytes = 1 + random() % 200});
      at += static_cast<uint32_t>(segments.back().bytes);
    }
    const size_t swapped = random() % 5;
    std::swap(segments[swapped], segments[swapped + 1]);
    for (const Segment& segment : segments) Pass(talk, kA, segment);
    EXPECT_EQ(talk.next(kA), at);
    std::shuffle(segments.begin(), segments.end(), random);
    Conversation wild = Established(isn, talk.next(kB) - 1);
    for (const Segment& segment : segments) Pass(wild, kA, segment);
    EXPECT_LE(static_cast<int32_t>(wild.next(kA) - at), 0);
    Pass(wild, kB, {.seq = wild.next(kB), .ack = at});
    EXPECT_EQ(wild.next(kA), at);
  }
}

}  // namespace
}  // namespace weir::pipeline

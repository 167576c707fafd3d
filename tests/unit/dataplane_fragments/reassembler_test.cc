#include "dataplane/fragments/reassembler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "dataplane/parse/parse.h"
#include "tests/support/packet_builder.h"

namespace weir::fragments {
namespace {

using testing::Bytes;
using testing::PacketBuilder;

constexpr base::MonoTime Seconds(double seconds) {
  return {static_cast<int64_t>(seconds * base::kNsPerSecond)};
}

Bytes Numbered(size_t bytes, uint8_t from = 0) {
  Bytes out(bytes);
  std::iota(out.begin(), out.end(), from);
  return out;
}

// A table, and frames to put into it.
class ReassemblerTest : public ::testing::Test, public LostListener {
 protected:
  void OnLost(const Datagram& datagram, Event why) override {
    lost_.push_back(why);
    lost_packets_ += datagram.charge.packets;
  }
  void OnKeyForgotten() override { ++keys_forgotten_; }

  void Limit(const Limits& limits) {
    table_ = std::make_unique<Reassembler>(limits, base::HashKey{1, 2}, *this);
  }

  Event Add(const PacketBuilder& builder) {
    frame_ = builder.Build();
    packet::Packet packet;
    packet.data = frame_.data();
    packet.captured_bytes = packet.wire_bytes = static_cast<uint32_t>(frame_.size());
    parse::Parse(packet);
    added_ = table_->Add(packet, {packet.headers.ip_bytes, 1, now_, now_});
    return added_.event;
  }

  Bytes Whole() {
    Bytes out(kWholeBytesMax);
    out.resize(table_->Build(added_.datagram, out));
    return out;
  }
  // True when the key is closed although the datagram passed.
  bool Pass() { return table_->Conclude(table_->Release(added_.datagram, now_), true, now_); }
  bool Stop() { return table_->Conclude(table_->Release(added_.datagram, now_), false, now_); }

  std::unique_ptr<Reassembler> table_ =
      std::make_unique<Reassembler>(Limits{}, base::HashKey{1, 2}, *this);
  base::MonoTime now_ = Seconds(1000);
  Reassembler::Added added_;
  std::vector<Event> lost_;
  uint64_t lost_packets_ = 0;
  int keys_forgotten_ = 0;

 private:
  Bytes frame_;
};

PacketBuilder V4(uint16_t id, uint16_t offset, bool more, const Bytes& data,
                 const char* src = "10.0.0.1") {
  PacketBuilder builder;
  builder.Ipv4(src, "192.0.2.1").Raw(17).Payload(data);
  return builder.Fragment(id, offset, more);
}

PacketBuilder V6(uint32_t id, uint16_t offset, bool more, const Bytes& data,
                 const char* src = "2001:db8::1") {
  PacketBuilder builder;
  builder.Ipv6(src, "2001:db8::2").Raw(17).Payload(data);
  return builder.Fragment(id, offset, more);
}

// The fragments of one datagram, `at` where each begins.
std::vector<PacketBuilder> Cut(const PacketBuilder& empty, const Bytes& data,
                               const std::vector<size_t>& at) {
  std::vector<PacketBuilder> out;
  for (size_t i = 0; i < at.size(); ++i) {
    const size_t end = i + 1 < at.size() ? at[i + 1] : data.size();
    PacketBuilder one = empty;
    out.push_back(one.Payload(std::span(data).subspan(at[i], end - at[i]))
                      .Fragment(77, static_cast<uint16_t>(at[i]), i + 1 < at.size()));
  }
  return out;
}

TEST_F(ReassemblerTest, EveryOrderGivesTheSameWhole) {
  const Bytes data = Numbered(5003);
  for (const bool v6 : {false, true}) {
    PacketBuilder empty;
    empty.Vlan(30, 0x88a8).Vlan(40);
    v6 ? empty.Ipv6("2001:db8::1", "2001:db8::2") : empty.Ipv4("10.0.0.1", "192.0.2.1");
    empty.Raw(17);
    PacketBuilder whole = empty;
    if (!v6) whole.Fragment(77, 0, false);  // the identification stays
    const Bytes expected = whole.Payload(data).Build();
    const auto cut = Cut(empty, data, {0, 16, 2048, 4992});
    std::vector<size_t> order = {0, 1, 2, 3};
    do {
      for (size_t i = 0; i < 3; ++i) ASSERT_EQ(Add(cut[order[i]]), Event::kHeld);
      ASSERT_EQ(Add(cut[order[3]]), Event::kCompleted);
      EXPECT_TRUE(table_->at(added_.datagram).has_first);
      EXPECT_EQ(table_->at(added_.datagram).charge.packets, 4U);
      EXPECT_EQ(Whole(), expected);
      Pass();
      now_.ns += 2 * kPatienceNs;  // over IPv6 the key is closed for its size
      ASSERT_EQ(table_->live(), 0U);
      ASSERT_EQ(table_->chunks_in_use(), 0U);
    } while (std::ranges::next_permutation(order).found);
  }
}

TEST_F(ReassemblerTest, TheLargestDatagramInTheSmallestPiecesShuffled) {
  Limits limits;
  limits.pieces_max = 8192;
  Limit(limits);
  const Bytes data = Numbered(65515);
  std::vector<size_t> at;
  for (size_t offset = 0; offset < data.size(); offset += 8) at.push_back(offset);
  PacketBuilder empty;
  auto cut = Cut(empty.Ipv4("10.0.0.1", "192.0.2.1").Raw(17), data, at);
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::ranges::shuffle(cut, std::mt19937(seed));
  for (size_t i = 0; i + 1 < cut.size(); ++i) ASSERT_EQ(Add(cut[i]), Event::kHeld);
  ASSERT_EQ(Add(cut.back()), Event::kCompleted);
  EXPECT_TRUE(Whole() == empty.Payload(data).Fragment(77, 0, false).Build());
}

TEST_F(ReassemblerTest, HeadersAreTheFirstFragments) {
  const Bytes hop_by_hop = {0, 0, 5, 2, 0, 0, 1, 0};
  PacketBuilder later = V6(5, 16, false, Numbered(8, 16));
  EXPECT_EQ(Add(later), Event::kHeld);
  PacketBuilder first;
  first.Ipv6("2001:db8::1", "2001:db8::2").Ipv6Extension(0, hop_by_hop).Raw(17);
  EXPECT_EQ(Add(PacketBuilder(first).Payload(Numbered(16)).Fragment(5, 0, true)),
            Event::kCompleted);
  EXPECT_EQ(Whole(), first.Payload(Numbered(24)).Build());

  const Bytes record_route = {7, 7, 4, 0, 0, 0, 0, 0};
  EXPECT_EQ(Add(V4(5, 16, false, Numbered(8, 16))), Event::kHeld);
  PacketBuilder options;
  options.Ipv4("10.0.0.1", "192.0.2.1").Ipv4Options(record_route).Raw(17);
  EXPECT_EQ(Add(PacketBuilder(options).Payload(Numbered(16)).Fragment(5, 0, true)),
            Event::kCompleted);
  EXPECT_EQ(Whole(), options.Payload(Numbered(24)).Fragment(5, 0, false).Build());
}

TEST_F(ReassemblerTest, ABehindAFirstHeaderTooLongIsIllegal) {
  EXPECT_EQ(Add(V4(5, 8, false, Bytes(65504, 1))), Event::kHeld);
  PacketBuilder options;
  options.Ipv4("10.0.0.1", "192.0.2.1").Ipv4Options(Bytes(8, 1)).Raw(17).Payload(Bytes(8, 1));
  EXPECT_EQ(Add(options.Fragment(5, 0, true)), Event::kIllegal);
  EXPECT_EQ(lost_packets_, 2U);
}

struct OverlapCase {
  const char* name;
  uint16_t offset;
  bool more;
  Bytes data;
  Event event;
};

TEST_F(ReassemblerTest, AnyOverlapClosesTheKey) {
  // Bytes 16 to 40 are there, and the end is at 64.
  const std::vector<OverlapCase> cases = {
      {"the same bytes", 16, true, Numbered(24, 16), Event::kDuplicate},
      {"some of the same bytes", 24, true, Numbered(8, 24), Event::kDuplicate},
      {"the same place, another byte", 16, true, Numbered(24, 17), Event::kOverlap},
      {"into the one before", 8, true, Numbered(16, 8), Event::kOverlap},
      {"out of the one before", 32, true, Numbered(16, 32), Event::kOverlap},
      {"all around", 8, true, Numbered(40, 8), Event::kOverlap},
      {"an earlier end", 40, false, Numbered(8, 40), Event::kOverlap},
      {"the same end inside", 16, false, Numbered(24, 16), Event::kOverlap},
      {"a later end", 64, false, Numbered(8, 64), Event::kOverlap},
      {"not the end after all", 56, true, Numbered(8, 56), Event::kOverlap},
      {"beyond the end", 64, true, Numbered(8, 64), Event::kOverlap},
      {"the same end", 56, false, Numbered(8, 56), Event::kDuplicate},
      {"beside", 40, true, Numbered(8, 40), Event::kHeld},
  };
  uint16_t id = 1;
  for (const OverlapCase& one : cases) {
    SCOPED_TRACE(one.name);
    ++id;
    ASSERT_EQ(Add(V4(id, 56, false, Numbered(8, 56))), Event::kHeld);
    ASSERT_EQ(Add(V4(id, 16, true, Numbered(24, 16))), Event::kHeld);
    lost_.clear();
    EXPECT_EQ(Add(V4(id, one.offset, one.more, one.data)), one.event);
    const bool closes = one.event == Event::kOverlap;
    EXPECT_EQ(lost_.size(), closes ? 1U : 0U);
    const Event next = Add(V4(id, 0, true, Numbered(16)));
    EXPECT_EQ(next, closes ? Event::kClosed : Event::kHeld);
  }
}

TEST_F(ReassemblerTest, AnEndBeforeWhatIsThereIsAnOverlap) {
  EXPECT_EQ(Add(V4(1, 64, true, Numbered(8))), Event::kHeld);
  EXPECT_EQ(Add(V4(1, 16, false, Numbered(8))), Event::kOverlap);  // as teardrop ends
}

TEST_F(ReassemblerTest, AClosedKeyOpensAfterItsTime) {
  Add(V4(1, 16, true, Numbered(8)));
  Add(V4(1, 16, true, Numbered(8, 1)));
  now_.ns += kPatienceNs - 1;
  EXPECT_EQ(Add(V4(1, 0, true, Numbered(8))), Event::kClosed);
  now_.ns += 1;
  EXPECT_EQ(Add(V4(1, 0, true, Numbered(8))), Event::kHeld);
}

TEST_F(ReassemblerTest, KeysDifferInEverythingThatNamesADatagram) {
  EXPECT_EQ(Add(V4(1, 8, true, Numbered(8))), Event::kHeld);
  EXPECT_EQ(Add(V4(2, 8, true, Numbered(8, 1))), Event::kHeld);
  EXPECT_EQ(Add(V4(1, 8, true, Numbered(8, 2)).Raw(50)), Event::kHeld);
  EXPECT_EQ(Add(V4(1, 8, true, Numbered(8, 3)).Vlan(9)), Event::kHeld);
  EXPECT_EQ(Add(V4(1, 8, true, Numbered(8, 4), "10.0.0.2")), Event::kHeld);
  EXPECT_EQ(Add(V6(1, 8, true, Numbered(8, 5))), Event::kHeld);
  EXPECT_EQ(Add(V6(1, 8, true, Numbered(8, 6)).Raw(50)), Event::kOverlap);  // RFC 8200: the same
  EXPECT_EQ(table_->live(), 5U);
}

TEST_F(ReassemblerTest, APlainDatagramThatPassedLeavesItsKeyFree) {
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(Add(V4(1, 0, true, Numbered(8, 5))), Event::kHeld);
    EXPECT_EQ(Add(V4(1, 8, false, Numbered(8))), Event::kCompleted);
    EXPECT_FALSE(Pass());
  }
  EXPECT_EQ(Add(V4(1, 0, true, Numbered(8))), Event::kHeld);
}

TEST_F(ReassemblerTest, AStoppedOneDoesNot) {
  Add(V4(1, 0, true, Numbered(8)));
  Add(V4(1, 8, false, Numbered(8)));
  EXPECT_FALSE(Stop());
  EXPECT_EQ(Add(V4(1, 0, true, Numbered(8))), Event::kClosed);
  EXPECT_EQ(added_.closed.ports.src, 0x0001);
  EXPECT_EQ(added_.closed.ports.dst, 0x0203);
}

// What was sent so that it may never have arrived could be sent again with other bytes.
TEST_F(ReassemblerTest, AnOddDatagramClosesItsKeyThoughItPassed) {
  const auto expect_odd = [&](uint16_t id) {
    ASSERT_EQ(added_.event, Event::kCompleted);
    EXPECT_TRUE(Pass());
    EXPECT_EQ(Add(V4(id, 8, false, Numbered(8, 9))), Event::kClosed);
  };
  Add(V4(1, 0, true, Numbered(8)));
  Add(V4(1, 8, false, Numbered(8)).Macs("02:00:00:00:00:01", "02:00:00:00:00:99"));
  expect_odd(1);
  Add(V4(2, 0, true, Numbered(8)));
  now_.ns += kPlainWithinNs + 1;
  Add(V4(2, 8, false, Numbered(8)));
  expect_odd(2);
  Add(V4(3, 0, true, Numbered(8)));
  for (uint16_t i = 0; i < kPlainDistance; ++i)
    Add(V4(100, static_cast<uint16_t>(8 * i), true, Numbered(8)));
  Add(V4(3, 8, false, Numbered(8)));
  expect_odd(3);
}

TEST_F(ReassemblerTest, ExpiresWhenNoFragmentCameForLongerThanServersWait) {
  Add(V4(1, 0, true, Numbered(8)));
  now_.ns += kPatienceNs;
  Add(V4(1, 8, true, Numbered(8)));  // it lives on
  now_.ns += kPatienceNs;
  Add(V4(1, 8, true, Numbered(8)));  // a duplicate keeps nothing alive
  EXPECT_EQ(added_.event, Event::kDuplicate);
  EXPECT_EQ(table_->Expire(now_, 10), 0U);
  now_.ns += 1;
  EXPECT_EQ(table_->Expire(now_, 10), 1U);
  EXPECT_EQ(lost_, std::vector{Event::kExpired});
  EXPECT_EQ(lost_packets_, 3U);
  EXPECT_EQ(table_->chunks_in_use(), 0U);
  EXPECT_EQ(Add(V4(1, 0, true, Numbered(8, 5))), Event::kHeld);  // its key is free
}

TEST_F(ReassemblerTest, ExpiresInTimeThoughNobodySwept) {
  Add(V4(1, 0, true, Numbered(8)));
  now_.ns += kPatienceNs + 1;
  EXPECT_EQ(Add(V4(1, 8, false, Numbered(8))), Event::kHeld);
  EXPECT_EQ(lost_, std::vector{Event::kExpired});
}

TEST_F(ReassemblerTest, TheOldestOfASourceGivesWayAtItsQuotaAndIsClosed) {
  Limits limits;
  limits.per_source_max = 3;
  Limit(limits);
  for (uint16_t id = 1; id <= 3; ++id) Add(V4(id, 8, true, Numbered(8)));
  Add(V4(1, 16, true, Numbered(8)));  // touched: now the second is the oldest
  for (uint16_t id = 1; id <= 3; ++id) Add(V4(id, 8, true, Numbered(8), "10.0.0.2"));
  EXPECT_TRUE(lost_.empty());
  EXPECT_EQ(Add(V4(4, 8, true, Numbered(8))), Event::kHeld);
  EXPECT_EQ(lost_, std::vector{Event::kOverQuota});
  EXPECT_EQ(Add(V4(1, 24, true, Numbered(8))), Event::kHeld);
  EXPECT_EQ(Add(V4(2, 0, true, Numbered(8))), Event::kClosed);
}

TEST_F(ReassemblerTest, TheAddressesOfAV6PrefixAreOneSource) {
  Limits limits;
  limits.per_source_max = 2;
  Limit(limits);
  Add(V6(1, 8, true, Numbered(8), "2001:db8::1"));
  Add(V6(1, 8, true, Numbered(8), "2001:db8::3"));
  Add(V6(1, 8, true, Numbered(8), "2001:db8:0:1::4"));
  EXPECT_TRUE(lost_.empty());
  Add(V6(1, 8, true, Numbered(8), "2001:db8::ffff:5"));
  EXPECT_EQ(lost_, std::vector{Event::kOverQuota});
}

TEST_F(ReassemblerTest, AFullTableTakesNoMoreUntilOneIsStale) {
  Limits limits;
  limits.datagrams_max = 2;
  Limit(limits);
  Add(V4(1, 8, true, Numbered(8)));
  Add(V4(2, 8, true, Numbered(8)));
  EXPECT_EQ(Add(V4(3, 8, true, Numbered(8))), Event::kNoRoom);
  EXPECT_FALSE(added_.charged);
  now_.ns += kStaleNs + 1;
  EXPECT_EQ(Add(V4(3, 8, true, Numbered(8))), Event::kHeld);
  EXPECT_EQ(lost_, std::vector{Event::kStale});
  EXPECT_EQ(Add(V4(1, 0, true, Numbered(8))), Event::kClosed);
}

TEST_F(ReassemblerTest, WithoutChunksAKeyIsWavedThroughOrClosed) {
  for (const bool drop : {false, true}) {
    Limits limits;
    limits.chunks_max = 2;
    limits.drop_when_full = drop;
    Limit(limits);
    lost_.clear();
    Add(V4(1, 0, true, Bytes(2048, 1)));
    Add(V4(2, 0, true, Bytes(2048, 1)));
    EXPECT_EQ(Add(V4(3, 0, true, Bytes(8, 1))), Event::kNoRoom);
    EXPECT_EQ(Add(V4(1, 2048, true, Bytes(8, 1))), Event::kNoRoom);
    EXPECT_TRUE(added_.charged);
    EXPECT_EQ(lost_, std::vector{Event::kNoRoom});
    EXPECT_EQ(Add(V4(1, 4096, true, Bytes(8, 1))), drop ? Event::kClosed : Event::kWaved);
    EXPECT_EQ(table_->chunks_in_use(), 1U);
  }
}

TEST_F(ReassemblerTest, TooManyPiecesCloseTheKey) {
  Limits limits;
  limits.pieces_max = 3;
  Limit(limits);
  for (uint16_t i = 0; i < 3; ++i) Add(V4(1, static_cast<uint16_t>(16 * i), true, Numbered(8)));
  EXPECT_EQ(Add(V4(1, 48, false, Numbered(8))), Event::kTooMany);
  EXPECT_EQ(Add(V4(1, 8, false, Numbered(8))), Event::kClosed);
}

TEST_F(ReassemblerTest, ForgetsClosedKeysForWantOfRoomAndSaysSo) {
  Limits limits;
  limits.closed_keys_max = 8;
  Limit(limits);
  for (uint16_t id = 1; id <= 9; ++id) Add(V4(id, 8, true, Bytes(7, 1)));  // illegal
  EXPECT_EQ(keys_forgotten_, 1);
  EXPECT_EQ(Add(V4(9, 8, true, Numbered(8))), Event::kClosed);
  EXPECT_EQ(Add(V4(1, 8, true, Numbered(8))), Event::kHeld);
}

TEST_F(ReassemblerTest, ACorruptFragmentTouchesNothing) {
  Add(V4(1, 0, true, Numbered(8)));
  Bytes frame = V4(1, 0, true, Numbered(8, 1)).Build();
  frame[24] ^= 0xff;
  packet::Packet packet;
  packet.data = frame.data();
  packet.captured_bytes = packet.wire_bytes = static_cast<uint32_t>(frame.size());
  parse::Parse(packet);
  EXPECT_EQ(table_->Add(packet, {28, 1, now_, now_}).event, Event::kCorrupt);
  EXPECT_EQ(Add(V4(1, 8, false, Numbered(8))), Event::kCompleted);
}

TEST_F(ReassemblerTest, GivesUpAllItHolds) {
  for (uint16_t id = 1; id <= 5; ++id) Add(V4(id, 8, true, Numbered(8)));
  while (table_->GiveUpOldest()) {
  }
  EXPECT_EQ(lost_.size(), 5U);
  EXPECT_EQ(table_->live(), 0U);
}

}  // namespace
}  // namespace weir::fragments

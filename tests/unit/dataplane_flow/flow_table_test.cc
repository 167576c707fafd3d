#include "dataplane/flow/flow_table.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <unordered_map>

namespace weir::flow {
namespace {

constexpr base::HashKey kSecret{1, 2};

FlowKey KeyOf(uint32_t number) {
  FlowKey key{};
  std::memcpy(key.ip[0].data(), &number, sizeof number);
  key.ip[1].fill(0xee);
  key.protocol = packet::ip_protocol::kTcp;
  return key;
}

Limits LimitsOf(uint32_t flows_max, uint32_t embryonic_percent = 100) {
  Limits limits;
  limits.flows_max = flows_max;
  limits.embryonic_percent = embryonic_percent;
  return limits;
}

FlowIndex Add(FlowTable& table, uint32_t number, uint64_t seen_us = 0) {
  const FlowKey key = KeyOf(number);
  const FlowIndex index = table.Insert(key, table.Hash(key));
  if (index != kNone) table.hot(index).SeenAt(seen_us);
  return index;
}

FlowIndex Find(const FlowTable& table, uint32_t number) {
  const FlowKey key = KeyOf(number);
  return table.Find(key, table.Hash(key));
}

TEST(FlowKey, IsTheSameFromBothEnds) {
  packet::Headers there;
  there.src_ip = *base::IpAddress::Parse("10.0.0.1");
  there.dst_ip = *base::IpAddress::Parse("192.0.2.1");
  there.vlan_count = 1;
  there.vlans[0] = 0xabc;
  packet::Headers back = there;
  std::swap(back.src_ip, back.dst_ip);
  const auto a = MakeKey(there, 4000, 80);
  const auto b = MakeKey(back, 80, 4000);
  EXPECT_EQ(a.key, b.key);
  EXPECT_NE(a.sender, b.sender);
  EXPECT_EQ(a.key.VlanIds()[0], 0xabc);
  EXPECT_EQ(a.key.VlanIds()[1], FlowKey::kNoVlan);
  there.vlans[0] = 0xabd;
  EXPECT_FALSE(MakeKey(there, 4000, 80).key == a.key);
}

TEST(FlowTable, FindsWhatWasInsertedAndNothingElse) {
  FlowTable table(LimitsOf(1000), kSecret);
  const FlowIndex one = Add(table, 1);
  ASSERT_NE(one, kNone);
  EXPECT_EQ(Find(table, 1), one);
  EXPECT_EQ(Find(table, 2), kNone);
  table.Erase(one);
  EXPECT_EQ(Find(table, 1), kNone);
  EXPECT_EQ(table.counters().entries.value(), 0U);
}

TEST(FlowTable, AgreesWithAMapOverRandomWork) {
  const uint32_t seed = 7;
  std::mt19937 random(seed);
  FlowTable table(LimitsOf(2000), kSecret);
  std::unordered_map<uint32_t, FlowIndex> model;
  for (int step = 0; step < 200'000; ++step) {
    const auto number = static_cast<uint32_t>(random() % 3000);
    const auto known = model.find(number);
    ASSERT_EQ(Find(table, number), known == model.end() ? kNone : known->second) << "seed " << seed;
    if (known != model.end()) {
      table.Erase(known->second);
      model.erase(known);
    } else if (const FlowIndex index = Add(table, number); index != kNone) {
      model[number] = index;
    }
    ASSERT_EQ(table.counters().entries.value(), model.size());
  }
}

TEST(FlowTable, TakesEveryFlowUpToItsLimit) {
  constexpr uint32_t kFlows = 50'000;
  FlowTable table(LimitsOf(kFlows), kSecret);
  std::set<FlowIndex> places;
  for (uint32_t i = 0; i < kFlows; ++i) {
    const FlowIndex index = Add(table, i);
    ASSERT_NE(index, kNone) << i;
    places.insert(index);
  }
  EXPECT_EQ(places.size(), kFlows);
  EXPECT_EQ(Add(table, kFlows), kNone);
  for (uint32_t i = 0; i < kFlows; ++i) ASSERT_NE(Find(table, i), kNone);
}

TEST(FlowTable, GivesUpEmbryonicFlowsFirst) {
  FlowTable table(LimitsOf(20), kSecret);
  for (uint32_t i = 0; i < 20; ++i) {
    const FlowIndex index = Add(table, i, 100 + i);
    if (i != 13) table.Mature(index);
  }
  const FlowKey key = KeyOf(99);
  const FlowIndex victim = table.Victim(table.Hash(key));
  EXPECT_EQ(victim, Find(table, 13));
}

TEST(FlowTable, HoldsEmbryonicFlowsToTheirQuota) {
  FlowTable table(LimitsOf(100, 10), kSecret);
  for (uint32_t i = 0; i < 10; ++i) ASSERT_NE(Add(table, i, 100 + i), kNone);
  EXPECT_EQ(Add(table, 10), kNone);
  const FlowKey key = KeyOf(10);
  const FlowIndex victim = table.Victim(table.Hash(key));
  EXPECT_EQ(victim, Find(table, 0));  // the one silent longest
  table.Erase(victim);
  EXPECT_NE(Add(table, 10), kNone);
  table.Mature(Find(table, 5));
  EXPECT_NE(Add(table, 11), kNone);
  EXPECT_EQ(table.counters().embryonic.value(), 10U);
}

TEST(FlowTable, SweepVisitsEachLiveFlowOnceARound) {
  FlowTable table(LimitsOf(100), kSecret);
  for (uint32_t i = 0; i < 60; ++i) Add(table, i);
  for (uint32_t i = 0; i < 60; i += 2) table.Erase(Find(table, i));
  uint32_t cursor = 0;
  uint32_t budget = 60;
  std::multiset<FlowIndex> seen;
  for (;;) {
    const FlowIndex index = table.Sweep(cursor, budget);
    if (index == kNone) break;
    seen.insert(index);
  }
  EXPECT_EQ(seen.size(), 30U);
  for (uint32_t i = 1; i < 60; i += 2) EXPECT_EQ(seen.count(Find(table, i)), 1U);
}

TEST(FlowTable, TimeoutsFollowTheStateOfTcp) {
  FlowTable table(LimitsOf(10), kSecret);
  const FlowIndex index = Add(table, 1);
  HotFlow& hot = table.hot(index);
  EXPECT_EQ(table.TimeoutUs(hot), 30'000'000U);
  table.Mature(index);
  EXPECT_EQ(table.TimeoutUs(hot), 3'600'000'000U);
  hot.Set(kFinFromLow);
  EXPECT_EQ(table.TimeoutUs(hot), 3'600'000'000U);
  hot.Set(kFinFromHigh);
  EXPECT_EQ(table.TimeoutUs(hot), 10'000'000U);
}

TEST(FlowTable, StaysWithinItsMemoryBudget) {
  FlowTable table(LimitsOf(1'000'000), kSecret);
  EXPECT_LE(table.memory_bytes(), size_t{136} * 1'000'000);
}

// What is told of a flow to who counts every packet lies where the fields lie.
TEST(HotWords, CountAsTheFieldsDo) {
  constexpr uint64_t kBothCarries = HotWords::StateOrCarry(0);
  for (const Endpoint sender : {Endpoint::kLow, Endpoint::kHigh}) {
    HotFlow flow{};
    flow.policy_epoch = 0xabcd;
    flow.last_seen_us = 77;
    flow.packets_low = kPacketsMustCarry - 2;
    flow.packets_high = kPacketsMustCarry - 2;
    flow.tcp_flags = 0x10;
    flow.state = kMinuteParity | kReset;
    HotFlow counted = flow;
    HotWords words(counted);
    EXPECT_EQ(words.seen, HotWords::Seen(77, 0xabcd));
    EXPECT_EQ(words.state(), flow.state);
    words.CountPacket(sender, 0x08);
    EXPECT_EQ(words.counted & kBothCarries, 0U);
    words.CountPacket(sender, 0x10);
    EXPECT_NE(words.counted & kBothCarries, 0U);
    words.seen = HotWords::Seen((uint64_t{1} << 47) + 5, 0xfff0);
    words.StoreTo(counted);
    const bool low = sender == Endpoint::kLow;
    EXPECT_EQ(counted.packets_low, kPacketsMustCarry - (low ? 0 : 2));
    EXPECT_EQ(counted.packets_high, kPacketsMustCarry - (low ? 2 : 0));
    EXPECT_EQ(counted.tcp_flags, 0x18U);
    EXPECT_EQ(counted.state, flow.state);
    EXPECT_EQ(counted.policy_epoch, 0xfff0U);
    EXPECT_EQ(counted.last_seen_us, (uint64_t{1} << 47) + 5);
    for (const uint8_t bit : {kDrops, kEmbryonic, kLearning, kMinuteParity, kReset}) {
      const bool is_set = (words.counted & HotWords::StateOrCarry(bit) & ~kBothCarries) != 0;
      EXPECT_EQ(is_set, counted.Has(static_cast<StateBit>(bit)));
    }
  }
}

// At the load that the table is laid out for, hardly a flow is found by Find() alone.
TEST(FlowTable, PrefetchesFlowsInEitherBucket) {
  constexpr uint32_t kFlows = 85'000;
  FlowTable table(LimitsOf(100'000), kSecret);
  for (uint32_t number = 0; number < kFlows; ++number) ASSERT_NE(Add(table, number), kNone);
  uint32_t first = 0;
  uint32_t displaced = 0;
  for (uint32_t number = 0; number < kFlows; ++number) {
    const FlowIndex index = Find(table, number);
    const uint64_t hash = table.Hash(KeyOf(number));
    FlowIndex likely = 0;
    const bool in_first = table.batch().PrefetchFlow(hash, likely);
    EXPECT_EQ(in_first, likely != kNone);
    first += likely == index ? 1U : 0U;
    displaced += !in_first && table.batch().PrefetchDisplaced(hash) == index ? 1U : 0U;
  }
  EXPECT_GT(displaced, 0U);
  EXPECT_GT(first + displaced, kFlows * 99 / 100);
}

// Keys that all fall into one bucket under a secret are no better than others under the next one.
TEST(FlowTable, ChosenCollisionsHoldForOneSecretOnly) {
  constexpr uint32_t kFlowsMax = 10'000;
  constexpr base::HashKey kOther{3, 4};
  const FlowTable known(LimitsOf(kFlowsMax), kSecret);
  std::vector<uint32_t> chosen;
  for (uint32_t number = 0; chosen.size() < 400; ++number) {
    // The buckets are chosen by the high bits of each half of the hash.
    const uint64_t hash = known.Hash(KeyOf(number));
    if (hash >> 53 == 5 && (hash >> 21 & 0x7ff) == 9) chosen.push_back(number);
  }
  FlowTable attacked(LimitsOf(kFlowsMax), kSecret);
  FlowTable defended(LimitsOf(kFlowsMax), kOther);
  size_t fit_attacked = 0;
  size_t fit_defended = 0;
  for (const uint32_t number : chosen) {
    fit_attacked += Add(attacked, number) != kNone ? 1U : 0U;
    fit_defended += Add(defended, number) != kNone ? 1U : 0U;
  }
  EXPECT_LT(fit_attacked, 60U);
  EXPECT_EQ(fit_defended, chosen.size());
}

TEST(FlowTable, FillsToItsLimitAtEverySize) {
  for (const uint32_t flows_max : {1U, 10U, 1'000U, 30'000U, 1'000'000U}) {
    FlowTable table(LimitsOf(flows_max), kSecret);
    uint32_t taken = 0;
    for (uint32_t number = 0; number < flows_max; ++number) {
      taken += Add(table, number) != kNone ? 1U : 0U;
    }
    EXPECT_GE(taken, flows_max - flows_max / 1000) << flows_max;
    EXPECT_EQ(table.counters().entries.value(), taken);
    for (uint32_t number = 0; number < flows_max; number += 1 + flows_max / 5000) {
      const FlowIndex index = Find(table, number);
      if (index != kNone) {
        EXPECT_EQ(table.hot(index).key, KeyOf(number));
      }
    }
  }
}

}  // namespace
}  // namespace weir::flow

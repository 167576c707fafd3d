// Datagrams in fragments: what of them reaches the far end, and what is recorded.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <random>

#include "dataplane/base/byte_order.h"
#include "dataplane/fragments/reassembler.h"
#include "dataplane/names/crypto.h"
#include "dataplane/parse/parse.h"
#include "tests/support/pipeline_harness.h"
#include "tests/support/tcp_talk.h"
#include "tests/unit/dataplane_names/hello_builder.h"
#include "tests/unit/dataplane_names/quic_builder.h"

namespace weir::testing {
namespace {

using fragments::Event;
using packet::DropReason;

constexpr char kRules[] = "drop host bad.test id r1 class harmful";

uint64_t Events(PipelineHarness& bench, Event event) {
  return bench.pipeline().counters().fragments[static_cast<size_t>(event)].value();
}

// How a datagram travels.
struct Way {
  bool v6 = false;
  bool vlan = false;

  PacketBuilder Ip() const {
    PacketBuilder builder;
    if (vlan) builder.Vlan(30).Vlan(40);
    if (v6) return builder.Ipv6("2001:db8::11", "2001:db8:1::10");
    return builder.Ipv4("10.20.0.11", "198.51.100.10");
  }
  size_t header_bytes() const { return 14U + (vlan ? 8U : 0U) + (v6 ? 40U : 20U); }
};
const std::vector<Way> kWays = {{false, false}, {true, false}, {false, true}, {true, true}};

// The fragments of a datagram, cut at these bytes of its IP payload.
std::vector<PacketBuilder> Cut(const Way& way, const PacketBuilder& whole, uint32_t id,
                               const std::vector<size_t>& cuts) {
  const Bytes frame = whole.Build();
  const auto payload = std::span(frame).subspan(way.header_bytes());
  const uint8_t protocol = way.v6 ? frame[way.header_bytes() - 34] : frame[way.header_bytes() - 11];
  std::vector<size_t> at = {0};
  for (const size_t cut : cuts) {
    if (cut < payload.size()) at.push_back(cut);
  }
  std::vector<PacketBuilder> out;
  for (size_t i = 0; i < at.size(); ++i) {
    const bool last = i + 1 == at.size();
    const size_t end = last ? payload.size() : at[i + 1];
    out.push_back(way.Ip()
                      .Raw(protocol)
                      .Payload(payload.subspan(at[i], end - at[i]))
                      .Fragment(id, static_cast<uint16_t>(at[i]), !last));
  }
  return out;
}

Bytes DnsQuery(std::string_view first_label, std::string_view second_label) {
  Bytes query = FromHex("1234 0100 0001 0000 0000 0000");
  for (const std::string_view label : {first_label, second_label}) {
    query.push_back(static_cast<uint8_t>(label.size()));
    query.insert(query.end(), label.begin(), label.end());
  }
  const Bytes tail = FromHex("00 0001 0001");
  query.insert(query.end(), tail.begin(), tail.end());
  return query;
}

PacketBuilder Udp(const Way& way, uint16_t dst_port, const Bytes& payload) {
  return way.Ip().Udp({.src_port = 5000, .dst_port = dst_port}).Payload(payload);
}

PacketBuilder Dns(const Way& way, std::string_view first_label) {
  return Udp(way, 53, DnsQuery(first_label, "test"));
}

PacketBuilder Quic(const Way& way, const std::string& name) {
  names::testing::InitialSpec spec;
  spec.pad_to = 1200;
  const auto crypto = names::Crypto::Create();
  const Bytes hello = names::testing::HelloBuilder().Sni(name).Message();
  const Bytes frame = names::testing::CryptoFrame(0, hello);
  return Udp(way, 443, names::testing::SealInitial(spec, frame, **crypto));
}

// The client's first data after a handshake.
PacketBuilder Tcp(const Way& way, PipelineHarness& bench, uint16_t dst_port, const Bytes& payload) {
  using namespace packet::tcp_flag;
  TcpFields client{.src_port = 40000, .dst_port = dst_port, .flags = kSyn, .seq = 1000, .ack = 0};
  EXPECT_TRUE(bench.FromInside(way.Ip().Tcp(client)));
  PacketBuilder answer;
  if (way.vlan) answer.Vlan(30).Vlan(40);
  way.v6 ? answer.Ipv6("2001:db8:1::10", "2001:db8::11")
         : answer.Ipv4("198.51.100.10", "10.20.0.11");
  EXPECT_TRUE(bench.FromOutside(answer.Tcp(
      {.src_port = dst_port, .dst_port = 40000, .flags = kSyn | kAck, .seq = 9000, .ack = 1001})));
  client.flags = kAck;
  client.seq = 1001;
  client.ack = 9001;
  EXPECT_TRUE(bench.FromInside(way.Ip().Tcp(client)));
  return way.Ip().Tcp(client).Payload(payload);
}

enum class Talk { kDns, kQuic, kHttp, kTls };

PacketBuilder Request(Talk talk, const Way& way, PipelineHarness& bench, const std::string& label) {
  const std::string name = label + ".test";
  switch (talk) {
    case Talk::kDns:
      return Dns(way, label);
    case Talk::kQuic:
      return Quic(way, name);
    case Talk::kHttp:
      return Tcp(way, bench, 80, BytesOf("GET / HTTP/1.1\r\nHost: " + name + "\r\n\r\n"));
    case Talk::kTls:
      return Tcp(way, bench, 443, names::testing::HelloBuilder().Sni(name).Stream());
  }
  return {};
}

// Cuts through the name, wherever that is: every piece is needed.
std::vector<size_t> CutsOf(Talk talk) {
  if (talk == Talk::kDns) return {16, 24, 32};
  if (talk == Talk::kHttp) return {24, 40, 48};
  return {24, 80, 104};
}

struct Case {
  Talk talk;
  Way way;
};

std::vector<Case> AllCases() {
  std::vector<Case> out;
  for (const Talk talk : {Talk::kDns, Talk::kQuic, Talk::kHttp, Talk::kTls}) {
    for (const Way& way : kWays) out.push_back({talk, way});
  }
  return out;
}

class FragmentedTalk : public ::testing::TestWithParam<Case> {};

TEST_P(FragmentedTalk, ABlockedNameIsNeverCompleteInWhateverOrder) {
  const auto [talk, way] = GetParam();
  std::vector<size_t> order = {0, 1, 2, 3};
  do {
    PipelineHarness bench(kRules);
    const auto cut = Cut(way, Request(talk, way, bench, "bad"), 7, CutsOf(talk));
    ASSERT_EQ(cut.size(), order.size());
    for (size_t i = 0; i < 3; ++i) EXPECT_TRUE(bench.FromInside(cut[order[i]]));
    EXPECT_FALSE(bench.FromInside(cut[order[3]])) << "this one completes it";
    EXPECT_EQ(bench.last_reason(), DropReason::kPolicy);
    EXPECT_EQ(bench.events().findings().size(), 1U);
    // Nothing can be added afterwards.
    for (const PacketBuilder& piece : cut) {
      EXPECT_FALSE(bench.FromInside(piece));
      EXPECT_EQ(bench.last_reason(), DropReason::kFragment);
    }
    bench.CloseAll();
    EXPECT_EQ(bench.session().name, "bad.test");
    EXPECT_EQ(bench.session().rule, "r1");
    EXPECT_EQ(bench.session().event.verdict, events::Verdict::kDrop);
  } while (std::ranges::next_permutation(order).found);
}

TEST_P(FragmentedTalk, AnAllowedNamePassesAndTheRecordIsTheSameInWhateverOrder) {
  const auto [talk, way] = GetParam();
  std::optional<SeenSession> before;
  std::vector<size_t> order = {0, 1, 2, 3};
  do {
    PipelineHarness bench(kRules);
    const auto cut = Cut(way, Request(talk, way, bench, "all"), 7, CutsOf(talk));
    ASSERT_EQ(cut.size(), order.size());
    for (const size_t i : order) EXPECT_TRUE(bench.FromInside(cut[i]));
    bench.CloseAll();
    const SeenSession& seen = bench.session();
    EXPECT_EQ(seen.name, "all.test");
    if (!before.has_value()) before = seen;
    EXPECT_EQ(seen.event.packets_to_dst, before->event.packets_to_dst);
    EXPECT_EQ(seen.event.bytes_to_dst, before->event.bytes_to_dst);
    EXPECT_EQ(seen.event.start, before->event.start);
    EXPECT_EQ(seen.event.end, before->event.end);
    EXPECT_EQ(seen.event.tcp_flags, before->event.tcp_flags);
    EXPECT_EQ(seen.event.src_port, before->event.src_port);
    EXPECT_EQ(bench.classifier().open_slots(), 0U);
  } while (std::ranges::next_permutation(order).found);
}

INSTANTIATE_TEST_SUITE_P(Pipeline, FragmentedTalk, ::testing::ValuesIn(AllCases()));

TEST(PipelineFragment, CountsEveryFragmentOnce) {
  for (const Way& way : kWays) {
    PipelineHarness bench;
    const auto cut = Cut(way, Dns(way, "all"), 7, {8, 16});
    for (const unsigned i : {2U, 0U, 1U}) bench.FromInside(cut[i]);
    bench.CloseAll();
    EXPECT_EQ(bench.session().event.packets_to_dst, 3U);
    const size_t ip_bytes = 3 * (way.v6 ? 48U : 20U) + 8 + DnsQuery("all", "test").size();
    EXPECT_EQ(bench.session().event.bytes_to_dst, ip_bytes);
    EXPECT_EQ(Events(bench, Event::kHeld), 2U);
    EXPECT_EQ(Events(bench, Event::kCompleted), 1U);
  }
}

TEST(PipelineFragment, WithoutAPolicyThatBlocksEveryFragmentPasses) {
  for (const char* rules : {"", "monitor host bad.test", "drop host bad.test mode monitor"}) {
    SCOPED_TRACE(rules);
    PipelineHarness bench(rules);
    const Way way;
    const auto cut = Cut(way, Dns(way, "bad"), 7, {8, 16});
    for (int twice = 0; twice < 2; ++twice) {
      for (const PacketBuilder& piece : cut) EXPECT_TRUE(bench.FromInside(piece));
    }
    EXPECT_TRUE(bench.FromInside(way.Ip().Raw(17).Payload(Bytes(16, 9)).Fragment(7, 8, true)));
    EXPECT_TRUE(bench.FromInside(way.Ip().Raw(17).Payload(Bytes(15, 9)).Fragment(7, 8, true)));
    EXPECT_TRUE(bench.FromInside(way.Ip().Raw(6).Payload(Bytes(8, 9)).Fragment(9, 8, false)));
    EXPECT_GT(Events(bench, Event::kIllegal), 0U);
    bench.CloseAll();
    uint64_t packets = 0;
    for (const auto& [key, seen] : bench.events().sessions()) packets += seen.event.packets_to_dst;
    EXPECT_EQ(packets, 9U);
    EXPECT_EQ(bench.pipeline().counters().forwarded_packets.value(), 9U);
  }
}

TEST(PipelineFragment, TheBypassPassesAll) {
  PipelineHarness bench(kRules);
  bench.pipeline().set_bypass(true);
  const Way way;
  for (int twice = 0; twice < 2; ++twice) {
    for (const PacketBuilder& piece : Cut(way, Dns(way, "bad"), 7, {8, 16})) {
      EXPECT_TRUE(bench.FromInside(piece));
    }
  }
}

TEST(PipelineFragment, AnOverlapDropsAllThatFollows) {
  PipelineHarness bench(kRules);
  const Way way;
  const auto cut = Cut(way, Dns(way, "all"), 7, {8, 16, 24});
  EXPECT_TRUE(bench.FromInside(cut[0]));
  EXPECT_TRUE(bench.FromInside(cut[1]));
  EXPECT_FALSE(bench.FromInside(cut[1])) << "the same again is dropped by itself";
  EXPECT_FALSE(bench.FromInside(way.Ip().Raw(17).Payload(Bytes(8, 9)).Fragment(7, 8, true)));
  EXPECT_EQ(bench.last_reason(), DropReason::kFragment);
  EXPECT_FALSE(bench.FromInside(cut[2]));
  EXPECT_FALSE(bench.FromInside(cut[3]));
  EXPECT_EQ(Events(bench, Event::kDuplicate), 1U);
  EXPECT_EQ(Events(bench, Event::kOverlap), 1U);
  EXPECT_EQ(Events(bench, Event::kClosed), 2U);
  bench.CloseAll();
  EXPECT_EQ(bench.session().event.packets_to_dst, 6U) << "all in the flow that they belong to";
  EXPECT_EQ(bench.session().event.dst_port, 53);
}

TEST(PipelineFragment, ADuplicateLeavesTheDatagramAlive) {
  PipelineHarness bench(kRules);
  const Way way;
  const auto cut = Cut(way, Dns(way, "all"), 7, {8, 16});
  EXPECT_TRUE(bench.FromInside(cut[0]));
  EXPECT_FALSE(bench.FromInside(cut[0]));
  EXPECT_TRUE(bench.FromInside(cut[1]));
  EXPECT_TRUE(bench.FromInside(cut[2]));
  EXPECT_EQ(bench.session().name, "all.test");
}

TEST(PipelineFragment, WhatNeverGetsAFirstFragmentIsCountedWithPortsZeroAtItsTime) {
  PipelineHarness bench(kRules);
  const Way way;
  const auto cut = Cut(way, Dns(way, "all"), 7, {8, 16});
  bench.FromInside(cut[1]);
  bench.FromInside(cut[2]);
  EXPECT_TRUE(bench.events().sessions().empty());
  bench.Advance(66);
  bench.Tick();
  EXPECT_EQ(Events(bench, Event::kExpired), 1U);
  const auto& event = bench.session().event;
  EXPECT_EQ(event.packets_to_dst, 2U);
  EXPECT_EQ(event.dst_port, 0);
  EXPECT_EQ(event.src_ip.ToString(), "10.20.0.11");
  EXPECT_EQ(event.src_mac.ToString(), "02:00:00:00:00:01");
  EXPECT_EQ((event.end.ns - event.start.ns) / base::kNsPerMs, 1) << "when the fragments came";
}

TEST(PipelineFragment, OneThatComesAgainBehindItsDatagramIsCountedToTheSameSession) {
  for (const Way& way : kWays) {
    for (const unsigned again : {0U, 1U, 2U}) {
      PipelineHarness bench(kRules);
      const auto cut = Cut(way, Dns(way, "all"), 7, {8, 16});
      for (const unsigned i : {0U, 1U, 2U, again}) EXPECT_TRUE(bench.FromInside(cut[i]));
      bench.CloseAll();
      EXPECT_EQ(bench.session().event.packets_to_dst, 4U);
      EXPECT_EQ(bench.session().event.dst_port, 53);
    }
  }
}

TEST(PipelineFragment, AWhileLaterNobodyKnowsWhoseItWas) {
  PipelineHarness bench(kRules);
  const Way way;
  const auto cut = Cut(way, Dns(way, "all"), 7, {8, 16});
  for (const unsigned i : {0U, 1U, 2U}) EXPECT_TRUE(bench.FromInside(cut[i]));
  bench.Advance(2);
  EXPECT_TRUE(bench.FromInside(cut[2]));
  bench.CloseAll();
  EXPECT_EQ(bench.events().sessions().size(), 2U);
}

TEST(PipelineFragment, AnAddressThatIsBlockedGetsNoFragmentAtAll) {
  PipelineHarness bench("drop ip 198.51.100.10 id r2");
  const Way way;
  const auto cut = Cut(way, Dns(way, "all"), 7, {8, 16});
  EXPECT_FALSE(bench.FromInside(cut[2]));
  EXPECT_EQ(bench.last_reason(), DropReason::kPolicy);
  EXPECT_EQ(bench.session().rule, "r2");
  EXPECT_FALSE(bench.FromInside(cut[0]));
  EXPECT_FALSE(bench.FromInside(cut[1]));
}

TEST(PipelineFragment, APortAllowedBeforeABlockedAddressIsWaitedFor) {
  PipelineHarness bench("allow port udp/53\ndrop ip 198.51.100.10 id r2");
  const Way way;
  const auto cut = Cut(way, Dns(way, "all"), 7, {8, 16});
  for (const unsigned i : {2U, 1U, 0U}) EXPECT_TRUE(bench.FromInside(cut[i]));
  const auto other = Cut(way, Udp(way, 54, Bytes(40, 1)), 8, {8, 16});
  EXPECT_TRUE(bench.FromInside(other[2]));
  EXPECT_FALSE(bench.FromInside(other[0])) << "now the port is known";
  EXPECT_FALSE(bench.FromInside(other[1]));
}

TEST(PipelineFragment, AFlowThatDropsDropsItsFragmentsAtOnce) {
  PipelineHarness bench("drop port udp/53 id r3");
  const Way way;
  EXPECT_FALSE(bench.FromInside(Dns(way, "all")));
  const auto cut = Cut(way, Dns(way, "all"), 7, {8, 16});
  EXPECT_TRUE(bench.FromInside(cut[1])) << "nobody knows whose it is";
  EXPECT_FALSE(bench.FromInside(cut[0]));
  EXPECT_FALSE(bench.FromInside(cut[2]));
  bench.CloseAll();
  EXPECT_EQ(bench.session().event.packets_to_dst, 4U);
}

TEST(PipelineFragment, ARejectedDatagramIsAnsweredOnceItIsWhole) {
  PipelineHarness bench("reject host bad.test");
  const Way way;
  const Bytes request = BytesOf("GET / HTTP/1.1\r\nHost: bad.test\r\n\r\n");
  const auto cut = Cut(way, Tcp(way, bench, 80, request), 7, {24, 48});
  EXPECT_TRUE(bench.FromInside(cut[2]));
  EXPECT_TRUE(bench.FromInside(cut[0]));
  EXPECT_TRUE(bench.answers().empty());
  EXPECT_FALSE(bench.FromInside(cut[1]));
  EXPECT_EQ(bench.last_reason(), DropReason::kRejected);
  EXPECT_EQ(bench.answers().size(), 2U);
}

TEST(PipelineFragment, FragmentsNeverMoveTheStateOfTheirConnection) {
  PipelineHarness bench(kRules);
  const Way way;
  Tcp(way, bench, 80, {});
  // A reset whose datagram never becomes whole resets nothing.
  const PacketBuilder reset =
      way.Ip()
          .Tcp({.src_port = 40000, .dst_port = 80, .flags = packet::tcp_flag::kRst, .seq = 1001})
          .Payload("12345678");
  EXPECT_TRUE(bench.FromInside(Cut(way, reset, 9, {24})[0]));
  bench.CloseAll();
  EXPECT_NE(bench.session().event.end_reason, events::EndReason::kRst);
  EXPECT_EQ(bench.session().event.packets_to_dst, 3U);
}

TEST(PipelineFragment, AFullTableFollowsItsConfiguration) {
  for (const bool closed : {false, true}) {
    auto options = PipelineHarness::DefaultOptions();
    options.fragment_limits.datagrams_max = 1;
    options.fragment_limits.drop_when_full = closed;
    PipelineHarness bench(kRules, options);
    const Way way;
    bench.FromInside(Cut(way, Dns(way, "all"), 7, {8})[1]);
    EXPECT_EQ(bench.FromInside(Cut(way, Dns(way, "bad"), 8, {16})[0]), !closed);
    EXPECT_EQ(Events(bench, Event::kNoRoom), 1U);
    bench.CloseAll();
    uint64_t packets = 0;
    for (const auto& [key, seen] : bench.events().sessions()) packets += seen.event.packets_to_dst;
    EXPECT_EQ(packets, 2U);
  }
}

TEST(PipelineFragment, ASourceOverItsQuotaHarmsItselfAndHidesNothing) {
  PipelineHarness bench(kRules);
  const Way way;
  const auto bad = Cut(way, Dns(way, "bad"), 7, {24});
  EXPECT_TRUE(bench.FromInside(bad[0]));
  for (uint16_t id = 100; id < 164; ++id) {
    EXPECT_TRUE(bench.FromInside(way.Ip().Raw(17).Payload(Bytes(8, 9)).Fragment(id, 8, true)));
  }
  EXPECT_EQ(Events(bench, Event::kOverQuota), 1U);
  EXPECT_FALSE(bench.FromInside(bad[1])) << "its datagram gave way and is closed";
}

TEST(PipelineFragment, AtomicFragmentsAreWholeDatagrams) {
  PipelineHarness bench(kRules);
  const Way way{.v6 = true};
  EXPECT_TRUE(bench.FromInside(Dns(way, "all").Fragment(7, 0, false)));
  EXPECT_FALSE(bench.FromInside(Dns(way, "bad").Fragment(7, 0, false)));
  EXPECT_EQ(Events(bench, Event::kHeld), 0U);
  // Nor does one close the identification for others (RFC 6946 §4).
  for (const PacketBuilder& piece : Cut(way, Dns(way, "all"), 7, {8, 16})) {
    EXPECT_TRUE(bench.FromInside(piece));
  }
}

TEST(PipelineFragment, ASecondFragmentHeaderHidesNothing) {
  PipelineHarness bench(kRules);
  const Way way{.v6 = true};
  Bytes frame = Cut(way, Dns(way, "bad"), 7, {24})[0].Build();
  const size_t behind = way.header_bytes();
  frame[behind] = 44;  // what follows is another fragment header
  EXPECT_FALSE(bench.Send(frame, packet::Side::kInside));
  EXPECT_EQ(Events(bench, Event::kIllegal), 1U);
}

// A fragment whose datagram holds a fragment, whose datagram holds a fragment.
TEST(PipelineFragment, TheThirdDatagramWithinFollowsItsConfiguration) {
  const auto join = [](std::initializer_list<Bytes> parts) {
    Bytes out;
    for (const Bytes& part : parts) out.insert(out.end(), part.begin(), part.end());
    return out;
  };
  const Bytes options = FromHex("2c 00 01 04 00 00 00 00");  // then a fragment header
  const Bytes third = FromHex("11 00 0001 00000003");        // of UDP, at 0, more to come
  const Bytes second = FromHex("3c 00 0001 00000002");       // of more options, at 0, more to come
  const Bytes whole = join({options, second, options, third, Bytes(24, 9)});
  for (const bool closed : {false, true}) {
    auto settings = PipelineHarness::DefaultOptions();
    settings.fragment_limits.drop_when_full = closed;
    PipelineHarness bench(kRules, settings);
    const Way way{.v6 = true};
    const PacketBuilder rest =
        way.Ip().Ipv6Extension(60, options).Raw(60).Payload(Bytes(8, 9)).Fragment(2, 40, false);
    EXPECT_TRUE(bench.FromInside(rest));
    const PacketBuilder outer = way.Ip().Raw(60).Payload(whole);
    const auto cut = Cut(way, outer, 1, {48});
    EXPECT_TRUE(bench.FromInside(cut[0]));
    EXPECT_EQ(bench.FromInside(cut[1]), !closed);
    EXPECT_EQ(Events(bench, Event::kTooDeep), 1U);
    bench.CloseAll();
    EXPECT_EQ(bench.session().event.packets_to_dst, 3U);
  }
}

// A host that puts together what reaches it, as trusting as one can be: overlaps are taken, and it
// keeps the first bytes or the last.
class FarEnd {
 public:
  explicit FarEnd(bool last_wins) : last_wins_(last_wins) {}

  // The IP payload that this fragment completes.
  std::optional<Bytes> Receive(const Bytes& frame, int64_t now_ms) {
    Bytes copy = frame;
    packet::Packet packet;
    packet.data = copy.data();
    packet.captured_bytes = packet.wire_bytes = static_cast<uint32_t>(copy.size());
    parse::Parse(packet);
    const fragments::Piece piece = fragments::ReadPiece(packet, {});
    Held& held = held_[piece.key.Hash({})];
    if (now_ms - held.since_ms > kPatienceMs) held = {now_ms, 0, {}};
    if (piece.last) held.end = piece.end();
    for (size_t i = 0; i < piece.data.size(); ++i) {
      const uint32_t at = piece.offset + static_cast<uint32_t>(i);
      if (last_wins_ || !held.bytes.contains(at)) held.bytes[at] = piece.data[i];
    }
    if (held.end == 0 || held.bytes.size() < held.end) return std::nullopt;
    Bytes whole;
    for (const auto& [at, byte] : held.bytes) whole.push_back(byte);
    held_.erase(piece.key.Hash({}));
    return whole;
  }

 private:
  static constexpr int64_t kPatienceMs = 60'000;
  struct Held {
    int64_t since_ms = -1'000'000;
    uint32_t end = 0;
    std::map<uint32_t, uint8_t> bytes;
  };
  bool last_wins_;
  std::map<uint64_t, Held> held_;
};

// Sets the TTL or hop limit, and the checksum to match.
Bytes WithTtl(const Way& way, Bytes frame, uint8_t ttl) {
  uint8_t* ip = frame.data() + way.header_bytes() - (way.v6 ? 40 : 20);
  if (way.v6) {
    ip[7] = ttl;
    return frame;
  }
  const uint32_t sum = base::LoadBe<uint16_t>(ip + 10) + (ip[8] - ttl) * 256U;
  base::StoreBe(ip + 10, static_cast<uint16_t>((sum & 0xffff) + (sum >> 16)));
  ip[8] = ttl;
  return frame;
}

// Pieces of allowed and blocked queries under one identification, in any order, with pauses, some
// of them dying behind Weir: whatever a sender tries, no blocked query is complete at the far end.
TEST(PipelineFragment, NoMixtureOfPiecesCompletesABlockedNameAtTheFarEnd) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const auto pick = [&](uint32_t below) { return static_cast<uint32_t>(random() % below); };
  uint64_t completed = 0;
  for (int round = 0; round < 150; ++round) {
    const Way way{.v6 = pick(2) == 0};
    PipelineHarness bench(kRules);
    FarEnd far_end(pick(2) == 0);
    int64_t now_ms = 0;
    std::vector<PacketBuilder> pieces;
    // "bax" and "xad" are allowed, and hold between them what "bad" needs.
    for (const char* label : {"bax", "xad", "bad"}) {
      for (const auto& cuts : {std::vector<size_t>{16, 24}, std::vector<size_t>{16, 32}}) {
        const auto cut = Cut(way, Dns(way, label), 7, cuts);
        pieces.insert(pieces.end(), cut.begin(), cut.end());
      }
    }
    for (int i = 0; i < 60; ++i) {
      const uint8_t ttl = pick(3) == 0 ? 1 : 64;
      const Bytes frame = WithTtl(way, pieces[pick(18)].Build(), ttl);
      if (pick(12) == 0) {
        const uint32_t pause_s = pick(70);
        bench.Advance(pause_s);
        now_ms += pause_s * 1000;
      }
      const bool arrives = bench.Send(frame, packet::Side::kInside) && ttl > 1;
      ++now_ms;
      if (!arrives) continue;
      const auto whole = far_end.Receive(frame, now_ms);
      if (!whole.has_value()) continue;
      ++completed;
      const std::string text(whole->begin(), whole->end());
      ASSERT_EQ(text.find("bad"), std::string::npos) << "round " << round;
    }
  }
  EXPECT_GT(completed, 0U) << "the allowed ones do arrive";
}

}  // namespace
}  // namespace weir::testing

// Packets of decided flows on the short way and on the long one: the same in the record.
#include <gtest/gtest.h>

#include <random>

#include "tests/support/pipeline_harness.h"
#include "tests/support/tcp_talk.h"
#include "tests/unit/dataplane_names/hello_builder.h"

namespace weir::testing {
namespace {

constexpr char kRules[] = "drop port tcp/23 id b1\ndrop ip 203.0.113.0/24 id b2\n";

uint64_t ShortWay(PipelineHarness& bench) { return bench.pipeline().counters().short_way.value(); }

uint64_t Dropped(PipelineHarness& bench) {
  uint64_t dropped = 0;
  for (const auto& counter : bench.pipeline().counters().dropped) dropped += counter.value();
  return dropped;
}

// A frame that a capture cut by a byte says all that a decided flow needs, but not at a glance: it
// goes the long way.
class BothWays {
 public:
  void Send(const PacketBuilder& builder, packet::Side from, bool may_cut) {
    const Bytes frame = builder.Build();
    Bytes cut = frame;
    if (may_cut) cut.pop_back();
    const bool passed = short_way.Send(frame, from);
    EXPECT_EQ(long_way.Send(cut, from, frame.size()), passed);
  }
  void Advance(double seconds) {
    for (PipelineHarness* bench : {&short_way, &long_way}) {
      bench->Advance(seconds);
      bench->Tick(3);
    }
  }

  PipelineHarness short_way{kRules};
  PipelineHarness long_way{kRules};
};

struct Flow {
  bool tcp;
  bool v6;
  uint16_t client_port;
  uint16_t server_port;
  unsigned packets = 0;
};

PacketBuilder FrameOf(const Flow& flow, bool from_client, uint8_t flags, size_t payload_bytes) {
  PacketBuilder builder;
  const char* client = flow.v6 ? "2001:db8::11" : "10.20.0.11";
  const char* server = flow.v6 ? "2001:db8:1::1" : "198.51.100.1";
  const char* src = from_client ? client : server;
  const char* dst = from_client ? server : client;
  const uint16_t src_port = from_client ? flow.client_port : flow.server_port;
  const uint16_t dst_port = from_client ? flow.server_port : flow.client_port;
  if (flow.v6) {
    builder.Ipv6(src, dst);
  } else {
    builder.Ipv4(src, dst);
  }
  if (flow.tcp) {
    builder.Tcp({.src_port = src_port, .dst_port = dst_port, .flags = flags});
  } else {
    builder.Udp({.src_port = src_port, .dst_port = dst_port});
  }
  builder.Payload(Bytes(payload_bytes, 'w'));
  return builder;
}

void ExpectSameRecord(const SeenSession& a, const SeenSession& b) {
  EXPECT_EQ(a.event.packets_to_dst, b.event.packets_to_dst);
  EXPECT_EQ(a.event.packets_to_src, b.event.packets_to_src);
  EXPECT_EQ(a.event.bytes_to_dst, b.event.bytes_to_dst);
  EXPECT_EQ(a.event.bytes_to_src, b.event.bytes_to_src);
  EXPECT_EQ(a.event.tcp_flags, b.event.tcp_flags);
  EXPECT_EQ(a.event.start.ns, b.event.start.ns);
  EXPECT_EQ(a.event.end.ns, b.event.end.ns);
  EXPECT_EQ(a.event.state, b.event.state);
  EXPECT_EQ(a.event.end_reason, b.event.end_reason);
  EXPECT_EQ(a.event.verdict, b.event.verdict);
}

// Any packets of some flows in any order, with pauses that let parts and flows end.
TEST(PipelineShortWay, CountsAsTheLongWayDoes) {
  uint64_t short_packets = 0;
  for (unsigned seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    BothWays ways;
    std::vector<Flow> flows = {{true, false, 4000, 443},  {true, true, 4001, 8080},
                               {true, false, 4002, 23},   {false, false, 4003, 6000},
                               {false, true, 4004, 4500}, {false, false, 4005, 443}};
    for (unsigned step = 0; step < 600; ++step) {
      Flow& flow = flows[random() % flows.size()];
      using namespace packet::tcp_flag;
      uint8_t flags = kAck;
      if (random() % 150 == 0) flags |= kPsh;
      if (random() % 60 == 0) flags |= kFin;
      if (random() % 120 == 0) flags |= kRst;
      // Whole while a name is looked for: that would be looked for elsewhere in a cut payload.
      const bool may_cut = ++flow.packets > 25;
      const auto from = random() % 3 == 0 ? packet::Side::kOutside : packet::Side::kInside;
      ways.Send(FrameOf(flow, from == packet::Side::kInside, flags, 1 + random() % 1300), from,
                may_cut);
      if (random() % 40 == 0)
        ways.Advance(random() % 8 == 0 ? 700.0 : std::uniform_real_distribution(0.0, 9.0)(random));
    }
    for (PipelineHarness* bench : {&ways.short_way, &ways.long_way}) bench->CloseAll();
    short_packets += ShortWay(ways.short_way);
    // Those not cut, of the first packets of each flow.
    EXPECT_LT(ShortWay(ways.long_way), 150U);
    EXPECT_EQ(Dropped(ways.short_way), Dropped(ways.long_way));
    const auto& a = ways.short_way.events().sessions();
    const auto& b = ways.long_way.events().sessions();
    ASSERT_EQ(a.size(), b.size());
    for (auto left = a.begin(), right = b.begin(); left != a.end(); ++left, ++right) {
      ExpectSameRecord(left->second, right->second);
    }
    const auto& counters = ways.short_way.pipeline().counters();
    EXPECT_EQ(counters.rx_packets.value(),
              counters.forwarded_packets.value() + Dropped(ways.short_way));
    EXPECT_EQ(counters.rx_bytes.value(), ways.long_way.pipeline().counters().rx_bytes.value());
  }
  EXPECT_GT(short_packets, 20U * 150);
}

// A flow of plain TCP whose name is known.
class Settled {
 public:
  explicit Settled(PipelineHarness& bench) : talk(bench, 40000, 443) {
    talk.Handshake();
    talk.Say(names::testing::HelloBuilder().Sni("www.example.test").Stream());
    talk.Answer("server hello");
    talk.Client(packet::tcp_flag::kAck, {});
  }
  TcpTalk talk;
};

TEST(PipelineShortWay, IsTakenOnceTheFlowIsDecided) {
  PipelineHarness bench(kRules);
  Settled flow(bench);
  const uint64_t before = ShortWay(bench);
  EXPECT_TRUE(flow.talk.Say("application data"));
  EXPECT_TRUE(flow.talk.Answer("more of it"));
  EXPECT_EQ(ShortWay(bench), before + 2);
}

// More packets and more bytes than the hot half of a flow holds.
TEST(PipelineShortWay, CarriesWhatIsMuch) {
  PipelineHarness bench(kRules);
  Settled flow(bench);
  bench.Tick();
  const uint64_t short_before = ShortWay(bench);
  const Bytes frame = PacketBuilder()
                          .Ipv4("10.20.0.11", "198.51.100.10")
                          .Tcp({.src_port = 40000, .dst_port = 443})
                          .Payload(Bytes(600, 'w'))
                          .Build();
  constexpr uint64_t kFrames = flow::kPacketsMustCarry + 1000;
  constexpr uint64_t kIpBytes = 600 + 40;
  static_assert(kFrames * kIpBytes > uint64_t{1} << 32);
  // The same session without them.
  PipelineHarness few(kRules);
  const Settled same(few);
  few.CloseAll();
  EXPECT_EQ(bench.SendMany(frame, packet::Side::kInside, kFrames), kFrames);
  bench.CloseAll();
  EXPECT_EQ(ShortWay(bench), short_before + kFrames - 2);  // each carry goes the long way
  const events::SessionEvent& many = bench.session().event;
  const events::SessionEvent& before = few.session().event;
  EXPECT_EQ(many.packets_to_dst, before.packets_to_dst + kFrames);
  EXPECT_EQ(many.bytes_to_dst, before.bytes_to_dst + kFrames * kIpBytes);
  EXPECT_EQ(many.packets_to_src, before.packets_to_src);
}

TEST(PipelineShortWay, IsLeftWhenThePolicyChanges) {
  PipelineHarness bench(kRules);
  Settled flow(bench);
  bench.Install("drop host www.example.test id now\n");
  const uint64_t before = ShortWay(bench);
  EXPECT_FALSE(flow.talk.Say("application data"));
  EXPECT_FALSE(flow.talk.Say("application data"));
  EXPECT_EQ(ShortWay(bench), before);
  EXPECT_EQ(bench.session().rule, "now");
}

TEST(PipelineShortWay, IsNotForPacketsThatBeginOrEnd) {
  PipelineHarness bench(kRules);
  Settled flow(bench);
  const uint64_t before = ShortWay(bench);
  flow.talk.ClientFin();
  flow.talk.ServerFin();
  EXPECT_EQ(ShortWay(bench), before);
  TcpTalk again(bench, 40000, 443);
  again.Handshake();
  EXPECT_EQ(bench.events().sessions().size(), 2U);
}

TEST(PipelineShortWay, IsNotForDnsNorForAnotherQuicHello) {
  PipelineHarness bench(kRules);
  const auto send = [&](uint16_t server_port, Bytes payload) {
    PacketBuilder builder;
    builder.Ipv4("10.20.0.11", "198.51.100.1")
        .Udp({.src_port = 5000, .dst_port = server_port})
        .Payload(payload);
    bench.FromInside(builder);
  };
  Bytes hello(1200, 'w');
  hello[0] = 0xc0;
  for (unsigned i = 0; i < 30; ++i) send(53, Bytes(40, 'w'));
  for (unsigned i = 0; i < 30; ++i) send(443, hello);
  EXPECT_EQ(ShortWay(bench), 0U);
  hello[0] = 0x40;
  for (unsigned i = 0; i < 30; ++i) send(443, hello);
  EXPECT_GT(ShortWay(bench), 20U);
}

}  // namespace
}  // namespace weir::testing

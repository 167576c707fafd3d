// Packets in, session records out.
#include <gtest/gtest.h>

#include "tests/support/pipeline_harness.h"
#include "tests/support/tcp_talk.h"
#include "tests/unit/dataplane_names/hello_builder.h"

namespace weir::testing {
namespace {

using events::EndReason;
using events::SessionState;

PacketBuilder Udp(const char* src, const char* dst, uint16_t src_port, uint16_t dst_port) {
  PacketBuilder builder;
  builder.Ipv4(src, dst).Udp({.src_port = src_port, .dst_port = dst_port}).Payload("xx");
  return builder;
}

TEST(PipelineSession, RecordsATcpConversationWhole) {
  PipelineHarness bench;
  TcpTalk talk(bench, 40000, 80);
  ASSERT_TRUE(talk.Handshake());
  EXPECT_EQ(bench.session().event.state, SessionState::kOpen);  // announced at its start
  ASSERT_TRUE(talk.Say("GET / HTTP/1.1\r\nHost: www.example.test\r\n\r\n"));
  EXPECT_EQ(bench.session().name, "www.example.test");
  ASSERT_TRUE(talk.Answer("HTTP/1.1 200 OK\r\n\r\n"));
  ASSERT_TRUE(talk.ClientFin());
  ASSERT_TRUE(talk.ServerFin());
  bench.Advance(11);
  bench.Tick();
  const SeenSession& session = bench.session();
  EXPECT_EQ(session.event.state, SessionState::kClosed);
  EXPECT_EQ(session.event.end_reason, EndReason::kFin);
  EXPECT_EQ(session.event.src_ip.ToString(), "10.20.0.11");
  EXPECT_EQ(session.event.src_port, 40000);
  EXPECT_EQ(session.event.dst_port, 80);
  EXPECT_EQ(session.event.direction, events::Direction::kOutbound);
  EXPECT_EQ(session.event.name_source, events::NameSource::kHttpHost);
  EXPECT_EQ(session.event.packets_to_dst, 4U);
  EXPECT_EQ(session.event.packets_to_src, 3U);
  EXPECT_EQ(session.event.bytes_to_dst, 4U * 40 + 42);
  EXPECT_EQ(session.event.bytes_to_src, 3U * 40 + 19);
  EXPECT_EQ(session.event.tcp_flags, 0x1b);
  EXPECT_EQ(session.event.src_mac.ToString(), "02:00:00:00:00:01");
  EXPECT_EQ((session.event.end.ns - session.event.start.ns) / base::kNsPerMs, 6);
  EXPECT_EQ(bench.classifier().open_slots(), 0U);
}

// Found by scripts/compare_conversations: the type of such a session was 0, whatever was replied.
TEST(PipelineSession, TellsAnIcmpSessionThatBeginsWithAReply) {
  const auto ends = [](const PacketBuilder& packet) {
    PipelineHarness bench;
    bench.FromInside(packet);
    const auto& event = bench.session().event;
    return std::pair(event.src_port >> 8, event.dst_port);
  };
  const auto four = [](int type) {
    const auto octet = static_cast<uint8_t>(type);
    return PacketBuilder().Ipv4("10.20.0.11", "192.0.2.9").Icmp(octet, 0).Payload("pong");
  };
  const auto six = [](int type) {
    const auto octet = static_cast<uint8_t>(type);
    return PacketBuilder().Ipv6("2001:db8::1", "2001:db8::2").Icmp(octet, 0).Payload("pong");
  };
  for (const int type : {0, 8, 13, 14, 16, 18, 11}) {
    EXPECT_EQ(ends(four(type)), std::pair(type, uint16_t{0})) << type;
  }
  for (const int type : {128, 129, 1}) {
    EXPECT_EQ(ends(six(type)), std::pair(type, uint16_t{0})) << type;
  }
}

// The classifier's places are few, and a closed flow is remembered for a while.
TEST(PipelineSession, AFlowThatHasEndedGivesUpItsPlaceInTheClassifier) {
  PipelineHarness bench;
  bench.classifier().final_after_packets = 100;
  TcpTalk talk(bench, 40000, 443);
  talk.Handshake();
  talk.Say("hello");
  talk.Answer("hello");
  talk.ClientFin();
  EXPECT_EQ(bench.classifier().open_slots(), 1U);
  talk.ServerFin();
  EXPECT_EQ(bench.classifier().open_slots(), 0U);
  EXPECT_EQ(bench.session().event.state, SessionState::kOpen);
}

TEST(PipelineSession, CountsWhoAnsweredASynAsTheResponder) {
  PipelineHarness bench;
  bench.FromOutside(PacketBuilder()
                        .Ipv4("198.51.100.10", "10.20.0.11")
                        .Tcp({.src_port = 443, .dst_port = 40000, .flags = 0x12}));
  EXPECT_EQ(bench.session().event.src_ip.ToString(), "10.20.0.11");
  EXPECT_EQ(bench.session().event.direction, events::Direction::kOutbound);
}

TEST(PipelineSession, ANewSynOnAClosedTupleIsANewSession) {
  PipelineHarness bench;
  TcpTalk talk(bench, 40000, 80);
  talk.Handshake();
  talk.ClientFin();
  talk.ServerFin();
  TcpTalk again(bench, 40000, 80);
  again.Handshake();
  ASSERT_EQ(bench.events().sessions().size(), 2U);
  EXPECT_EQ(bench.events().sessions().begin()->second.event.state, SessionState::kClosed);
}

TEST(PipelineSession, ExpiresAtItsDeadlineWhetherSweptOrNot) {
  PipelineHarness bench;
  bench.FromInside(Udp("10.20.0.11", "198.51.100.1", 5000, 6000));
  bench.Advance(119.9);
  bench.Tick();
  EXPECT_EQ(bench.session().event.state, SessionState::kOpen);
  bench.Advance(0.2);
  bench.FromInside(Udp("10.20.0.11", "198.51.100.1", 5000, 6000));  // not swept in between
  ASSERT_EQ(bench.events().sessions().size(), 2U);
  const auto& first = bench.events().sessions().begin()->second.event;
  EXPECT_EQ(first.state, SessionState::kClosed);
  EXPECT_EQ(first.end_reason, EndReason::kIdle);
  EXPECT_EQ(first.end, first.start);
}

TEST(PipelineSession, LongSessionsComeInPartsThatAddUp) {
  PipelineHarness bench;
  for (int minute = 0; minute < 65; ++minute) {
    bench.FromInside(Udp("10.20.0.11", "198.51.100.1", 5000, 6000));
    bench.FromOutside(Udp("198.51.100.1", "10.20.0.11", 6000, 5000));
    bench.Advance(60);
    bench.Tick();
  }
  bench.CloseAll();
  const auto& sessions = bench.events().sessions();
  ASSERT_EQ(sessions.size(), 3U);
  uint64_t packets = 0;
  uint32_t part = 0;
  uint64_t id = sessions.begin()->first.first;
  for (const auto& [key, seen] : sessions) {
    EXPECT_EQ(key.first, id);
    EXPECT_EQ(key.second, part++);
    EXPECT_EQ(seen.event.state, SessionState::kClosed);
    EXPECT_EQ(seen.event.end_reason, part == 3 ? EndReason::kShutdown : EndReason::kActive);
    packets += seen.event.packets_to_dst + seen.event.packets_to_src;
  }
  EXPECT_EQ(packets, 130U);
}

// A record has one name: the tunnel's and the one within it take a part each.
TEST(PipelineSession, BothNamesOfATunnelAreRecorded) {
  PipelineHarness bench;
  TcpTalk talk(bench, 40000, 8080);
  talk.Handshake();
  talk.Say("CONNECT proxy.example:443 HTTP/1.1\r\nHost: proxy.example:443\r\n\r\n");
  talk.Answer("HTTP/1.1 200 OK\r\n\r\n");
  talk.Say(names::testing::HelloBuilder().Sni("inner.example").Stream());
  talk.Answer("server hello");
  bench.CloseAll();
  const auto& sessions = bench.events().sessions();
  ASSERT_EQ(sessions.size(), 2U);
  const SeenSession& outer = sessions.begin()->second;
  const SeenSession& inner = sessions.rbegin()->second;
  EXPECT_EQ(outer.event.session_id, inner.event.session_id);
  EXPECT_EQ(outer.name, "proxy.example");
  EXPECT_EQ(outer.event.name_source, events::NameSource::kHttpHost);
  EXPECT_EQ(outer.event.state, SessionState::kClosed);
  EXPECT_EQ(outer.event.end_reason, EndReason::kActive);
  EXPECT_EQ(inner.event.part, 1U);
  EXPECT_EQ(inner.name, "inner.example");
  EXPECT_EQ(inner.event.name_source, events::NameSource::kTlsSni);
  EXPECT_EQ(outer.event.packets_to_dst + inner.event.packets_to_dst, 4U);
  EXPECT_EQ(outer.event.packets_to_src + inner.event.packets_to_src, 3U);
}

// Further names of the same kind are judged, and the record keeps the first.
TEST(PipelineSession, AnotherHostOfOneConnectionIsNoPart) {
  PipelineHarness bench;
  TcpTalk talk(bench, 40000, 80);
  talk.Handshake();
  talk.Say("GET / HTTP/1.1\r\nHost: one.example\r\n\r\n");
  talk.Say("GET / HTTP/1.1\r\nHost: two.example\r\n\r\n");
  EXPECT_EQ(bench.session().name, "one.example");
}

TEST(PipelineSession, RefreshesOpenSessionsOnceAMinute) {
  PipelineHarness bench;
  for (int second = 0; second < 300; ++second) {
    bench.FromInside(Udp("10.20.0.11", "198.51.100.1", 5000, 6000));
    bench.Advance(1);
    bench.Tick(3);
  }
  // The announcement, and one for each of the five minutes.
  EXPECT_GE(bench.events().session_events(), 5U);
  EXPECT_LE(bench.events().session_events(), 7U);
}

TEST(PipelineSession, PutsFragmentsIntoTheirFlow) {
  PipelineHarness bench;
  bench.FromInside(
      Udp("10.20.0.11", "198.51.100.1", 5000, 6000).Payload("12345678").Fragment(7, 0, true));
  bench.FromInside(PacketBuilder()
                       .Ipv4("10.20.0.11", "198.51.100.1")
                       .Raw(17)
                       .Payload("tail")
                       .Fragment(7, 16, false));
  EXPECT_EQ(bench.events().sessions().size(), 1U);
  bench.CloseAll();
  EXPECT_EQ(bench.session().event.packets_to_dst, 2U);
}

TEST(PipelineSession, FindsATlsNameInOneByteSegmentsInReverse) {
  PipelineHarness bench;
  TcpTalk talk(bench, 40000, 443);
  talk.Handshake();
  const Bytes hello = names::testing::HelloBuilder().Sni("tls.example.test").Stream();
  for (size_t at = hello.size(); at-- > 0;) {
    talk.SayAt(static_cast<uint32_t>(at), std::span(hello).subspan(at, 1));
  }
  EXPECT_EQ(bench.session().name, "tls.example.test");
  EXPECT_EQ(bench.session().event.name_source, events::NameSource::kTlsSni);
}

TEST(PipelineSession, EvictsAndRecordsWhenTheTableIsFull) {
  auto options = PipelineHarness::DefaultOptions();
  options.flow_limits.flows_max = 50;
  PipelineHarness bench("", options);
  for (uint16_t port = 1; port <= 500; ++port) {
    EXPECT_TRUE(bench.FromInside(Udp("10.20.0.11", "198.51.100.1", port, 6000)));
  }
  bench.CloseAll();
  ASSERT_EQ(bench.events().sessions().size(), 500U);
  size_t evicted = 0;
  for (const auto& [key, seen] : bench.events().sessions()) {
    EXPECT_EQ(seen.event.state, SessionState::kClosed);
    evicted += seen.event.end_reason == EndReason::kEvicted ? 1 : 0;
  }
  EXPECT_EQ(evicted, 450U);
  EXPECT_EQ(bench.pipeline().flow_counters().evicted.value(), 450U);
}

TEST(PipelineSession, FailClosedKeepsEstablishedFlowsAndDropsNewOnes) {
  auto options = PipelineHarness::DefaultOptions();
  options.flow_limits.flows_max = 10;
  options.drop_when_table_full = true;
  PipelineHarness bench("", options);
  for (uint16_t port = 1; port <= 10; ++port) {
    EXPECT_TRUE(bench.FromInside(Udp("10.20.0.11", "198.51.100.1", port, 6000)));
  }
  EXPECT_FALSE(bench.FromInside(Udp("10.20.0.11", "198.51.100.1", 11, 6000)));
  EXPECT_EQ(bench.last_reason(), packet::DropReason::kTableFull);
  EXPECT_TRUE(bench.FromInside(Udp("10.20.0.11", "198.51.100.1", 5, 6000)));
}

TEST(PipelineSession, ShowsEachLiveFlowOnce) {
  PipelineHarness bench;
  for (uint16_t port = 1; port <= 3; ++port) {
    bench.FromInside(Udp("10.20.0.11", "198.51.100.1", port, 6000));
  }
  std::vector<uint16_t> ports;
  const auto visit = [&](const events::SessionEvent& event) { ports.push_back(event.src_port); };
  EXPECT_EQ(bench.pipeline().VisitFlows(10, visit), 3U);
  EXPECT_EQ(ports, (std::vector<uint16_t>{1, 2, 3}));
  EXPECT_EQ(bench.pipeline().VisitFlows(2, visit), 2U);
}

TEST(PipelineSession, EveryPacketIsAccountedFor) {
  PipelineHarness bench("drop port udp/6001");
  Bytes arp = Udp("10.20.0.11", "198.51.100.1", 1, 2).Build();
  arp[13] = 0x06;
  bench.Send(arp, packet::Side::kInside);
  bench.FromInside(Udp("10.20.0.11", "198.51.100.1", 1, 6001));
  bench.FromInside(Udp("10.20.0.11", "198.51.100.1", 1, 6002));
  const auto& counters = bench.pipeline().counters();
  EXPECT_EQ(counters.rx_packets.value(), 3U);
  EXPECT_EQ(counters.forwarded_packets.value(), 2U);
  EXPECT_EQ(counters.dropped[static_cast<size_t>(packet::DropReason::kPolicy)].value(), 1U);
  EXPECT_EQ(counters.parsed[static_cast<size_t>(packet::ParseNote::kNotIp)].value(), 1U);
}

}  // namespace
}  // namespace weir::testing

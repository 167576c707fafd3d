// Packets and a policy in, verdicts and answers out.
#include <gtest/gtest.h>

#include "dataplane/parse/parse.h"
#include "tests/support/pipeline_harness.h"
#include "tests/support/tcp_talk.h"
#include "tests/unit/dataplane_names/hello_builder.h"

namespace weir::testing {
namespace {

using events::Verdict;
using packet::DropReason;

Bytes Hello(std::string_view name) { return names::testing::HelloBuilder().Sni(name).Stream(); }

// A query for one name, recursion desired (RFC 1035 §4.1).
Bytes Query(std::string_view name) {
  Bytes out = FromHex("123401000001000000000000");
  while (!name.empty()) {
    const size_t dot = std::min(name.find('.'), name.size());
    out.push_back(static_cast<uint8_t>(dot));
    out.insert(out.end(), name.begin(), name.begin() + static_cast<ptrdiff_t>(dot));
    name.remove_prefix(std::min(dot + 1, name.size()));
  }
  const Bytes tail = FromHex("0000010001");
  out.insert(out.end(), tail.begin(), tail.end());
  return out;
}

packet::Headers HeadersOf(const respond::OutFrame& frame) {
  Bytes bytes(frame.frame().begin(), frame.frame().end());
  packet::Packet packet;
  packet.data = bytes.data();
  packet.captured_bytes = packet.wire_bytes = static_cast<uint32_t>(bytes.size());
  parse::Parse(packet);
  return packet.headers;
}

TEST(PipelineVerdict, DropsThePacketThatCompletesABlockedNameAndAllLater) {
  PipelineHarness bench("drop domain bad.test class harmful id r1");
  TcpTalk talk(bench, 40000, 443);
  ASSERT_TRUE(talk.Handshake());
  const Bytes hello = Hello("www.bad.test");
  const std::span<const uint8_t> all(hello);
  EXPECT_TRUE(talk.Say(all.first(60)));
  EXPECT_FALSE(talk.Say(all.subspan(60)));
  EXPECT_EQ(bench.last_reason(), DropReason::kPolicy);
  EXPECT_TRUE(bench.answers().empty());
  EXPECT_FALSE(talk.Answer("anything"));
  EXPECT_FALSE(talk.Say("more"));
  EXPECT_EQ(bench.session().event.verdict, Verdict::kDrop);
  EXPECT_EQ(bench.session().rule, "r1");
  EXPECT_EQ(bench.session().event.policy_version, 1U);
  ASSERT_EQ(bench.events().findings().size(), 1U);
  EXPECT_EQ(bench.events().findings()[0].rule_class, "harmful");
  EXPECT_EQ(bench.events().findings()[0].name, "www.bad.test");
}

// The first datagram is forged in the server's name, beside the client, so that the server passes
// for the one who began. Who really began from without may be answered.
TEST(PipelineVerdict, AForgedBeginningDoesNotTurnAFlowAround) {
  const auto from_server = [] {
    return PacketBuilder()
        .Ipv4("198.51.100.10", "10.20.0.11")
        .Udp({.src_port = 8443, .dst_port = 40000})
        .Payload("server");
  };
  const auto from_client = [] {
    return PacketBuilder()
        .Ipv4("10.20.0.11", "198.51.100.10")
        .Udp({.src_port = 40000, .dst_port = 8443})
        .Payload("client");
  };
  PipelineHarness forged("drop port udp/8443 id r1");
  EXPECT_TRUE(forged.FromInside(from_server()));
  EXPECT_FALSE(forged.FromInside(from_client()));
  EXPECT_EQ(forged.last_reason(), DropReason::kPolicy);
  EXPECT_EQ(forged.session().rule, "r1");
  PipelineHarness inbound("drop port udp/8443 id r1");
  EXPECT_TRUE(inbound.FromOutside(from_server()));
  EXPECT_TRUE(inbound.FromInside(from_client()));
  EXPECT_EQ(inbound.session().rule, "");
}

TEST(PipelineVerdict, RejectResetsBothEndsAtTheExactSequence) {
  PipelineHarness bench("reject host bad.test id r1");
  TcpTalk talk(bench, 40000, 443);
  ASSERT_TRUE(talk.Handshake());
  const Bytes hello = Hello("bad.test");
  EXPECT_FALSE(talk.Say(hello));
  EXPECT_EQ(bench.last_reason(), DropReason::kRejected);
  ASSERT_EQ(bench.answers().size(), 2U);
  const auto to_client = HeadersOf(bench.answers()[0]);
  EXPECT_EQ(bench.answers()[0].to, packet::Side::kInside);
  EXPECT_EQ(to_client.tcp_flags, 0x14);
  EXPECT_EQ(to_client.tcp_seq, talk.server_seq());
  EXPECT_EQ(to_client.tcp_ack, talk.client_seq());
  const auto to_server = HeadersOf(bench.answers()[1]);
  EXPECT_EQ(bench.answers()[1].to, packet::Side::kOutside);
  EXPECT_EQ(to_server.tcp_seq, talk.client_seq() - hello.size());
}

TEST(PipelineVerdict, ARejectedSessionIsOverSoonAfterItsResets) {
  PipelineHarness bench("reject host bad.test id r1");
  TcpTalk talk(bench, 40000, 443);
  talk.Handshake();
  talk.Say(Hello("bad.test"));
  bench.Advance(11);
  bench.Tick();
  EXPECT_EQ(bench.session().event.state, events::SessionState::kClosed);
  EXPECT_EQ(bench.session().event.end_reason, events::EndReason::kRst);
}

// A client that resets its connection in show, waits, and sends the dropped half again gains
// nothing.
TEST(PipelineVerdict, ABlockedFlowIsRememberedLongerThanASenderWaits) {
  PipelineHarness bench("drop host bad.test id r1");
  TcpTalk talk(bench, 40000, 443);
  talk.Handshake();
  const Bytes hello = Hello("bad.test");
  const std::span<const uint8_t> all(hello);
  EXPECT_TRUE(talk.SayAt(0, all.first(60)));
  EXPECT_FALSE(talk.SayAt(60, all.subspan(60)));
  EXPECT_FALSE(talk.Client(packet::tcp_flag::kRst, {}));
  bench.Advance(125);
  bench.Tick(10);
  EXPECT_FALSE(talk.SayAt(60, all.subspan(60)));
  bench.Advance(181);
  bench.Tick(10);
  EXPECT_EQ(bench.session().event.state, events::SessionState::kClosed);
}

TEST(PipelineVerdict, AnswersNobodyWhoHasNotTalked) {
  PipelineHarness bench("reject port tcp/23\nreject port udp/69\nreject host bad.test");
  TcpTalk telnet(bench, 40000, 23);
  EXPECT_FALSE(telnet.Client(packet::tcp_flag::kSyn, {}));
  EXPECT_TRUE(bench.answers().empty());
  EXPECT_FALSE(bench.FromInside(PacketBuilder()
                                    .Ipv4("10.20.0.11", "198.51.100.10")
                                    .Udp({.dst_port = 69})
                                    .Payload(Bytes(300, 'x'))));
  EXPECT_TRUE(bench.answers().empty());
  // Data with the acknowledgement of something that was never sent.
  TcpTalk talk(bench, 40001, 443);
  talk.Client(packet::tcp_flag::kSyn, {});
  EXPECT_FALSE(talk.SayAt(1, Hello("bad.test")));
  EXPECT_TRUE(bench.answers().empty());
  EXPECT_GT(bench.pipeline().counters().responses_withheld_total(), 0U);
}

TEST(PipelineVerdict, PortRuleDropsTheFirstPacket) {
  PipelineHarness bench("drop port tcp/23 id telnet");
  TcpTalk talk(bench, 40000, 23);
  EXPECT_FALSE(talk.Client(packet::tcp_flag::kSyn, {}));
  bench.CloseAll();
  EXPECT_EQ(bench.session().rule, "telnet");
  EXPECT_EQ(bench.session().event.verdict, Verdict::kDrop);
}

TEST(PipelineVerdict, ANewPolicyReachesALiveFlowAtItsNextPacket) {
  PipelineHarness bench;
  TcpTalk talk(bench, 40000, 443);
  talk.Handshake();
  ASSERT_TRUE(talk.Say(Hello("site.test")));
  ASSERT_TRUE(talk.Answer("data"));
  bench.Install("reject domain site.test id late");
  EXPECT_FALSE(talk.Answer("more data"));
  EXPECT_EQ(bench.answers().size(), 2U);
  EXPECT_EQ(bench.session().rule, "late");
  EXPECT_EQ(bench.session().event.policy_version, 2U);
  EXPECT_FALSE(talk.Say("x"));
  bench.Install("");
  EXPECT_TRUE(talk.Say("x"));
}

TEST(PipelineVerdict, SecondRequestOfAConnectionIsBlockedToo) {
  PipelineHarness bench("drop host bad.test id r1");
  TcpTalk talk(bench, 40000, 80);
  talk.Handshake();
  EXPECT_TRUE(talk.Say("GET / HTTP/1.1\r\nHost: good.test\r\n\r\n"));
  EXPECT_TRUE(talk.Answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_FALSE(talk.Say("GET / HTTP/1.1\r\nHost: bad.test\r\n\r\n"));
  EXPECT_EQ(bench.session().name, "bad.test");
  // What follows cannot talk the connection free again.
  EXPECT_FALSE(talk.Say("GET / HTTP/1.1\r\nHost: good.test\r\n\r\n"));
  EXPECT_EQ(bench.session().rule, "r1");
}

TEST(PipelineVerdict, RequestsInOneSegmentAreJudgedAsIfEachHadItsOwn) {
  const std::string rules =
      "monitor host watched.test class watched id m\n"
      "monitor host other.test class other id n\n"
      "drop host bad.test class harmful id d\n";
  const std::vector<std::string> requests = {
      "GET / HTTP/1.1\r\nHost: plain.test\r\n\r\n", "GET / HTTP/1.1\r\nHost: watched.test\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: other.test\r\n\r\n", "GET / HTTP/1.1\r\nHost: bad.test\r\n\r\n"};
  for (const bool at_once : {false, true}) {
    PipelineHarness bench(rules);
    TcpTalk talk(bench, 40000, 80);
    talk.Handshake();
    std::string all;
    for (const std::string& request : requests) {
      at_once ? all += request : all.assign(request);
      if (!at_once) talk.Say(all);
    }
    if (at_once) {
      EXPECT_FALSE(talk.Say(all));
    }
    EXPECT_EQ(bench.session().name, "bad.test");
    EXPECT_EQ(bench.session().rule, "d");
    ASSERT_EQ(bench.events().findings().size(), 3U);
    EXPECT_EQ(bench.events().findings()[0].name, "watched.test");
    EXPECT_EQ(bench.events().findings()[1].name, "other.test");
    EXPECT_EQ(bench.events().findings()[1].event.verdict, Verdict::kPass);
    EXPECT_EQ(bench.events().findings()[2].event.verdict, Verdict::kDrop);
  }
}

TEST(PipelineVerdict, ARecordTellsOfTheGravestOfItsRequests) {
  PipelineHarness bench("drop host bad.test id w mode monitor\nmonitor host seen.test id m");
  TcpTalk talk(bench, 40000, 80);
  talk.Handshake();
  talk.Say("GET / HTTP/1.1\r\nHost: first.test\r\n\r\n");
  EXPECT_EQ(bench.session().name, "first.test");
  talk.Say("GET / HTTP/1.1\r\nHost: seen.test\r\n\r\n");
  EXPECT_EQ(bench.session().name, "seen.test");
  talk.Say("GET / HTTP/1.1\r\nHost: bad.test\r\n\r\n");
  for (const std::string_view later : {"first.test", "seen.test"}) {
    talk.Say("GET / HTTP/1.1\r\nHost: " + std::string(later) + "\r\n\r\n");
    EXPECT_EQ(bench.session().event.verdict, Verdict::kWouldDrop);
    EXPECT_EQ(bench.session().rule, "w");
    EXPECT_EQ(bench.session().name, "bad.test");
  }
}

TEST(PipelineVerdict, DnsQueriesOnOnePortPairAreJudgedOneByOne) {
  PipelineHarness bench("drop domain bad.test id r1");
  const auto ask = [&](std::string_view name) {
    return bench.FromInside(PacketBuilder()
                                .Ipv4("10.20.0.11", "198.51.100.53")
                                .Udp({.src_port = 5353, .dst_port = 53})
                                .Payload(Query(name)));
  };
  const auto answer = [&] {
    return bench.FromOutside(PacketBuilder()
                                 .Ipv4("198.51.100.53", "10.20.0.11")
                                 .Udp({.src_port = 53, .dst_port = 5353})
                                 .Payload(Query("good.test")));
  };
  EXPECT_TRUE(ask("good.test"));
  EXPECT_FALSE(ask("www.bad.test"));
  EXPECT_TRUE(answer());
  EXPECT_TRUE(ask("fine.test"));
  EXPECT_FALSE(ask("bad.test"));
  EXPECT_EQ(bench.session().event.verdict, Verdict::kDrop);
  EXPECT_EQ(bench.session().rule, "r1");
}

TEST(PipelineVerdict, WaitsForAnApplicationUpToTheLimit) {
  PipelineHarness bench("drop app BitTorrent id bt");
  bench.classifier().label = {37, 0, 7};
  bench.classifier().final_after_packets = 3;
  TcpTalk talk(bench, 40000, 6881);
  EXPECT_FALSE(talk.Handshake()) << "its third segment is the one that is labelled";
  EXPECT_EQ(bench.session().rule, "bt");
  EXPECT_EQ(bench.session().app, "BitTorrent");
}

TEST(PipelineVerdict, MonitorModeRecordsWhatItWouldDo) {
  PipelineHarness bench("drop host bad.test id r1 class harmful mode monitor");
  TcpTalk talk(bench, 40000, 443);
  talk.Handshake();
  EXPECT_TRUE(talk.Say(Hello("bad.test")));
  EXPECT_EQ(bench.session().event.verdict, Verdict::kWouldDrop);
  EXPECT_EQ(bench.events().findings().size(), 1U);
}

TEST(PipelineVerdict, BypassForwardsWhatIsBlocked) {
  PipelineHarness bench("drop port tcp/23 id telnet");
  TcpTalk talk(bench, 40000, 23);
  EXPECT_FALSE(talk.Client(packet::tcp_flag::kSyn, {}));
  bench.pipeline().set_bypass(true);
  EXPECT_TRUE(talk.Client(packet::tcp_flag::kSyn, {}));
  EXPECT_EQ(bench.session().event.verdict, Verdict::kWouldDrop);
  bench.pipeline().set_bypass(false);
  EXPECT_FALSE(talk.Client(packet::tcp_flag::kSyn, {}));
}

TEST(PipelineVerdict, AnswersAreLimitedForEachSource) {
  PipelineHarness bench("reject host bad.test");
  size_t answered = 0;
  for (uint16_t port = 1; port <= 100; ++port) {
    TcpTalk talk(bench, static_cast<uint16_t>(20000 + port), 443);
    talk.Handshake();
    talk.Say(Hello("bad.test"));
    answered += bench.answers().empty() ? 0U : 1U;
  }
  // 400 ms of traffic: within one second, or over the turn of one.
  EXPECT_GE(answered, 20U);
  EXPECT_LE(answered, 40U);
}

PacketBuilder Datagram() {
  PacketBuilder builder;
  builder.Ipv4("10.20.0.11", "198.51.100.10").Udp({.src_port = 5000, .dst_port = 6000});
  return builder.Payload("data");
}

TEST(PipelineVerdict, BlocksByTheMacOfEitherEnd) {
  PipelineHarness bench("drop mac 02:00:00:00:00:aa id station\n");
  EXPECT_FALSE(bench.FromInside(Datagram().Macs("02:00:00:00:00:aa", "02:00:00:00:00:01")));
  EXPECT_EQ(bench.last_reason(), DropReason::kPolicy);
  EXPECT_EQ(bench.session().rule, "station");
  PipelineHarness other("drop mac 02:00:00:00:00:aa\n");
  EXPECT_FALSE(other.FromOutside(Datagram().Macs("02:00:00:00:00:01", "02:00:00:00:00:aa")));
  PipelineHarness neither("drop mac 02:00:00:00:00:aa\n");
  EXPECT_TRUE(neither.FromInside(Datagram().Macs("02:00:00:00:00:02", "02:00:00:00:00:01")));
}

TEST(PipelineVerdict, BlocksByEitherOfTwoTags) {
  PipelineHarness bench("drop vlan 200-210\n");
  EXPECT_FALSE(bench.FromInside(Datagram().Vlan(205)));
  EXPECT_FALSE(bench.FromInside(Datagram().Vlan(30, 0x88a8).Vlan(200)));
  EXPECT_FALSE(bench.FromInside(Datagram().Vlan(210, 0x88a8).Vlan(30)));
  EXPECT_TRUE(bench.FromInside(Datagram().Vlan(30, 0x88a8).Vlan(199)));
  EXPECT_TRUE(bench.FromInside(Datagram()));
}

// A rule about the link is known with the first fragment, and reaches a flow that lives.
TEST(PipelineVerdict, BlocksFragmentsAndLiveFlowsByTheirLink) {
  PipelineHarness bench("allow any\n");
  const PacketBuilder whole = Datagram().Macs("02:00:00:00:00:aa", "02:00:00:00:00:01").Vlan(205);
  for (unsigned i = 0; i < 30; ++i) EXPECT_TRUE(bench.FromInside(whole));
  bench.Install("drop vlan 205 id net\n");
  EXPECT_FALSE(bench.FromInside(whole));
  bench.Install("drop mac 02:00:00:00:00:aa id station\n");
  EXPECT_FALSE(bench.FromInside(whole));
  EXPECT_EQ(bench.session().rule, "station");
  const PacketBuilder first = PacketBuilder()
                                  .Macs("02:00:00:00:00:aa", "02:00:00:00:00:01")
                                  .Ipv4("10.20.0.12", "198.51.100.12")
                                  .Raw(17)
                                  .Payload(Bytes(64, 'w'))
                                  .Fragment(7, 0, true);
  EXPECT_FALSE(bench.FromInside(first));
  bench.Install("allow any\n");
  EXPECT_TRUE(bench.FromInside(whole));
}

}  // namespace
}  // namespace weir::testing

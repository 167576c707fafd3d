// Addresses change hands while flows live: their verdicts follow, and nobody else's.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/encapsulation.h"
#include "tests/support/pipeline_harness.h"
#include "tests/support/tcp_talk.h"

namespace weir::testing {
namespace {

using events::Verdict;

constexpr const char* kServer = "198.51.100.10";

std::string Client(unsigned number) {
  return fmt::format("10.{}.{}.{}", number >> 16 & 255, number >> 8 & 255, number & 255);
}

PacketBuilder Datagram(const std::string& from, const std::string& to, uint16_t src_port,
                       uint16_t dst_port) {
  PacketBuilder builder;
  builder.Ipv4(from, to)
      .Udp({.src_port = src_port, .dst_port = dst_port})
      .Payload("hello there, this is long enough for a glance at it");
  return builder;
}

bool Asks(PipelineHarness& bench, const std::string& client) {
  return bench.FromInside(Datagram(client, kServer, 5000, 5001));
}
bool IsAnswered(PipelineHarness& bench, const std::string& client) {
  return bench.FromOutside(Datagram(kServer, client, 5001, 5000));
}
bool Talks(PipelineHarness& bench, const std::string& client) {
  const bool asks = Asks(bench, client);
  return IsAnswered(bench, client) && asks;
}

uint64_t Rechecked(PipelineHarness& bench) {
  return bench.pipeline().counters().flows_rechecked.value();
}

TEST(PipelineIdentity, LiveFlowIsJudgedAgainWhenItsAddressChangesHands) {
  PipelineHarness bench("drop account guest id no-guests");
  bench.SetAccounts({{"10.0.0.1", "anna"}, {"10.0.0.2", "ben"}});
  for (const char* client : {"10.0.0.1", "10.0.0.2", "10.0.0.3"}) {
    for (int i = 0; i < 12; ++i) ASSERT_TRUE(Talks(bench, client));
  }
  const uint64_t short_before = bench.pipeline().counters().short_way.value();
  ASSERT_TRUE(Talks(bench, "10.0.0.1"));
  ASSERT_EQ(bench.pipeline().counters().short_way.value(), short_before + 2) << "it is decided";

  bench.SetAccounts({{"10.0.0.1", "guest"}});
  bench.Tick(2);
  EXPECT_EQ(Rechecked(bench), 1u);
  EXPECT_FALSE(bench.pipeline().rechecking());
  EXPECT_EQ(bench.pipeline().rechecked(), 2u);
  EXPECT_FALSE(Asks(bench, "10.0.0.1"));
  EXPECT_FALSE(IsAnswered(bench, "10.0.0.1"));
  EXPECT_TRUE(Talks(bench, "10.0.0.2"));
  EXPECT_TRUE(Talks(bench, "10.0.0.3"));

  bench.SetAccounts({{"10.0.0.1", ""}});
  bench.Tick(2);
  EXPECT_TRUE(Talks(bench, "10.0.0.1"));
  EXPECT_EQ(Rechecked(bench), 2u);
}

bool SaysFromHome(PipelineHarness& bench, const std::string& client) {
  PacketBuilder builder;
  builder.Ipv6(client, "2001:db8:51::10")
      .Udp({.src_port = 5000, .dst_port = 5001})
      .Payload("hello there, this is long enough for a glance at it");
  return bench.FromInside(builder);
}

TEST(PipelineIdentity, LiveFlowsOfAPrefixAreJudgedAgainAtItsLoginAndLogout) {
  PipelineHarness bench("drop account guest id no-guests");
  const std::vector<std::string> at_home = {"2001:db8:0:100::5", "2001:db8:0:1ff:ffff::5"};
  const std::vector<std::string> elsewhere = {"2001:db8:0:ff::5", "2001:db8:0:200::5"};
  const auto all_pass = [&bench](const std::vector<std::string>& clients) {
    return std::all_of(clients.begin(), clients.end(),
                       [&bench](const std::string& client) { return SaysFromHome(bench, client); });
  };
  for (int i = 0; i < 12; ++i) ASSERT_TRUE(all_pass(at_home) && all_pass(elsewhere));
  ASSERT_TRUE(Talks(bench, "10.0.0.1"));
  bench.SetAccounts({{"2001:db8:0:100::/56", "guest"}});
  bench.Tick(2);
  EXPECT_EQ(Rechecked(bench), at_home.size()) << "and nobody else's";
  for (const std::string& client : at_home) EXPECT_FALSE(SaysFromHome(bench, client)) << client;
  EXPECT_TRUE(all_pass(elsewhere));
  EXPECT_TRUE(Talks(bench, "10.0.0.1"));

  bench.SetAccounts({{"2001:db8:0:100::/57", "anna"}});
  bench.Tick(2);
  EXPECT_TRUE(SaysFromHome(bench, at_home[0])) << "the longer one counts";
  EXPECT_FALSE(SaysFromHome(bench, at_home[1]));
  bench.SetAccounts({{"2001:db8:0:100::/56", ""}});
  bench.Tick(2);
  EXPECT_TRUE(all_pass(at_home));
  EXPECT_TRUE(all_pass(elsewhere));
}

TEST(PipelineIdentity, RecordTellsTheRuleAndItsVersion) {
  PipelineHarness bench("drop account guest id no-guests");
  ASSERT_TRUE(Talks(bench, "10.0.0.1"));
  bench.SetAccounts({{"10.0.0.1", "guest"}});
  bench.Tick();
  EXPECT_FALSE(Asks(bench, "10.0.0.1"));
  EXPECT_EQ(bench.session().event.verdict, Verdict::kDrop);
  EXPECT_EQ(bench.session().rule, "no-guests");
  EXPECT_EQ(bench.session().event.policy_version, 1u);
}

TEST(PipelineIdentity, StaleFlowThatSaysNoMoreKeepsItsPolicyVersionInTheRecord) {
  PipelineHarness bench("drop account guest id no-guests");
  ASSERT_TRUE(Talks(bench, "10.0.0.1"));
  bench.SetAccounts({{"10.0.0.1", "guest"}});
  bench.Tick();
  bench.CloseAll();
  EXPECT_EQ(bench.session().event.policy_version, 1u);
  EXPECT_EQ(bench.session().event.verdict, Verdict::kPass);
}

TEST(PipelineIdentity, LiveTcpConnectionIsStoppedAndLetGoOnAgain) {
  PipelineHarness bench("group students = account:/^s[0-9]+$/\ndrop group students id exams");
  TcpTalk talk(bench, 40000, 9999);
  ASSERT_TRUE(talk.Handshake());
  for (int i = 0; i < 12; ++i) {
    ASSERT_TRUE(talk.Say("abcdef"));
    ASSERT_TRUE(talk.Answer("ghijkl"));
  }
  bench.SetAccounts({{"10.20.0.11", "s7"}});
  bench.Tick(2);
  EXPECT_FALSE(talk.Say("more"));
  bench.SetAccounts({{"10.20.0.11", "t7"}});
  bench.Tick(2);
  EXPECT_TRUE(talk.Say("more"));
}

// A walk of many ticks, with flows that begin, end and change meanwhile.
TEST(PipelineIdentity, NoFlowKeepsAnOldVerdictWhenTheWalkTakesManyTicks) {
  constexpr unsigned kClients = 20'000;
  auto options = PipelineHarness::DefaultOptions();
  options.flow_limits.flows_max = 2 * kClients;
  options.flow_limits.embryonic_percent = 100;
  PipelineHarness bench("drop account guest", options);
  for (unsigned i = 0; i < kClients; ++i) ASSERT_TRUE(Talks(bench, Client(i + 1)));
  std::map<std::string, std::string> changes;
  for (unsigned i = 0; i < kClients; i += 100) changes[Client(i + 1)] = "guest";
  bench.SetAccounts(changes);
  const uint64_t before = Rechecked(bench);

  bench.Tick();
  ASSERT_TRUE(bench.pipeline().rechecking());
  // Behind the walk and before it, by the new table at once.
  EXPECT_FALSE(bench.FromInside(Datagram(Client(1), kServer, 6000, 6001)));
  EXPECT_FALSE(bench.FromInside(Datagram(Client(19'901), kServer, 6000, 6001)));
  // While it is under way, more changes: they have their turn behind it.
  bench.SetAccounts({{Client(1), "anna"}, {Client(2), "guest"}});
  bench.Tick(20);
  EXPECT_GE(bench.pipeline().rechecked(), 1u) << "the first walk ends before the second begins";
  bench.Tick(40);
  EXPECT_FALSE(bench.pipeline().rechecking());
  EXPECT_EQ(bench.pipeline().rechecked(), 2u);

  EXPECT_GE(Rechecked(bench) - before, changes.size());
  EXPECT_LE(Rechecked(bench) - before, changes.size() + 4);
  for (unsigned i = 1; i < kClients; ++i) {
    const bool guest = i == 1 || (i % 100 == 0);
    ASSERT_EQ(Asks(bench, Client(i + 1)), !guest) << i;
  }
  EXPECT_TRUE(Asks(bench, Client(1)));
}

TEST(PipelineIdentity, EverythingIsJudgedAgainWithoutAWalk) {
  PipelineHarness bench("drop account guest");
  ASSERT_TRUE(Talks(bench, "10.0.0.1"));
  ASSERT_TRUE(Talks(bench, "10.0.0.2"));
  bench.RecheckEverything();
  bench.Tick();
  EXPECT_EQ(bench.pipeline().rechecked(), 1u);
  EXPECT_FALSE(bench.pipeline().rechecking());
  EXPECT_TRUE(Talks(bench, "10.0.0.1"));
  EXPECT_EQ(bench.events().sessions().begin()->second.event.policy_version, 1u);
}

TEST(PipelineIdentity, LayersAroundTheFlowGoByItToo) {
  PipelineHarness bench("drop account guest");
  bench.SetAccounts({{"192.0.2.1", "guest"}});
  PacketBuilder tunnel;
  const Bytes inner = DatagramOf(Datagram("10.0.0.1", kServer, 5000, 5001));
  tunnel.Ipv4("192.0.2.1", "198.51.100.1").Raw(4).Payload(inner);
  EXPECT_FALSE(bench.FromInside(tunnel));
  tunnel = PacketBuilder().Ipv4("192.0.2.2", "198.51.100.1").Raw(4).Payload(inner);
  EXPECT_TRUE(bench.FromInside(tunnel));
}

std::string TextOf(const respond::OutFrame& frame) {
  return {frame.frame().begin(), frame.frame().end()};
}

constexpr const char* kPortal = "http://portal.campus.example/login";

pipeline::Options WithPortal() {
  auto options = PipelineHarness::DefaultOptions();
  options.respond.portal = kPortal;
  return options;
}

std::string Get(std::string_view host) {
  return fmt::format(
      "GET /somewhere HTTP/1.1\r\nHost: {}\r\nUser-Agent: curl/7.88.1\r\n"
      "Accept: */*\r\n\r\n",
      host);
}

TEST(PipelineIdentity, UnknownAddressGetsItsOutcomeBehindTheRules) {
  PipelineHarness bench;
  bench.Install("allow port udp/5001", rules::UnknownAddress::kReject);
  EXPECT_TRUE(Talks(bench, "10.0.0.1")) << "by a rule";
  EXPECT_FALSE(bench.FromInside(Datagram("10.0.0.1", kServer, 6000, 6001)));
  EXPECT_EQ(bench.last_reason(), packet::DropReason::kRejected);
  EXPECT_EQ(bench.events().sessions().rbegin()->second.rule, "unknown-address");
  // The end inside counts, whoever began.
  EXPECT_FALSE(bench.FromOutside(Datagram(kServer, "10.0.0.2", 6000, 6001)));
  PacketBuilder neighbours;
  neighbours.Ipv6("fe80::1", "ff02::1").Udp({.src_port = 546, .dst_port = 547}).Payload("solicit");
  EXPECT_TRUE(bench.FromInside(neighbours)) << "an address of the link alone is nobody's";
  bench.SetAccounts({{"10.0.0.1", "anna"}});
  bench.Tick(2);
  EXPECT_TRUE(bench.FromInside(Datagram("10.0.0.1", kServer, 6000, 6001)));
}

TEST(PipelineIdentity, AddressOfAPrefixIsNotUnknown) {
  PipelineHarness bench;
  bench.Install("", rules::UnknownAddress::kDrop);
  bench.SetAccounts({{"2001:db8:0:100::/56", "home"}});
  EXPECT_TRUE(SaysFromHome(bench, "2001:db8:0:1ff::5"));
  EXPECT_FALSE(SaysFromHome(bench, "2001:db8:0:200::5"));
  bench.SetAccounts({{"2001:db8:0:100::/56", ""}});
  bench.Tick(2);
  EXPECT_FALSE(SaysFromHome(bench, "2001:db8:0:1ff::5"));
}

TEST(PipelineIdentity, UnknownAddressAsksForAWebPageAndIsSentToThePortal) {
  PipelineHarness bench("", WithPortal());
  bench.Install("allow host portal.campus.example", rules::UnknownAddress::kPortal);
  TcpTalk talk(bench, 40000, 80);
  ASSERT_TRUE(talk.Handshake()) << "the request must come to be answered";
  EXPECT_FALSE(talk.Say(Get("www.example")));
  ASSERT_EQ(bench.answers().size(), 2u);
  const std::string answer = TextOf(bench.answers()[0]);
  EXPECT_NE(answer.find("HTTP/1.1 302 Found\r\nLocation: http://portal.campus.example/login\r\n"),
            std::string::npos);
  EXPECT_EQ(answer.find("somewhere"), std::string::npos) << "nothing of the request";
  EXPECT_EQ(bench.session().rule, "unknown-address");
  EXPECT_EQ(bench.session().event.verdict, Verdict::kReject);

  TcpTalk portal(bench, 40001, 80);
  ASSERT_TRUE(portal.Handshake());
  EXPECT_TRUE(portal.Say(Get("portal.campus.example")));
}

TEST(PipelineIdentity, UnknownAddressIsRejectedEverywhereElse) {
  PipelineHarness bench("", WithPortal());
  bench.Install("", rules::UnknownAddress::kPortal);
  EXPECT_FALSE(TcpTalk(bench, 40000, 443).Handshake());
  EXPECT_FALSE(bench.FromInside(Datagram("10.0.0.1", kServer, 6000, 80))) << "UDP";
  bench.SetAccounts({{"10.20.0.11", "anna"}});
  bench.Tick(2);
  EXPECT_TRUE(TcpTalk(bench, 40001, 443).Handshake());
  EXPECT_TRUE(TcpTalk(bench, 40002, 80).Handshake());
}

}  // namespace
}  // namespace weir::testing

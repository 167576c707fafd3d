// How weir-dataplane begins and ends: bad input, two of them at once, crash and restart.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "tests/component/dataplane_app/dataplane_process.h"

namespace weir::testing {
namespace {

// Starts it, expects it to refuse with exit code 1, and returns its only line.
std::string OnlyLineOf(DataplaneProcess& dataplane) {
  dataplane.Start();
  EXPECT_EQ(dataplane.Wait(), 1);
  const std::string log = dataplane.log();
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 1) << log;
  return log;
}

std::vector<Bytes> ThreeFlows() {
  std::vector<Bytes> frames;
  for (const char* host : {"10.20.0.11", "10.20.0.12", "10.20.0.13"}) {
    frames.push_back(
        PacketBuilder().Ipv4(host, "198.51.100.10").Udp({.dst_port = 9}).Payload("x").Build());
  }
  return frames;
}

TEST(StartAndEnd, APortThatDoesNotExistIsOneLine) {
  DataplaneProcess dataplane;
  dataplane.ReplaceInConfig("net_pcap1,", "net_af_xdp0,iface=nowhere0,");
  EXPECT_EQ(OnlyLineOf(dataplane), "port outside: there is no network interface 'nowhere0'\n");
}

TEST(StartAndEnd, ACaptureThatDoesNotExistIsOneLine) {
  DataplaneProcess dataplane;
  std::filesystem::remove(dataplane.home() / "inside.in.pcap");
  const std::string line = OnlyLineOf(dataplane);
  EXPECT_EQ(line.find("port inside: 'net_pcap0,"), 0U) << line;
  EXPECT_NE(line.find("No such file"), std::string::npos) << line;
}

TEST(StartAndEnd, AnEalArgumentThatDpdkDoesNotKnowIsOneLine) {
  DataplaneProcess dataplane;
  dataplane.ReplaceInConfig("[\"--no-huge\"]", "[\"--no-huge\", \"--nonsense\"]");
  const std::string line = OnlyLineOf(dataplane);
  EXPECT_NE(line.find("unrecognized option '--nonsense'"), std::string::npos) << line;
}

TEST(StartAndEnd, ABrokenRulesFileIsOneLineAndNothingStarts) {
  DataplaneProcess dataplane;
  dataplane.SetRules("allow any\ndropp host bad.example\n");
  const std::string line = OnlyLineOf(dataplane);
  EXPECT_NE(line.find("test.rules:2:1: 'dropp'"), std::string::npos) << line;
  EXPECT_TRUE(std::filesystem::is_empty(dataplane.home() / "journal"));
}

TEST(StartAndEnd, AnUnknownKeyIsOneLine) {
  DataplaneProcess dataplane;
  dataplane.ReplaceInConfig("[ports]", "[ports]\nsideways = 1");
  EXPECT_NE(OnlyLineOf(dataplane).find("weir.toml:3:1"), std::string::npos);
}

TEST(StartAndEnd, CheckStartsNothing) {
  DataplaneProcess dataplane;
  dataplane.Start({"--check"});
  EXPECT_EQ(dataplane.Wait(), 0);
  EXPECT_NE(dataplane.log().find("good"), std::string::npos);
  EXPECT_TRUE(std::filesystem::is_empty(dataplane.home() / "journal"));
}

TEST(StartAndEnd, SigtermClosesEverySessionInTheJournal) {
  DataplaneProcess dataplane;
  const auto frames = ThreeFlows();
  dataplane.SetFrames(frames, {});
  dataplane.Start();
  ASSERT_TRUE(dataplane.WaitUntilItAnswers());
  dataplane.WaitForPackets(frames.size());
  ASSERT_EQ(dataplane.Stop(), 0) << dataplane.log();

  const auto sessions = dataplane.sessions();
  ASSERT_EQ(sessions.size(), frames.size());
  for (const auto& [id, session] : sessions) {
    EXPECT_EQ(session.event.state, events::SessionState::kClosed);
    EXPECT_EQ(session.event.end_reason, events::EndReason::kShutdown);
    EXPECT_EQ(session.event.direction, events::Direction::kOutbound);
    EXPECT_EQ(session.event.packets_to_dst, 1U);
  }
  EXPECT_EQ(dataplane.health().back(), events::HealthKind::kStopped);
  EXPECT_FALSE(std::filesystem::exists(dataplane.home() / "dataplane.sock"));
}

TEST(StartAndEnd, AfterAKillTheNextStartGoesOnInTheSameJournal) {
  DataplaneProcess dataplane;
  dataplane.SetFrames(ThreeFlows(), {});
  for (int round = 0; round < 2; ++round) {
    dataplane.Start();
    ASSERT_TRUE(dataplane.WaitUntilItAnswers());
    dataplane.WaitForPackets(3);
    // Announced, and then in the journal: from there on no kill takes them back.
    EXPECT_TRUE(dataplane.WaitForSessions(3 * static_cast<size_t>(round + 1)));
    if (round == 0) {
      dataplane.Signal(SIGKILL);
      dataplane.Wait();
    }
  }
  ASSERT_EQ(dataplane.Stop(), 0) << dataplane.log();
  EXPECT_EQ(dataplane.sessions().size(), 6U);
  const auto health = dataplane.health();
  EXPECT_EQ(std::count(health.begin(), health.end(), events::HealthKind::kStarted), 2);
}

TEST(StartAndEnd, PolicyVersionsDoNotRepeatOverRestarts) {
  DataplaneProcess dataplane;
  std::set<uint32_t> versions;
  for (int round = 0; round < 3; ++round) {
    dataplane.Start();
    ASSERT_TRUE(dataplane.WaitUntilItAnswers());
    versions.insert(dataplane.Ask({{"cmd", "policy.status"}})["policy"]["version"].get<uint32_t>());
    ASSERT_EQ(dataplane.Stop(), 0);
  }
  EXPECT_EQ(versions.size(), 3U);
}

TEST(StartAndEnd, ASecondOneOnTheSameJournalIsRefusedAndTheFirstGoesOn) {
  DataplaneProcess first;
  first.Start();
  ASSERT_TRUE(first.WaitUntilItAnswers());
  const auto before = first.Ask({{"cmd", "policy.status"}});
  DataplaneProcess second;
  second.ReplaceInConfig(second.home().string() + "/journal", first.home().string() + "/journal");
  EXPECT_NE(OnlyLineOf(second).find("in use"), std::string::npos);
  EXPECT_EQ(first.Ask({{"cmd", "policy.status"}}), before);
  EXPECT_EQ(first.Stop(), 0);
}

TEST(StartAndEnd, BlocksOfTheControlPlaneAreReadFirst) {
  DataplaneProcess dataplane;
  dataplane.SetRules("allow any id everything\n");
  std::ofstream(dataplane.home() / "data" / "blocks.rules") << "drop ip 192.0.2.1 id block-1\n";
  dataplane.Start();
  ASSERT_TRUE(dataplane.WaitUntilItAnswers());
  const auto answer = dataplane.Ask({{"cmd", "why"}, {"dst", "192.0.2.1"}, {"port", 80}});
  EXPECT_EQ(answer["rule"]["id"], "block-1") << answer;
  EXPECT_EQ(dataplane.Stop(), 0);
}

}  // namespace
}  // namespace weir::testing

// Requests to the data plane's control socket, and the policy that they change.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <array>
#include <chrono>
#include <fstream>
#include <thread>

#include "dataplane/events/event.h"
#include "tests/component/dataplane_app/dataplane_process.h"

namespace weir::testing {
namespace {

using nlohmann::json;

json InstallRequest(const std::string& text) {
  return {{"cmd", "policy.install"}, {"sources", {{{"name", "given.rules"}, {"text", text}}}}};
}

class ControlSocket : public ::testing::Test {
 protected:
  void SetUp() override {
    dataplane_.SetRules("drop port tcp/23 id telnet class old reason \"a reason\"\n");
    dataplane_.Start();
    ASSERT_TRUE(dataplane_.WaitUntilItAnswers());
  }
  void TearDown() override { EXPECT_EQ(dataplane_.Stop(), 0) << dataplane_.log(); }

  uint32_t Version() { return Status()["policy"]["version"]; }
  json Status() { return dataplane_.Ask({{"cmd", "policy.status"}}); }
  std::string RefusalOf(const json& request) {
    const json reply = dataplane_.Ask(request);
    EXPECT_EQ(reply["ok"], false) << reply;
    const std::string error = reply.value("error", "");
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
    return error;
  }

  DataplaneProcess dataplane_;
};

TEST_F(ControlSocket, IsForItsOwnerAndGroupOnly) {
  struct stat info {};
  ASSERT_EQ(::stat((dataplane_.home() / "dataplane.sock").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0660U);
}

TEST_F(ControlSocket, RefusesWhatIsNoRequest) {
  for (const char* line : {"nonsense", "[1,2]", "{\"cmd\":", "7", "{\"cmd\":7}", "{}",
                           "{\"cmd\":\"reboot\"}", "\"\\ud800\""}) {
    const json reply = dataplane_.AskLine(line);
    EXPECT_EQ(reply["ok"], false) << line;
    EXPECT_TRUE(reply["error"].is_string()) << line;
  }
  EXPECT_NE(RefusalOf({{"cmd", "reboot"}}).find("'reboot'"), std::string::npos);
}

TEST_F(ControlSocket, RefusesWrongMembers) {
  RefusalOf({{"cmd", "bypass"}});
  RefusalOf({{"cmd", "bypass"}, {"on", "yes"}});
  RefusalOf({{"cmd", "flows"}, {"limit", -1}});
  RefusalOf({{"cmd", "flows"}, {"limit", 1'000'000}});
  RefusalOf({{"cmd", "why"}, {"dst", "10.0.0.300"}});
  RefusalOf({{"cmd", "why"}, {"port", 70'000}});
  RefusalOf({{"cmd", "why"}, {"proto", "carrier pigeon"}});
  RefusalOf({{"cmd", "policy.install"}});
  RefusalOf({{"cmd", "policy.install"}, {"sources", "text"}});
  RefusalOf({{"cmd", "policy.install"}, {"sources", {{{"text", "without a name"}}}}});
  json wrong_mode = InstallRequest("");
  wrong_mode["mode"] = "perhaps";
  RefusalOf(wrong_mode);
}

TEST_F(ControlSocket, BrokenPolicyIsRefusedAndTheRunningOneStays) {
  const json before = Status();
  EXPECT_EQ(RefusalOf(InstallRequest("allow any\ndropp host x.example\n")).find("given.rules:2:1"),
            0U);
  const json after = Status();
  EXPECT_EQ(after["policy"], before["policy"]);
  EXPECT_NE(after["last_refusal"].get<std::string>().find("dropp"), std::string::npos);
  EXPECT_EQ(dataplane_.Ask({{"cmd", "rules"}})["rules"][0]["id"], "telnet");
}

TEST_F(ControlSocket, GoodPolicyIsInForceWhenTheReplyComes) {
  const uint32_t before = Version();
  const json reply =
      dataplane_.Ask(InstallRequest("drop port tcp/25 id smtp\nallow any id rest\n"));
  EXPECT_EQ(reply["ok"], true) << reply;
  EXPECT_EQ(reply["policy"]["version"], before + 1);
  EXPECT_EQ(reply["policy"]["rules"], 2);
  EXPECT_EQ(reply["policy"]["mode"], "enforce");
  EXPECT_EQ(reply["policy"]["digest"].get<std::string>().size(), 64U);
  EXPECT_EQ(Status()["policy"], reply["policy"]);
  EXPECT_FALSE(Status().contains("last_refusal"));
}

TEST_F(ControlSocket, RulesAreListedWithTheirText) {
  const json rule = dataplane_.Ask({{"cmd", "rules"}})["rules"][0];
  EXPECT_EQ(rule["id"], "telnet");
  EXPECT_EQ(rule["verb"], "drop");
  EXPECT_EQ(rule["class"], "old");
  EXPECT_EQ(rule["reason"], "a reason");
  EXPECT_EQ(rule["hits"], 0);
  EXPECT_TRUE(rule["last_hit"].is_null());
  EXPECT_EQ(rule["line"], 1);
  EXPECT_EQ(rule["file"], (dataplane_.home() / "rules" / "test.rules").string());
  EXPECT_NE(rule["text"].get<std::string>().find("drop port tcp/23"), std::string::npos);
}

TEST_F(ControlSocket, WhyNamesTheRuleThatDecides) {
  const json question = {{"cmd", "why"}, {"src", "10.0.0.1"}, {"dst", "192.0.2.1"}, {"port", 23}};
  const json answer = dataplane_.Ask(question);
  EXPECT_EQ(answer["verdict"], "drop") << answer;
  EXPECT_EQ(answer["rule"]["id"], "telnet");
  json other = question;
  other["port"] = 80;
  EXPECT_EQ(dataplane_.Ask(other)["verdict"], "pass");
  EXPECT_TRUE(dataplane_.Ask(other)["rule"].is_null());
}

std::string HexOf(const events::SessionEvent& session) {
  std::array<uint8_t, events::kEncodedBytesMax> bytes;
  std::string hex;
  const size_t count = events::Encode(session, bytes);
  for (size_t at = 0; at < count; ++at) hex += fmt::format("{:02x}", bytes[at]);
  return hex;
}

events::SessionEvent SessionTo(std::string_view name, uint16_t port) {
  events::SessionEvent session;
  session.src_ip = *base::IpAddress::Parse("10.0.0.1");
  session.dst_ip = *base::IpAddress::Parse("192.0.2.1");
  session.dst_port = port;
  session.ip_protocol = 6;
  session.direction = events::Direction::kOutbound;
  session.state = events::SessionState::kClosed;
  session.name = name;
  return session;
}

TEST_F(ControlSocket, APolicyIsTriedWithoutBeingInstalled) {
  const json before = Status();
  json request = InstallRequest(
      "drop domain bad.example id name\ndrop app YouTube id video\ndrop port tcp/25 from outside "
      "id side\n");
  request["cmd"] = "policy.try";
  const json tried = dataplane_.Ask(request);
  ASSERT_EQ(tried["ok"], true) << tried;
  EXPECT_EQ(tried["rules"], 3);
  EXPECT_EQ(tried["live"]["looked_at"], 0);
  EXPECT_EQ(Status(), before);

  events::SessionEvent video = SessionTo("", 443);
  video.app = "TLS.YouTube";
  json sessions = {HexOf(SessionTo("www.bad.example", 443)),
                   HexOf(SessionTo("good.example", 443)),
                   HexOf(SessionTo("", 23)),
                   HexOf(SessionTo("", 25)),
                   HexOf(video),
                   "zz",
                   7};
  const json judge = {{"cmd", "policy.judge"}, {"trial", tried["trial"]}, {"sessions", sessions}};
  const json judged = dataplane_.Ask(judge);
  ASSERT_EQ(judged["ok"], true) << judged;
  EXPECT_EQ(judged["looked_at"], 5);
  EXPECT_EQ(judged["undecodable"], 2);
  EXPECT_EQ(judged["same"], 2);
  ASSERT_EQ(judged["changes"].size(), 3U) << judged;
  EXPECT_EQ(judged["changes"][0]["from"], "pass");
  EXPECT_EQ(judged["changes"][0]["to"], "drop");
  EXPECT_EQ(judged["changes"][0]["rule"], "name");
  EXPECT_EQ(judged["changes"][0]["places"]["www.bad.example:443/tcp"], 1);
  EXPECT_EQ(judged["changes"][1]["rule"], "video");
  EXPECT_EQ(judged["changes"][2]["from"], "drop");
  EXPECT_EQ(judged["changes"][2]["rule_before"], "telnet");
  EXPECT_EQ(judged["changes"][2]["rule"], "");
}

TEST_F(ControlSocket, ATrialKnowsWhoseTheAddressesAre) {
  const json told = dataplane_.Ask({{"cmd", "identity.update"},
                                    {"boot", "b"},
                                    {"seq", 1},
                                    {"full", true},
                                    {"first", true},
                                    {"last", true},
                                    {"set", {{{"ip", "10.0.0.1"}, {"account", "anna"}}}}});
  ASSERT_EQ(told["again"], false) << told;
  // Another number for her set than it has in the policy in force.
  json request = InstallRequest("drop account ben id b\ndrop account anna id a\n");
  request["cmd"] = "policy.try";
  const json tried = dataplane_.Ask(request);
  const json sessions = json::array({HexOf(SessionTo("good.example", 443))});
  const json judged =
      dataplane_.Ask({{"cmd", "policy.judge"}, {"trial", tried["trial"]}, {"sessions", sessions}});
  ASSERT_EQ(judged["changes"].size(), 1U) << judged;
  EXPECT_EQ(judged["changes"][0]["rule"], "a");
}

TEST_F(ControlSocket, ATrialHasLimits) {
  json request = InstallRequest("dropp any\n");
  request["cmd"] = "policy.try";
  EXPECT_EQ(RefusalOf(request).find("given.rules:1:1"), 0U);
  EXPECT_FALSE(Status().contains("last_refusal")) << "nothing was to be installed";
  EXPECT_NE(RefusalOf({{"cmd", "policy.judge"}, {"trial", 1}}).find("no trial 1"),
            std::string::npos);
  request = InstallRequest("allow any\n");
  request["cmd"] = "policy.try";
  const json first = dataplane_.Ask(request);
  const json second = dataplane_.Ask(request);
  json judge = {{"cmd", "policy.judge"}, {"trial", first["trial"]}, {"sessions", json::array()}};
  RefusalOf(judge);  // only the last one is kept
  judge["trial"] = second["trial"];
  EXPECT_EQ(dataplane_.Ask(judge)["looked_at"], 0);
  judge["sessions"] = std::vector<std::string>(2001, "00");
  EXPECT_NE(RefusalOf(judge).find("up to 2000"), std::string::npos);
  judge.erase("sessions");
  RefusalOf(judge);
}

TEST_F(ControlSocket, StatsHaveTheShapeThatTheControlPlaneReads) {
  const json stats = dataplane_.Ask({{"cmd", "stats"}});
  EXPECT_EQ(stats["ok"], true);
  EXPECT_EQ(stats["boot_id"].get<std::string>().size(), 16U);
  EXPECT_EQ(stats["ports"][0]["name"], "inside");
  EXPECT_EQ(stats["ports"][0]["driver"], "net_pcap");
  EXPECT_EQ(stats["ports"][1]["name"], "outside");
  EXPECT_EQ(stats["flows"]["capacity"], 10000);
  EXPECT_TRUE(stats["flows"]["by_category"].is_object());
  EXPECT_EQ(stats["workers"][0]["core"], 0);
  EXPECT_EQ(stats["classifier"]["queue_full"], 0);
  for (const char* reason :
       {"policy", "rejected", "table_full", "transmit", "stream", "fragment", "too_deep"}) {
    EXPECT_EQ(stats["dropped"][reason], 0) << reason;
  }
  EXPECT_EQ(stats["fragments"]["overlap"], 0);
  for (const char* key : {"lost", "produced", "stored"}) {
    for (const char* loss_class : {"session", "finding", "health", "detail"}) {
      EXPECT_TRUE(stats["journal"][key][loss_class].is_number()) << key << loss_class;
    }
  }
  EXPECT_EQ(stats["bypass"], false);
}

TEST_F(ControlSocket, SighupReadsTheRulesAgain) {
  const uint32_t before = Version();
  dataplane_.SetRules("drop port udp/69 id tftp\n");
  dataplane_.Signal(SIGHUP);
  for (int waited = 0; waited < 500 && Version() == before; ++waited) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(Version(), before + 1);
  EXPECT_EQ(dataplane_.Ask({{"cmd", "rules"}})["rules"][0]["id"], "tftp");
}

TEST_F(ControlSocket, HealthEventsTellWhatWasDone) {
  dataplane_.Ask(InstallRequest("allow any\n"));
  dataplane_.Ask(InstallRequest("no rule at all\n"));
  dataplane_.Ask({{"cmd", "bypass"}, {"on", true}});
  ASSERT_EQ(dataplane_.Stop(), 0);
  using enum events::HealthKind;
  EXPECT_EQ(dataplane_.health(), (std::vector{kStarted, kPolicyInstalled, kPolicyInstalled,
                                              kPolicyRefused, kBypass, kStopped}));
  dataplane_.Start();
  ASSERT_TRUE(dataplane_.WaitUntilItAnswers());
}

}  // namespace
}  // namespace weir::testing

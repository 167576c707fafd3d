// Requests to the data plane's control socket, and the policy that they change.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <chrono>
#include <fstream>
#include <thread>

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

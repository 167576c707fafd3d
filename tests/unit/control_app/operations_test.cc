// The operations log: what is done stands there before it is done, what is looked up before it is
// shown; and what happens when nothing can be written there.
#include <gmock/gmock.h>
#include <spdlog/sinks/ostream_sink.h>

#include <algorithm>
#include <sstream>

#include "control_app_fixture.h"

namespace weir::control::app {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kIncident = "I-20261122-0001";

class OperationsTest : public ControlAppTest {
 protected:
  void SetUp() override {
    ControlAppTest::SetUp();
    std::ofstream(dir_ / "bad.txt") << "a.example\n";
    std::ofstream(dir_ / "campus.rules")
        << "protect ip 10.0.0.53\nlist bad from \"bad.txt\"\ndrop list bad\n";
    WriteTraffic(1);
    Start();
    ASSERT_TRUE(Eventually([this] { return HasIncident(); }));
    ASSERT_TRUE(Eventually([this] { return dataplane_->Accounts().size() == 1; }));
  }

  json Newest() { return JsonOfOperations()[0]; }
  // How many entries there are of an action.
  int64_t Count(const std::string& action) {
    const auto log = JsonOfOperations();
    return std::count_if(log.begin(), log.end(),
                         [&](const json& entry) { return entry["action"] == action; });
  }
  void WriteFile(const char* name, const std::string& text) const {
    std::ofstream(dir_ / name, std::ios::binary) << text;
  }
};

TEST_F(OperationsTest, ALookHasItsReasonAndHowMuchItShowed) {
  struct Look {
    std::vector<std::string> arguments;
    std::string action;
    std::string target;
    int64_t rows;
  };
  const std::vector<Look> looks{
      {{"why", "10.0.0.1", "x.example:443"},
       "why",
       "name=x.example port=443 proto=tcp src=10.0.0.1",
       1},
      {{"show", "flows"}, "show flows", "", 2},
      {{"show", "accounts", "--account", "s2023001"}, "show accounts", "s2023001", 1},
      {{"top", "talkers", "--last", "7d"}, "top talkers", "the last 604800 s", 2},
      {{"incidents"}, "incidents", "all=0 limit=100", 1},
      {{"incident", "show", kIncident}, "incident show", kIncident, 1},
      {{"accounts", "history", "s2023001"}, "accounts history", "s2023001", 1},
  };
  for (const Look& look : looks) {
    std::vector<std::string> arguments = look.arguments;
    arguments.insert(arguments.end(), {"--reason", "case 1", "--request", "K-9"});
    const Ran ran = Weirctl(arguments);
    const json entry = Newest();
    EXPECT_EQ(entry["action"], look.action) << ran.err;
    EXPECT_EQ(entry["target"], look.target);
    EXPECT_EQ(entry["reason"], "case 1 (K-9)") << look.action;
    if (look.action == "top talkers") continue;  // of how many sessions depends on the day
    EXPECT_EQ(entry["rows"], look.rows) << look.action;
  }
  EXPECT_EQ(Weirctl({"accounts", "lookup", "10.0.0.1", "--reason", "case 1"}).code, 0);
  EXPECT_EQ(Newest()["rows"], 1);
  EXPECT_EQ(Newest()["reason"], "case 1");
  EXPECT_EQ(Call("GET", std::string("incidents/") + kIncident + "/report?reason=r").status, 200u);
  EXPECT_EQ(Newest()["action"], "incident show as report");
  WriteFile("fresh.csv", "account,ip,mac,group,room,seat\nt1,2001:db8::1,,,,\n");
  EXPECT_EQ(Weirctl({"accounts", "diff", (dir_ / "fresh.csv").string()}).code, 0);
  EXPECT_EQ(Newest()["rows"], 2);
}

TEST_F(OperationsTest, NothingIsShownThatCannotBeWrittenDown) {
  EXPECT_EQ(Weirctl({"incident", "ack", kIncident}).code, 0);  // a case with a log
  RefuseEntries();
  const std::string incident = std::string("incidents/") + kIncident;
  for (const std::string& path :
       {std::string("why?src=10.0.0.1&name=x.example&port=443"), std::string("show/flows"),
        std::string("show/accounts?account=s2023001"), std::string("top/talkers"),
        std::string("incidents"), incident, incident + "/report",
        std::string("accounts/lookup?what=10.0.0.1"), std::string("accounts/history?what=s2023001"),
        std::string("sessions?reason=r")}) {
    const auto answer = Call("GET", path);
    EXPECT_EQ(answer.status, 503u) << path;
    EXPECT_THAT(answer.body, HasSubstr("the operations log cannot be written")) << path;
    EXPECT_THAT(answer.body, Not(HasSubstr("s2023001"))) << path;
  }
  EXPECT_EQ(Call("POST", "lists/bad/check", "{}").status, 503u);
}

TEST_F(OperationsTest, ALookThatIsRepeatedDoesNotFloodTheLog) {
  for (int i = 0; i < 5; i++) EXPECT_EQ(Weirctl({"top", "talkers"}).code, 0);
  EXPECT_EQ(Count("top talkers"), 1);
  EXPECT_EQ(Weirctl({"top", "talkers", "--reason", "another"}).code, 0);
  EXPECT_EQ(Count("top talkers"), 2);
  const int64_t before = Count("incidents");
  EXPECT_EQ(Weirctl({"incidents"}).code, 0);
  EXPECT_EQ(Count("incidents"), before);
  EXPECT_EQ(Weirctl({"incidents", "--all"}).code, 0);
  EXPECT_EQ(Count("incidents"), before + 1);
  // One that could not be written down is no first one.
  RefuseEntries();
  EXPECT_EQ(Call("GET", "top/apps").status, 503u);
  EXPECT_EQ(Call("GET", "top/apps").status, 503u);
  TakeEntries();
  EXPECT_EQ(Call("GET", "top/apps").status, 200u);
  EXPECT_EQ(Count("top apps"), 1);
}

TEST_F(OperationsTest, AnActIsWrittenDownBeforeAndAfter) {
  EXPECT_EQ(Weirctl({"block", "domain", "bad.example", "--reason", "notice 7"}).code, 0);
  EXPECT_EQ(Weirctl({"unblock", "block-1"}).code, 0);
  EXPECT_EQ(Weirctl({"audit", "hold", "--from", "2026-01-01", "--to", "2026-02-01", "--reason",
                     "court", "--request", "K-10"})
                .code,
            0);
  EXPECT_EQ(Weirctl({"audit", "release", "9", "--reason", "over"}).code, 1);
  EXPECT_EQ(Weirctl({"bypass", "off", "--reason", "over"}).code, 0);
  const std::vector<std::array<const char*, 3>> wanted{{"bypass", "done", "over"},
                                                       {"bypass", "begun", "over"},
                                                       {"audit release", "ref", "over"},
                                                       {"audit release", "begun", "over"},
                                                       {"audit hold", "done", "court (K-10)"},
                                                       {"audit hold", "begun", "court (K-10)"},
                                                       {"unblock", "done", ""},
                                                       {"unblock", "begun", ""},
                                                       {"block", "done", "notice 7"},
                                                       {"block", "begun", "notice 7"}};
  const auto log = JsonOfOperations();
  for (size_t i = 0; i < wanted.size(); i++) {
    EXPECT_EQ(log[i]["action"], wanted[i][0]) << i;
    EXPECT_THAT(log[i]["outcome"].get<std::string>(), ::testing::StartsWith(wanted[i][1])) << i;
    EXPECT_EQ(log[i]["reason"], wanted[i][2]) << i;
  }
}

TEST_F(OperationsTest, NothingIsDoneThatCannotBeWrittenDown) {
  ASSERT_EQ(Weirctl({"block", "domain", "bad.example", "--reason", "r"}).code, 0);
  ASSERT_EQ(Weirctl({"audit", "seal"}).code, 0);
  const auto hold =
      Json({"audit", "hold", "--from", "2026-01-01", "--to", "2026-02-01", "--reason", "court"});
  const size_t installs = dataplane_->Installs().size();
  const auto seals = Json({"audit", "status"})["seals"];
  WriteFile("campus.rules", "drop host x.example\n");
  RefuseEntries();
  const std::vector<std::array<std::string, 3>> acts{
      {"POST", "blocks", R"({"kind":"ip","value":"203.0.113.9","reason":"r"})"},
      {"DELETE", "blocks/block-1", ""},
      {"POST", "rules/apply", "{}"},
      {"POST", "rules/confirm", "{}"},
      {"POST", "rules/undo", "{}"},
      {"POST", "bypass", R"({"on":false})"},
      {"POST", "lists/bad/refresh", "{}"},
      {"POST", "lists/bad/import", R"({"content":"b.example\n"})"},
      {"POST", "accounts/import", R"({"csv":"account,ip,mac,group,room,seat\n"})"},
      {"POST", "audit/seal", "{}"},
      {"POST", "audit/anchor", "{}"},
      {"POST", "audit/key/rotate", R"({"reason":"r"})"},
      {"POST", "audit/holds", R"({"from":"2026-03-01T00:00:00Z","reason":"r"})"},
      {"DELETE", "audit/holds/1?reason=r", ""},
      {"POST", std::string("incidents/") + kIncident + "/ack", "{}"}};
  for (const auto& [method, path, body] : acts) {
    const auto answer = Call(method, path, body);
    EXPECT_EQ(answer.status, 503u) << path;
    EXPECT_THAT(answer.body, HasSubstr("the operations log cannot be written")) << path;
  }
  TakeEntries();
  EXPECT_EQ(dataplane_->Installs().size(), installs);
  EXPECT_EQ(Json({"blocks"})["blocks"].size(), 1u);
  const auto after = Json({"audit", "status"});
  EXPECT_EQ(after["seals"]["newest"], seals["newest"]);
  EXPECT_EQ(after["seals"]["key"], seals["key"]);
  ASSERT_EQ(after["holds"].size(), 1u);
  EXPECT_EQ(after["holds"][0]["id"], hold["id"]);
  EXPECT_EQ(Json({"incidents"})["incidents"][0]["state"], "open");
  EXPECT_EQ(Json({"accounts", "lookup", "10.0.0.1"})["bindings"][0]["account"], "s2023001");
  EXPECT_EQ(Json({"lists"})["lists"][0]["content"]["entries"], 1);
}

TEST_F(OperationsTest, WhatWasDoneIsNotCalledRefused) {
  RefuseEntries("NEW.outcome <> 'begun'");
  const auto answer =
      Call("POST", "blocks", R"({"kind":"domain","value":"bad.example","reason":"r"})");
  EXPECT_EQ(answer.status, 500u);
  EXPECT_THAT(answer.body, HasSubstr("done; but the operations log cannot be written"));
  EXPECT_EQ(Json({"blocks"})["blocks"].size(), 1u);
  EXPECT_EQ(Newest()["action"], "block");
  EXPECT_EQ(Newest()["outcome"], "begun");
}

// The network stands still at night: the way out works whatever the disk does, and says so.
TEST_F(OperationsTest, BypassGoesOnWithoutALogAndSaysSo) {
  std::ostringstream system_log;
  const auto before = spdlog::default_logger();
  spdlog::set_default_logger(std::make_shared<spdlog::logger>(
      "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(system_log)));
  RefuseEntries();
  const Ran on = Weirctl({"bypass", "on", "--reason", "nothing passes"});
  EXPECT_EQ(on.code, 0) << on.err;
  EXPECT_EQ(on.out, "bypass is on\n");
  EXPECT_THAT(on.err, HasSubstr("THIS IS NOT IN THE OPERATIONS LOG"));
  EXPECT_THAT(on.err, HasSubstr("the disk is full"));
  EXPECT_TRUE(dataplane_->bypass());
  EXPECT_THAT(Json({"bypass", "on"})["not_logged"].get<std::string>(),
              HasSubstr("done; but the operations log cannot be written"));
  EXPECT_EQ(Weirctl({"bypass", "off"}).code, 1);
  EXPECT_TRUE(dataplane_->bypass());
  TakeEntries();
  const Ran off = Weirctl({"bypass", "off"});
  EXPECT_EQ(off.code, 0);
  EXPECT_EQ(off.err, "");
  EXPECT_FALSE(dataplane_->bypass());
  const Ran logged = Weirctl({"bypass", "on", "--reason", "again"});
  EXPECT_EQ(logged.err, "");
  EXPECT_EQ(Newest()["outcome"], "done");
  EXPECT_EQ(Newest()["reason"], "again");
  spdlog::set_default_logger(before);
  EXPECT_THAT(system_log.str(), HasSubstr("[critical] bypass on by "));
  EXPECT_THAT(system_log.str(), HasSubstr("nothing passes"));
  EXPECT_THAT(system_log.str(), HasSubstr("the disk is full"));
}

// What only weir-control may read is read for nobody.
TEST_F(OperationsTest, ListsAreSentAndNoFileIsOpenedForSomebody) {
  const std::string secret = "f00dfeedf00dfeedf00dfeed";
  WriteFile("backup.key", secret + "\n");
  const json by_path{{"file", (dir_ / "backup.key").string()}};
  for (const char* what : {"check", "import"}) {
    const auto answer = Call("POST", std::string("lists/bad/") + what, by_path.dump());
    EXPECT_EQ(answer.status, 400u) << what;
    EXPECT_THAT(answer.body, Not(HasSubstr("f00d"))) << what;
  }
  EXPECT_EQ(Call("POST", "lists/bad/import", "{}").status, 400u);
  EXPECT_EQ(Call("POST", "lists/bad/import", R"({"content":7})").status, 400u);
  EXPECT_EQ(Json({"lists"})["lists"][0]["content"]["entries"], 1);

  WriteFile("new.txt", "a.example\nb.example\n");
  const std::string file = (dir_ / "new.txt").string();
  const Ran diff = Weirctl({
      "lists",
      "diff",
      "bad",
      file,
  });
  EXPECT_EQ(diff.code, 0) << diff.err;
  EXPECT_THAT(diff.out, HasSubstr("+ b.example"));
  json entry = Newest();
  EXPECT_EQ(entry["action"], "lists check");
  EXPECT_THAT(entry["target"].get<std::string>(), HasSubstr("bad with 20 bytes, sha256 "));
  EXPECT_EQ(entry["outcome"], "done: 1 added, 0 removed");
  EXPECT_EQ(Weirctl({"lists", "check", "bad"}).code, 0);
  EXPECT_EQ(Newest()["target"], "bad");
  EXPECT_EQ(Weirctl({"lists", "import", "bad", file}).code, 0);
  EXPECT_EQ(Json({"lists"})["lists"][0]["content"]["entries"], 2);

  // Who sends the wrong file sees what is wrong with it; nobody else does for good.
  WriteFile("wrong.txt", "password: 12345\n");
  for (const char* verb : {"diff", "import"}) {
    const Ran wrong = Weirctl({"lists", verb, "bad", (dir_ / "wrong.txt").string()});
    EXPECT_EQ(wrong.code, 1);
    EXPECT_THAT(wrong.err, HasSubstr("12345")) << wrong.err;
    entry = Newest();
    EXPECT_THAT(entry["outcome"].get<std::string>(),
                ::testing::StartsWith("refused: it is no list"));
    EXPECT_THAT(entry.dump(), Not(HasSubstr("12345")));
  }
  WriteFile("wrong.txt", "\xff\xfe\x41");
  EXPECT_EQ(Weirctl({"lists", "import", "bad", (dir_ / "wrong.txt").string()}).code, 1);
  EXPECT_EQ(Weirctl({"lists", "import", "bad", (dir_ / "none").string()}).code, 1);
}

}  // namespace
}  // namespace weir::control::app

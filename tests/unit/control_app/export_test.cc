// What an export's signature is over: all that was asked for, and nothing that its manifest does
// not tell.
#include <gmock/gmock.h>

#include <algorithm>

#include "control_app_fixture.h"
#include "dataplane/base/sha256.h"

namespace weir::control::app {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

class ExportTest : public ControlAppTest {
 protected:
  void SetUp() override {
    ControlAppTest::SetUp();
    WriteTraffic(1);
    Start();
    ASSERT_TRUE(Eventually([this] { return HasIncident(); }));
    ASSERT_EQ(Weirctl({"audit", "seal"}).code, 0);
    ASSERT_EQ(Weirctl({"audit", "seal"}).code, 0);
  }

  // The files of an export, fetched one by one, as a signature wants them.
  json Fetch(const std::string& query) {
    const auto plan = json::parse(Call("GET", "audit/export?" + query).body, nullptr, false);
    json files = json::array();
    for (const json& planned : plan["files"]) {
      const std::string name = planned["name"];
      std::string text;
      const auto answer = cli::HttpClient(dir_ / "control.sock", "")
                              .Call({"GET", "/api/v1/audit/export/" + name + "?" + query, ""},
                                    [&text](std::string_view piece) {
                                      text += piece;
                                      return true;
                                    });
      EXPECT_EQ(answer.status, 200u) << answer.body;
      files.push_back({{"name", name},
                       {"records", std::count(text.begin(), text.end(), '\n')},
                       {"sha256", base::Sha256Hex(text)}});
    }
    return files;
  }
  cli::HttpAnswer Sign(const std::string& query, const json& files) const {
    return Call("POST", "audit/export?" + query, json{{"files", files}}.dump());
  }
  // The manifest that is signed; "" and a fault when it is not.
  std::string Manifest(const std::string& query) {
    const auto answer = Sign(query, Fetch(query));
    EXPECT_EQ(answer.status, 200u) << answer.body;
    const auto body = json::parse(answer.body, nullptr, false);
    return body.value("manifest", "");
  }
};

TEST_F(ExportTest, TakesNothingThatLeavesRowsOutUntold) {
  for (const std::string more :
       {"limit=1", "cursor=x", "order=newest", "at=2026-11-22T09:00:00Z", "colour=red", "limit="}) {
    const std::string query = "reason=r&account=s2023001&" + more;
    const std::string name = more.substr(0, more.find('='));
    for (const auto& answer :
         {Call("GET", "audit/export?" + query),
          Call("GET", "audit/export/query-20261122T000000.000000Z.jsonl?" + query),
          Sign(query, json::array())}) {
      EXPECT_EQ(answer.status, 400u) << more;
      EXPECT_THAT(answer.body, HasSubstr(name == "at" ? "say from and to" : "'" + name + "'"));
    }
  }
  EXPECT_EQ(
      Call("GET", "audit/export?reason=r&from=2026-11-22T09:00:00Z&to=2026-11-22T09:00:00Z").status,
      400u);
}

TEST_F(ExportTest, IsSignedWholeOrNotAtAll) {
  const std::string query = "reason=r";
  json files = Fetch(query);
  ASSERT_GE(files.size(), 3u);
  const auto nothing = Sign(query, json::array());
  EXPECT_EQ(nothing.status, 409u);
  EXPECT_EQ(json::parse(nothing.body)["missing"].size(), files.size());
  EXPECT_THAT(nothing.body, HasSubstr(files[0]["name"].get<std::string>()));

  json one_less = files;
  const std::string left_out = one_less.back()["name"];
  one_less.erase(one_less.size() - 1);
  const auto refused = Sign(query, one_less);
  EXPECT_EQ(refused.status, 409u);
  const auto said = json::parse(refused.body);
  EXPECT_EQ(said["missing"], json::array({left_out}));
  EXPECT_THAT(said["error"].get<std::string>(), HasSubstr(left_out));

  json twice = files;
  twice.push_back(files[0]);
  EXPECT_EQ(json::parse(Sign(query, twice).body)["differing"], json::array({files[0]["name"]}));
  EXPECT_EQ(Sign(query, files).status, 200u);
  const auto log = JsonOfOperations();
  EXPECT_EQ(log[0]["outcome"], "done: " + std::to_string(files.size()) + " files");
  EXPECT_EQ(log[1]["outcome"], "begun");
  EXPECT_EQ(log[2]["outcome"], "refused: 1 files differ, 0 are missing");
}

TEST_F(ExportTest, TheManifestSaysOfWhichTimeItIs) {
  const std::string of_a_time =
      Manifest("reason=r&from=2026-11-22T00:00:00Z&to=2026-11-23T00:00:00Z&account=s2023001");
  EXPECT_THAT(of_a_time, HasSubstr("\nfrom 2026-11-22T00:00:00.000000Z\n"
                                   "to 2026-11-23T00:00:00.000000Z\nsealed-until "));
  EXPECT_THAT(of_a_time, HasSubstr("\nquery account=s2023001\n"));
  const std::string of_all = Manifest("reason=r");
  EXPECT_THAT(of_all, Not(HasSubstr("\nfrom ")));
  EXPECT_THAT(of_all, HasSubstr("\nsealed-until "));
  // Nothing is sealed of that time: that is signed as well.
  const std::string of_nothing =
      Manifest("reason=r&from=2001-01-01T00:00:00Z&to=2001-01-02T00:00:00Z");
  EXPECT_THAT(of_nothing, HasSubstr("\nto 2001-01-02T00:00:00.000000Z\n"));
  EXPECT_THAT(of_nothing, Not(HasSubstr("\nfile ")));
}

TEST_F(ExportTest, AValueIsNoOtherQuestion) {
  const std::string value = "account=s1%20name%3Dbad.example%0aquery%25";
  const std::string encoded = "account=s1%20name%3Dbad.example%0Aquery%25";
  EXPECT_THAT(Manifest("reason=why%20(K-1)&request=K-2&" + value),
              HasSubstr("\nquery " + encoded + "\n"));
  auto newest = JsonOfOperations()[0];
  EXPECT_EQ(newest["target"], encoded);
  EXPECT_EQ(newest["reason"], "why %28K-1%29 (K-2)");
  std::string rows;
  EXPECT_EQ(Call("GET", "sessions?reason=r&request=K-3&" + value).status, 200u);
  newest = JsonOfOperations()[0];
  EXPECT_EQ(newest["target"], encoded);
  EXPECT_EQ(newest["reason"], "r (K-3)");
}

TEST_F(ExportTest, NothingGoesOutThatIsNotWrittenDownFirst) {
  const std::string query = "reason=r";
  const json files = Fetch(query);
  const std::string name = files[0]["name"];
  auto log = JsonOfOperations();
  EXPECT_EQ(log[1]["action"], "audit export file");
  EXPECT_EQ(log[1]["outcome"], "begun");
  EXPECT_EQ(log[0]["outcome"], "done");
  RefuseEntries();
  const auto file = Call("GET", "audit/export/" + name + "?" + query);
  EXPECT_EQ(file.status, 503u);
  EXPECT_THAT(file.body, HasSubstr("the disk is full"));
  EXPECT_EQ(Call("GET", "audit/export?" + query).status, 503u);
  EXPECT_EQ(Sign(query, files).status, 503u);
  // What was signed, but cannot be written down as signed, is not handed out.
  TakeEntries();
  RefuseEntries("NEW.outcome LIKE 'done%'");
  const auto unsaid = Sign(query, files);
  EXPECT_EQ(unsaid.status, 500u);
  EXPECT_THAT(unsaid.body, Not(HasSubstr("manifest")));
}

}  // namespace
}  // namespace weir::control::app

#include "control/policy/policy_service.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests/unit/control_policy/fake_dataplane.h"

namespace weir::control::policy {
namespace {

using testing_support::Eventually;
using testing_support::FakeDataplane;

class PolicyServiceTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "weir-policy-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
    dataplane_ = std::make_unique<FakeDataplane>(dir_ / "dp.sock");
    WriteRules("protect ip 10.0.0.53\nallow domain portal.example\n");
  }
  void TearDown() override {
    service_.reset();
    dataplane_.reset();
    std::filesystem::remove_all(dir_);
  }

  void WriteRules(const std::string& text) { std::ofstream(dir_ / "campus.rules") << text; }
  std::string BlocksFile() {
    std::ostringstream text;
    text << std::ifstream(dir_ / "blocks.rules").rdbuf();
    return text.str();
  }
  void Open() {
    service_.reset();
    PolicyService::Options options;
    options.database = dir_ / "control.db";
    options.blocks_file = dir_ / "blocks.rules";
    options.rule_globs = {(dir_ / "campus.rules").string()};
    options.mode = rules::Mode::kEnforce;
    options.dataplane_socket = dir_ / "dp.sock";
    options.dataplane_timeout_ms = 1000;
    options.poll_ms = 20;
    options.watch_ms = 0;
    auto opened = PolicyService::Open(std::move(options));
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    service_ = std::move(*opened);
  }
  base::Result<BlockOutcome> Block(const std::string& kind, const std::string& value,
                                   std::optional<int64_t> for_seconds = std::nullopt) {
    BlockRequest request;
    request.kind = kind;
    request.value = value;
    request.reason = "infected";
    request.actor = "alice";
    request.typed = base::WallNow();
    request.for_seconds = for_seconds;
    return service_->AddBlock(request, false);
  }
  BlockState StateOf(const std::string& id) {
    const auto block = service_->blocks().Find(id);
    EXPECT_TRUE(block.ok() && block->has_value()) << id;
    return block.ok() && *block ? (*block)->state : BlockState::kRemoved;
  }

  std::filesystem::path dir_;
  std::unique_ptr<FakeDataplane> dataplane_;
  std::unique_ptr<PolicyService> service_;
};

TEST_F(PolicyServiceTest, ABlockIsInstalledWhenTheDataPlaneSaysSo) {
  dataplane_->Start();
  Open();
  const auto outcome = Block("domain", "bad.example");
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  EXPECT_EQ(outcome->pending, "");
  EXPECT_EQ(outcome->block.id(), "block-1");
  EXPECT_EQ(outcome->block.state, BlockState::kInstalled);
  EXPECT_EQ(outcome->block.policy_version, 2);
  ASSERT_TRUE(outcome->block.installed_in_ms().has_value());
  EXPECT_GE(*outcome->block.installed_in_ms(), 0);
  const auto installs = dataplane_->Installs();
  ASSERT_EQ(installs.size(), 1u);
  ASSERT_EQ(installs[0]["sources"].size(), 2u);  // blocks first, then the rules
  EXPECT_NE(installs[0]["sources"][0]["text"].get<std::string>().find("drop domain bad.example"),
            std::string::npos);
  EXPECT_EQ(installs[0]["sources"][1]["name"], (dir_ / "campus.rules").string());
  EXPECT_EQ(installs[0]["mode"], "enforce");
  EXPECT_EQ(BlocksFile(), dataplane_->InstalledBlocks());
}

TEST_F(PolicyServiceTest, WithoutADataPlaneTheBlockIsSavedAndInstalledLater) {
  Open();
  const auto outcome = Block("domain", "bad.example");
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  EXPECT_NE(outcome->pending.find("does not answer at"), std::string::npos) << outcome->pending;
  EXPECT_EQ(outcome->block.state, BlockState::kTyped);
  EXPECT_NE(BlocksFile().find("drop domain bad.example"), std::string::npos);
  EXPECT_EQ(service_->status().blocks_pending, 1);
  service_->Start();
  dataplane_->Start();
  EXPECT_TRUE(Eventually([this] { return StateOf("block-1") == BlockState::kInstalled; }));
  EXPECT_TRUE(Eventually([this] { return service_->status().in_step; }));
}

TEST_F(PolicyServiceTest, ADataPlaneThatStartsAgainIsToldAgain) {
  dataplane_->Start();
  Open();
  ASSERT_TRUE(Block("ip", "203.0.113.7").ok());
  service_->Start();
  dataplane_->Stop();
  EXPECT_TRUE(Eventually([this] { return !service_->status().dataplane_up; }));
  const size_t before = dataplane_->Installs().size();
  dataplane_->Start();
  EXPECT_TRUE(Eventually([&] { return dataplane_->Installs().size() > before; }));
  EXPECT_NE(dataplane_->InstalledBlocks().find("203.0.113.7"), std::string::npos);
}

TEST_F(PolicyServiceTest, ADataPlaneThatStartsAgainAndReadTheFilesAnewIsFollowed) {
  dataplane_->Start();
  Open();
  service_->Start();
  EXPECT_TRUE(Eventually([this] { return service_->status().in_step; }));
  dataplane_->Stop();
  WriteRules("drop domain other.example\n");  // it loads this itself when it starts
  const size_t before = dataplane_->Installs().size();
  dataplane_->Start();
  ASSERT_TRUE(Eventually([&] { return dataplane_->Installs().size() > before; }));
  EXPECT_EQ(dataplane_->Installs().back()["sources"][1]["text"], "drop domain other.example\n");
}

TEST_F(PolicyServiceTest, ADataPlaneThatHasItAllIsLeftAlone) {
  dataplane_->Start();
  Open();
  ASSERT_TRUE(Block("ip", "203.0.113.7").ok());
  dataplane_->SetStartDigest(dataplane_->digest());
  dataplane_->Stop();
  dataplane_->Start();  // as one that loaded the same files itself
  const size_t before = dataplane_->Installs().size();
  Open();  // and a weir-control that starts anew
  service_->Start();
  EXPECT_TRUE(Eventually([this] { return service_->status().in_step; }));
  EXPECT_EQ(dataplane_->Installs().size(), before);
}

TEST_F(PolicyServiceTest, ARefusedBlockIsNotKept) {
  dataplane_->Start();
  Open();
  dataplane_->RefuseInstalls("rules:1:1: 'x': no room");
  const auto outcome = Block("domain", "bad.example");
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().message, "refused by the data plane: rules:1:1: 'x': no room");
  EXPECT_EQ(BlocksFile().find("bad.example"), std::string::npos);
  const auto block = service_->blocks().Find("block-1");
  ASSERT_TRUE(block.ok() && block->has_value());
  EXPECT_EQ((*block)->removed_by, "refused: rules:1:1: 'x': no room");
}

TEST_F(PolicyServiceTest, WhatIsProtectedIsNotBlocked) {
  dataplane_->Start();
  Open();
  const auto outcome = Block("ip", "10.0.0.53");
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().message,
            "protected: " + (dir_ / "campus.rules").string() + ":1: protect ip 10.0.0.53");
  EXPECT_TRUE(dataplane_->Installs().empty());
}

TEST_F(PolicyServiceTest, TheSameValueIsBlockedOnceAtATime) {
  dataplane_->Start();
  Open();
  ASSERT_TRUE(Block("ip", "203.0.113.7").ok());
  const auto again = Block("ip", "203.0.113.7");
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().message, "ip 203.0.113.7 is blocked already, by block-1");
  ASSERT_TRUE(service_->Unblock("block-1", "bob", base::WallNow()).ok());
  const auto anew = Block("ip", "203.0.113.7");
  ASSERT_TRUE(anew.ok()) << anew.error().message;
  EXPECT_EQ(anew->block.id(), "block-2");
}

TEST_F(PolicyServiceTest, UnblockIsRemovedWhenTheDataPlaneSaysSo) {
  dataplane_->Start();
  Open();
  ASSERT_TRUE(Block("ip", "203.0.113.7").ok());
  dataplane_->Stop();
  const auto pending = service_->Unblock("block-1", "bob", base::WallNow());
  ASSERT_TRUE(pending.ok());
  EXPECT_NE(pending->pending, "");
  EXPECT_EQ(pending->block.state, BlockState::kRemoving);
  EXPECT_FALSE(service_->Unblock("block-1", "bob", base::WallNow()).ok());
  EXPECT_FALSE(service_->Unblock("block-99", "bob", base::WallNow()).ok());
  EXPECT_FALSE(service_->Unblock("nonsense", "bob", base::WallNow()).ok());
  service_->Start();
  dataplane_->Start();
  EXPECT_TRUE(Eventually([this] { return StateOf("block-1") == BlockState::kRemoved; }));
  EXPECT_EQ(dataplane_->InstalledBlocks().find("203.0.113.7"), std::string::npos);
  EXPECT_EQ((*service_->blocks().Find("block-1"))->removed_by, "bob");
}

TEST_F(PolicyServiceTest, ABlockRunsOut) {
  dataplane_->Start();
  Open();
  service_->Start();
  ASSERT_TRUE(Block("ip", "203.0.113.7", 1).ok());
  EXPECT_TRUE(Eventually([this] { return StateOf("block-1") == BlockState::kRemoved; }));
  EXPECT_EQ((*service_->blocks().Find("block-1"))->removed_by, "expired");
  EXPECT_EQ(BlocksFile().find("203.0.113.7"), std::string::npos);
}

TEST_F(PolicyServiceTest, BlocksOutliveARestart) {
  dataplane_->Start();
  Open();
  ASSERT_TRUE(Block("ip", "203.0.113.7").ok());
  std::filesystem::remove(dir_ / "blocks.rules");
  Open();
  EXPECT_NE(BlocksFile().find("203.0.113.7"), std::string::npos);
  EXPECT_EQ(Block("ip", "203.0.113.8")->block.id(), "block-2");
}

TEST_F(PolicyServiceTest, ADryRunChangesNothing) {
  dataplane_->Start();
  Open();
  BlockRequest request;
  request.kind = "host";
  request.value = "bad.example";
  request.reason = "test";
  const auto outcome = service_->AddBlock(request, true);
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  EXPECT_TRUE(outcome->dry_run);
  EXPECT_TRUE(dataplane_->Installs().empty());
  EXPECT_TRUE(service_->blocks().List(true, 10)->empty());
}

TEST_F(PolicyServiceTest, AHalfEditedFileDoesNotHoldUpABlock) {
  dataplane_->Start();
  Open();
  WriteRules("drop hos");
  const auto outcome = Block("domain", "bad.example");
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  EXPECT_EQ(outcome->pending, "");
  EXPECT_EQ(dataplane_->Installs().back()["sources"][1]["text"],
            "protect ip 10.0.0.53\nallow domain portal.example\n");
}

TEST_F(PolicyServiceTest, RulesThatAreNotGoodChangeNothing) {
  dataplane_->Start();
  Open();
  WriteRules("allow any\ndrop port tcp/99999\n");
  const PolicyCheck check = service_->CheckDisk();
  ASSERT_FALSE(check.ok());
  EXPECT_NE(check.errors[0].find("campus.rules:2:"), std::string::npos) << check.errors[0];
  const ApplyOutcome outcome = service_->ApplyDisk();
  EXPECT_FALSE(outcome.check.ok());
  EXPECT_EQ(outcome.version, 0u);
  EXPECT_TRUE(dataplane_->Installs().empty());
  WriteRules("drop domain other.example\n");
  const ApplyOutcome applied = service_->ApplyDisk();
  EXPECT_TRUE(applied.check.ok());
  EXPECT_EQ(applied.version, 2u);
  EXPECT_EQ(dataplane_->Installs().back()["sources"][1]["text"], "drop domain other.example\n");
}

TEST_F(PolicyServiceTest, RulesThatTheDataPlaneRefusesAreNotApplied) {
  dataplane_->Start();
  Open();
  WriteRules("drop domain other.example\n");
  dataplane_->RefuseInstalls("no such application");
  const ApplyOutcome outcome = service_->ApplyDisk();
  EXPECT_EQ(outcome.version, 0u);
  EXPECT_EQ(outcome.refused, "no such application");
  dataplane_->RefuseInstalls("");
  ASSERT_TRUE(Block("ip", "203.0.113.7").ok());  // goes with the rules as they were
  EXPECT_EQ(dataplane_->Installs().back()["sources"][1]["text"],
            "protect ip 10.0.0.53\nallow domain portal.example\n");
}

TEST_F(PolicyServiceTest, ItStartsWithBadRulesAndSaysSo) {
  dataplane_->Start();
  WriteRules("dropp host x.example\n");
  Open();
  const auto outcome = Block("domain", "bad.example");
  ASSERT_TRUE(outcome.ok());
  EXPECT_NE(outcome->pending.find("campus.rules:1:1"), std::string::npos) << outcome->pending;
  WriteRules("allow any\n");
  EXPECT_NE(service_->ApplyDisk().version, 0u);
  EXPECT_EQ(StateOf("block-1"), BlockState::kInstalled);
}

TEST_F(PolicyServiceTest, TheClientToldNothingUsefulSaysSoInOneLine) {
  const DataplaneClient client(dir_ / "dp.sock", 300);
  const auto absent = client.Call({{"cmd", "status"}});
  EXPECT_EQ(absent.outcome, DataplaneReply::Outcome::kAway);
  EXPECT_NE(absent.error.find("No such file or directory"), std::string::npos);
  dataplane_->Start();
  EXPECT_EQ(client.Call({{"cmd", "nonsense"}}).outcome, DataplaneReply::Outcome::kRefused);
  dataplane_->AnswerOnly("this is no JSON\n");
  EXPECT_EQ(client.Call({{"cmd", "status"}}).outcome, DataplaneReply::Outcome::kAway);
  dataplane_->AnswerOnly("{\"ok\":1}\n");
  EXPECT_EQ(client.Call({{"cmd", "status"}}).outcome, DataplaneReply::Outcome::kAway);
  dataplane_->AnswerOnly("");
  const auto hung_up = client.Call({{"cmd", "status"}});
  EXPECT_NE(hung_up.error.find("hung up"), std::string::npos) << hung_up.error;
}

TEST_F(PolicyServiceTest, AClientWaitsNoLongerThanItsTime) {
  const std::filesystem::path path = dir_ / "silent.sock";
  const base::UniqueFd silent(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.native().copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(silent.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(silent.get(), 1), 0);  // takes connections, never answers
  const base::MonoTime begin = base::MonoNow();
  const auto reply = DataplaneClient(path, 200).Call({{"cmd", "status"}});
  EXPECT_EQ(reply.outcome, DataplaneReply::Outcome::kAway);
  EXPECT_NE(reply.error.find("too long"), std::string::npos) << reply.error;
  EXPECT_LT(base::MonoNow().ns - begin.ns, 5 * base::kNsPerSecond);
}

}  // namespace
}  // namespace weir::control::policy

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "control/policy/policy_service.h"
#include "rules/model/parse.h"
#include "tests/unit/control_policy/fake_dataplane.h"

namespace weir::control::policy {
namespace {

using testing_support::Eventually;
using testing_support::FakeDataplane;

constexpr const char* kFirst = "protect ip 10.0.0.53\nallow domain portal.example\n";
constexpr const char* kSecond = "protect ip 10.0.0.53\ndrop domain second.example\n";
constexpr const char* kThird = "protect ip 10.0.0.53\ndrop domain third.example\n";

class RulesConfirmTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "weir-confirm-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
    dataplane_ = std::make_unique<FakeDataplane>(dir_ / "dp.sock");
    dataplane_->Start();
    WriteRules(kFirst);
  }
  void TearDown() override {
    service_.reset();
    dataplane_.reset();
    std::filesystem::remove_all(dir_);
  }

  void WriteRules(const std::string& text) { std::ofstream(dir_ / "campus.rules") << text; }
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
    options.watch_ms = watch_ms_;
    options.record = [this](std::string_view action, std::string_view outcome) {
      const std::scoped_lock lock(mutex_);
      recorded_.push_back(std::string(action) + ": " + std::string(outcome));
    };
    auto opened = PolicyService::Open(std::move(options));
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    service_ = std::move(*opened);
  }
  ApplyOutcome Apply(const std::string& text, std::optional<int64_t> seconds = std::nullopt,
                     bool canary = true) {
    WriteRules(text);
    return service_->ApplyDisk({"alice", seconds, canary});
  }
  // As if the deadline were this many seconds from now; a restart finds it so.
  void MoveDeadline(int64_t seconds) {
    service_.reset();
    auto database = database::Database::Open(dir_ / "control.db");
    ASSERT_TRUE(database.ok());
    database::Transaction transaction(**database, database::Transaction::Kind::kWrite);
    (*database)->Exec("UPDATE rules_waiting SET until_us=?",
                      base::WallTime{base::WallNow().ns + seconds * base::kNsPerSecond});
    ASSERT_TRUE(transaction.Commit().ok());
  }
  bool BackToFirst() {
    return Eventually([this] { return dataplane_->InstalledRules() == kFirst; });
  }
  std::vector<std::string> recorded() {
    const std::scoped_lock lock(mutex_);
    return recorded_;
  }
  static nlohmann::json Counters(uint64_t received, uint64_t stopped) {
    return {{"workers", {{{"rx_packets", received}}}},
            {"dropped", {{"policy", stopped}, {"rejected", 0}}}};
  }

  std::filesystem::path dir_;
  int watch_ms_ = 0;
  std::unique_ptr<FakeDataplane> dataplane_;
  std::mutex mutex_;
  std::vector<std::string> recorded_;
  std::unique_ptr<PolicyService> service_;
};

TEST_F(RulesConfirmTest, WhatNobodyConfirmsGoesBackByItself) {
  Open();
  service_->Start();
  const base::MonoTime begin = base::MonoNow();
  const ApplyOutcome outcome = Apply(kSecond, 5);
  ASSERT_NE(outcome.version, 0u) << outcome.refused;
  ASSERT_TRUE(outcome.waiting.has_value());
  EXPECT_EQ(outcome.waiting->actor, "alice");
  EXPECT_EQ(dataplane_->InstalledRules(), kSecond);
  EXPECT_LE(service_->status().seconds_left, 5);
  EXPECT_TRUE(service_->status().held);
  ASSERT_TRUE(BackToFirst());
  EXPECT_GE(base::MonoNow().ns - begin.ns, 5 * base::kNsPerSecond);
  ASSERT_TRUE(Eventually([this] { return service_->status().rollbacks == 1; }));
  const PolicyStatus status = service_->status();
  EXPECT_FALSE(status.waiting.has_value());
  EXPECT_EQ(status.rolled_back, "nobody confirmed the rules of alice within 5 s");
  EXPECT_EQ(status.undo_steps, 0);
  // The file is as it was edited, and that is said.
  EXPECT_TRUE(Eventually([this] { return service_->status().disk_differs; }));
  ASSERT_EQ(recorded().size(), 1u);
  // Its number depends on whether the supervisor was before the apply.
  const std::string_view rolled_back =
      "rules rollback: nobody confirmed the rules of alice within 5 s; done: version ";
  EXPECT_TRUE(recorded()[0].starts_with(rolled_back)) << recorded()[0];
}

TEST_F(RulesConfirmTest, WhatIsConfirmedStays) {
  Open();
  ASSERT_NE(Apply(kSecond, 5).version, 0u);
  ASSERT_TRUE(service_->ConfirmRules().ok());
  EXPECT_FALSE(service_->status().waiting.has_value());
  EXPECT_FALSE(service_->status().held);
  const auto again = service_->ConfirmRules();
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().message, "no rules wait to be confirmed");
  Open();
  service_->Start();
  EXPECT_TRUE(Eventually([this] { return service_->status().in_step; }));
  EXPECT_EQ(dataplane_->InstalledRules(), kSecond);
  EXPECT_TRUE(recorded().empty());
}

TEST_F(RulesConfirmTest, ASecondApplyWaitsForTheFirst) {
  Open();
  ASSERT_NE(Apply(kSecond, 5).version, 0u);
  const ApplyOutcome second = Apply(kThird);
  EXPECT_EQ(second.version, 0u);
  EXPECT_NE(second.refused.find("weirctl rules confirm"), std::string::npos) << second.refused;
  EXPECT_EQ(dataplane_->InstalledRules(), kSecond);
  EXPECT_NE(service_->UndoRules({"alice", {}, true}).version, 0u);
  EXPECT_EQ(dataplane_->InstalledRules(), kFirst);
  EXPECT_NE(Apply(kThird).version, 0u);
}

TEST_F(RulesConfirmTest, TheTimeToConfirmHasLimits) {
  Open();
  for (const int64_t seconds : {int64_t{-1}, kConfirmSecondsMin - 1, kConfirmSecondsMax + 1}) {
    const ApplyOutcome outcome = Apply(kSecond, seconds);
    EXPECT_EQ(outcome.version, 0u);
    EXPECT_EQ(outcome.refused,
              "there are 5 to 86400 seconds to confirm, not " + std::to_string(seconds));
  }
  EXPECT_NE(Apply(kSecond, kConfirmSecondsMax).version, 0u);
}

TEST_F(RulesConfirmTest, ARestartGoesOnWaiting) {
  Open();
  ASSERT_NE(Apply(kSecond, 3600).version, 0u);
  WriteRules(kThird);  // somebody goes on editing: what waits stays in force all the same
  MoveDeadline(1);
  Open();
  EXPECT_EQ(service_->status().seconds_left, 1);
  dataplane_->Stop();
  dataplane_->Start();  // and the data plane begins anew too
  service_->Start();
  EXPECT_TRUE(Eventually([this] { return dataplane_->InstalledRules() == kSecond; }));
  EXPECT_TRUE(BackToFirst());
  EXPECT_EQ(recorded().size(), 1u);
}

TEST_F(RulesConfirmTest, ADeadlineThatPassedMeanwhileRollsBackAtOnce) {
  Open();
  ASSERT_NE(Apply(kSecond, 3600).version, 0u);
  MoveDeadline(-10);
  Open();
  const auto late = service_->ConfirmRules();
  ASSERT_FALSE(late.ok());
  EXPECT_NE(late.error().message.find("is over"), std::string::npos);
  service_->Start();
  EXPECT_TRUE(BackToFirst());
}

TEST_F(RulesConfirmTest, AClockSetBackOverARestartGivesNoMoreTimeThanWasGiven) {
  Open();
  ASSERT_NE(Apply(kSecond, 60).version, 0u);
  MoveDeadline(7200);
  Open();
  EXPECT_LE(service_->status().seconds_left, 60);
}

TEST_F(RulesConfirmTest, AfterARollbackRestartsOfBothKeepWhatIsInForce) {
  Open();
  ASSERT_NE(Apply(kSecond, 3600).version, 0u);
  MoveDeadline(-1);
  Open();
  service_->Start();
  ASSERT_TRUE(BackToFirst());
  service_.reset();
  dataplane_->Stop();
  dataplane_->Start();  // it reads the files, which hold what was rolled back
  const size_t before = dataplane_->Installs().size();
  Open();
  service_->Start();
  ASSERT_TRUE(Eventually([&] { return dataplane_->Installs().size() > before; }));
  EXPECT_EQ(dataplane_->InstalledRules(), kFirst);
  dataplane_->Stop();
  dataplane_->Start();
  const size_t again = dataplane_->Installs().size();
  ASSERT_TRUE(Eventually([&] { return dataplane_->Installs().size() > again; }));
  EXPECT_EQ(dataplane_->InstalledRules(), kFirst);
}

TEST_F(RulesConfirmTest, BlocksTypedMeanwhileStay) {
  Open();
  ASSERT_NE(Apply(kSecond, 3600).version, 0u);
  BlockRequest request;
  request.kind = "domain";
  request.value = "bad.example";
  request.reason = "infected";
  request.typed = base::WallNow();
  ASSERT_TRUE(service_->AddBlock(request, false).ok());
  EXPECT_EQ(dataplane_->InstalledRules(), kSecond);
  MoveDeadline(-1);
  Open();
  service_->Start();
  ASSERT_TRUE(BackToFirst());
  EXPECT_NE(dataplane_->InstalledBlocks().find("drop domain bad.example"), std::string::npos);
}

TEST_F(RulesConfirmTest, ARollbackWithoutADataPlaneHappensWhenItIsThere) {
  Open();
  ASSERT_NE(Apply(kSecond, 3600).version, 0u);
  dataplane_->Stop();
  MoveDeadline(-1);
  Open();
  service_->Start();
  ASSERT_TRUE(Eventually([this] { return recorded().size() == 1; }));
  EXPECT_NE(recorded()[0].find("pending: the data plane does not answer"), std::string::npos)
      << recorded()[0];
  dataplane_->Start();
  EXPECT_TRUE(BackToFirst());
}

TEST_F(RulesConfirmTest, ARollbackThatTheDataPlaneRefusesIsTold) {
  Open();
  ASSERT_NE(Apply(kSecond, 3600).version, 0u);
  dataplane_->RefuseInstalls("no room");
  MoveDeadline(-1);
  Open();
  service_->Start();
  ASSERT_TRUE(Eventually([this] { return recorded().size() == 1; }));
  EXPECT_NE(recorded()[0].find("refused: no room"), std::string::npos) << recorded()[0];
  EXPECT_EQ(service_->status().refused, "no room");
  EXPECT_FALSE(service_->status().in_step);
  EXPECT_FALSE(service_->status().waiting.has_value());
}

TEST_F(RulesConfirmTest, ARefusedApplyWaitsForNothing) {
  Open();
  dataplane_->RefuseInstalls("no such application");
  const ApplyOutcome outcome = Apply(kSecond, 60);
  EXPECT_EQ(outcome.refused, "no such application");
  EXPECT_FALSE(service_->status().waiting.has_value());
  EXPECT_EQ(service_->status().undo_steps, 0);
  dataplane_->RefuseInstalls("");
  dataplane_->Stop();
  const ApplyOutcome away = Apply(kSecond, 60);
  EXPECT_NE(away.refused.find("does not answer"), std::string::npos) << away.refused;
  EXPECT_FALSE(service_->status().waiting.has_value());
  EXPECT_FALSE(service_->status().held);
}

TEST_F(RulesConfirmTest, UndoGoesBackStepByStep) {
  Open();
  ASSERT_NE(Apply(kSecond).version, 0u);
  ASSERT_NE(Apply(kThird).version, 0u);
  EXPECT_EQ(service_->status().undo_steps, 2);
  Open();
  EXPECT_EQ(service_->UndoRules({"bob", {}, true}).version, 4u);
  EXPECT_EQ(dataplane_->InstalledRules(), kSecond);
  EXPECT_NE(service_->UndoRules({"bob", {}, true}).version, 0u);
  EXPECT_EQ(dataplane_->InstalledRules(), kFirst);
  const ApplyOutcome nothing = service_->UndoRules({"bob", {}, true});
  EXPECT_EQ(nothing.version, 0u);
  EXPECT_NE(nothing.refused.find("nothing to go back to"), std::string::npos);
  Open();  // what was undone stays undone, though the file still says otherwise
  service_->Start();
  EXPECT_TRUE(Eventually([this] { return service_->status().in_step; }));
  EXPECT_EQ(dataplane_->InstalledRules(), kFirst);
  EXPECT_TRUE(Eventually([this] { return service_->status().disk_differs; }));
}

TEST_F(RulesConfirmTest, TheHistoryHasALimit) {
  Open();
  for (int version = 0; version < kHistoryStepsMax + 3; ++version) {
    ASSERT_NE(Apply("drop domain v" + std::to_string(version) + ".example\n").version, 0u);
  }
  EXPECT_EQ(service_->status().undo_steps, kHistoryStepsMax);
}

// --- the canary ---

TEST_F(RulesConfirmTest, AnApplyThatDropsWhatIsProtectedIsTakenBack) {
  Open();
  dataplane_->DecideWrongly("10.0.0.53", "drop", "second.example");
  const ApplyOutcome outcome = Apply(kSecond);
  EXPECT_EQ(outcome.version, 0u);
  EXPECT_EQ(outcome.refused, "canary: " + (dir_ / "campus.rules").string() +
                                 ":1: protect ip 10.0.0.53: 10.0.0.53, tcp/443 gets drop by wrong; "
                                 "the rules before are in force again, as version 3");
  EXPECT_EQ(dataplane_->InstalledRules(), kFirst);
  const PolicyStatus status = service_->status();
  EXPECT_EQ(status.rollbacks, 1u);
  EXPECT_EQ(status.canary_faults, 1u);
  EXPECT_EQ(status.alarm, "");
  EXPECT_EQ(status.undo_steps, 0);
  EXPECT_FALSE(status.held);
  EXPECT_NE(Apply(kSecond, std::nullopt, false).version, 0u);
  EXPECT_NE(service_->status().alarm, "");
}

TEST_F(RulesConfirmTest, AnUndoThatTheCanaryDoesNotLikeIsTakenBackToo) {
  Open();
  ASSERT_NE(Apply(kSecond).version, 0u);
  dataplane_->DecideWrongly("10.0.0.53", "would_reject", "portal.example");
  const ApplyOutcome outcome = service_->UndoRules({"alice", {}, true});
  EXPECT_EQ(outcome.version, 0u);
  EXPECT_EQ(dataplane_->InstalledRules(), kSecond);
  EXPECT_EQ(service_->status().undo_steps, 1);
}

TEST_F(RulesConfirmTest, ABlockThatDoesNotHoldIsNotKept) {
  Open();
  dataplane_->DecideWrongly("bad.example", "pass");
  BlockRequest request;
  request.kind = "domain";
  request.value = "bad.example";
  request.reason = "infected";
  request.typed = base::WallNow();
  const auto outcome = service_->AddBlock(request, false);
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().message,
            "canary: block-1 domain bad.example: bad.example, tcp/443 gets pass by wrong");
  EXPECT_EQ(dataplane_->InstalledBlocks().find("bad.example"), std::string::npos);
}

TEST_F(RulesConfirmTest, AFaultThatWasThereBeforeHoldsUpNoBlock) {
  dataplane_->DecideWrongly("10.0.0.53", "drop");
  Open();
  service_->Start();
  ASSERT_TRUE(Eventually([this] { return !service_->status().alarm.empty(); }));
  BlockRequest request;
  request.kind = "ip";
  request.value = "203.0.113.0/24";
  request.reason = "infected";
  request.typed = base::WallNow();
  const auto outcome = service_->AddBlock(request, false);
  EXPECT_FALSE(outcome.ok()) << "the fake knows no networks: the block itself does not hold";
  request.value = "203.0.113.7";
  EXPECT_TRUE(service_->AddBlock(request, false).ok());
}

TEST_F(RulesConfirmTest, RulesThatStopAllTrafficAreTakenBack) {
  watch_ms_ = 300;
  dataplane_->SetStats(Counters(1000, 0));
  Open();
  service_->Start();
  ASSERT_TRUE(Eventually([this] { return service_->status().in_step; }));
  dataplane_->SetStats(Counters(2000, 10));
  std::thread traffic([this] {
    Eventually([this] { return dataplane_->InstalledRules() == kSecond; });
    dataplane_->SetStats(Counters(2400, 405));
  });
  const ApplyOutcome outcome = Apply(kSecond, 60);
  traffic.join();
  EXPECT_EQ(outcome.version, 0u);
  EXPECT_NE(outcome.refused.find("395 of 400 packets were dropped"), std::string::npos)
      << outcome.refused;
  EXPECT_TRUE(BackToFirst());
  EXPECT_FALSE(service_->status().waiting.has_value());
}

TEST(TrafficWatchTest, TellsApartWhatStoppedAndWhatNeverFlowed) {
  const auto at = [](int64_t second, uint64_t received, uint64_t stopped) {
    return TrafficSample{{second * base::kNsPerSecond}, "boot", received, stopped};
  };
  TrafficWatch watch;
  watch.Add({{0}, "an earlier boot", 90'000, 0});
  watch.Add(at(1, 0, 0));
  watch.Add(at(5, 500, 100));
  const TrafficSample swap = at(6, 600, 120);
  watch.Add(at(7, 700, 220));  // after it: not looked at
  EXPECT_TRUE(watch.StoppedSince(swap, at(8, 700, 215)).has_value());
  EXPECT_FALSE(watch.StoppedSince(swap, at(8, 700, 214)).has_value()) << "6 % pass";
  EXPECT_FALSE(watch.StoppedSince(swap, at(8, 649, 169)).has_value()) << "too few packets";
  TrafficSample other_boot = at(8, 700, 220);
  other_boot.boot_id = "another";
  EXPECT_FALSE(watch.StoppedSince(swap, other_boot).has_value());
  // Where most was dropped before, or nothing was known, nothing is said.
  EXPECT_FALSE(watch.StoppedSince(at(6, 600, 300), at(8, 700, 400)).has_value());
  EXPECT_FALSE(TrafficWatch().StoppedSince(swap, at(8, 700, 220)).has_value());
  EXPECT_FALSE(watch.StoppedSince(at(30, 5000, 120), at(32, 6000, 1120)).has_value()) << "too old";
}

TEST(CanaryTest, AsksAboutEveryProtectedValueAndSaysWhatItCannot) {
  const auto plan_of = [](const std::string& text) {
    const std::vector<rules::PolicySource> sources{{"r", text}};
    const auto policy = rules::ParsePolicy(sources);
    EXPECT_TRUE(policy.ok()) << policy.error().message;
    return PlanCanary(*policy, {0});
  };
  const CanaryPlan plan = plan_of(
      "set dns = 10.0.0.53, 2001:db8::/64\n"
      "protect ip @dns, 10.1.0.1\n"
      "protect domain portal.example, help.example port udp/53 from inside\n"
      "protect ip 10.2.0.1 from outside\n"
      "protect port tcp/22 to 10.3.0.1\n"
      "protect app DNS\n"
      "protect ip 10.4.0.1 except port tcp/25\n"
      "drop ip 10.9.0.1\n");
  ASSERT_EQ(plan.questions.size(), 8u);
  EXPECT_EQ(plan.left_out, 2u);
  EXPECT_EQ(plan.questions[0].request["dst"], "10.0.0.53");
  EXPECT_EQ(plan.questions[1].request["dst"], "2001:db8::");
  EXPECT_EQ(plan.questions[2].request["dst"], "2001:db8::ffff:ffff:ffff:ffff");
  EXPECT_EQ(plan.questions[3].request["dst"], "10.1.0.1");
  EXPECT_EQ(plan.questions[5].request["name"], "help.example");
  EXPECT_EQ(plan.questions[5].request["port"], 53);
  EXPECT_EQ(plan.questions[5].request["proto"], "udp");
  EXPECT_EQ(plan.questions[5].request["from"], "inside");
  EXPECT_EQ(plan.questions[6].request["from"], "outside");
  EXPECT_EQ(plan.questions[7].request["dst"], "10.3.0.1");
  std::string many;
  for (size_t rule = 0; rule <= kCanaryQuestionsMax; ++rule) {
    many += "protect host h" + std::to_string(rule) + ".example\n";
  }
  EXPECT_EQ(plan_of(many).questions.size(), kCanaryQuestionsMax);
  EXPECT_EQ(plan_of(many).left_out, 1u);
}

}  // namespace
}  // namespace weir::control::policy

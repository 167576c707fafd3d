// What goes when its time is over: what was sealed together as a whole, and nothing that is held.
#include <gmock/gmock.h>

#include "store_fixture.h"

namespace weir::control::audit {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr double kDay = 86'400;

class RetentionTest : public StoreDirectory {
 protected:
  // As at 200 days behind kNoon.
  RetentionTest()
      : store_(Open()),
        limits_(RetentionLimitsAt(After(kNoon, 200 * kDay), {180, 180, 180, 180}).value()) {}

  void AddFindings(size_t count, base::WallTime time) {
    Batch batch;
    events::FindingEvent finding;
    finding.time = time;
    batch.findings.resize(count, {finding, {}});
    ASSERT_TRUE(store_->Commit(batch).ok());
  }
  uint64_t LastFinding() {
    uint64_t last = 0;
    EXPECT_TRUE(store_
                    ->Findings(0,
                               [&](const SequencedFinding& finding) {
                                 last = finding.seq;
                                 return true;
                               })
                    .ok());
    return last;
  }
  uint64_t FindingsUpto(const std::vector<uint64_t>& ends) {
    limits_.ends[static_cast<size_t>(RecordClass::kFinding)] = ends;
    return Plan().findings_upto;
  }
  RetentionPlan Plan() {
    const auto plan = store_->PlanRetention(limits_);
    EXPECT_TRUE(plan.ok());
    return plan.ok() ? *plan : RetentionPlan{};
  }

  std::unique_ptr<RocksStore> store_;
  RetentionLimits limits_;
};

// More than are looked at in one call: else they stayed for ever, and all that came after them.
TEST_F(RetentionTest, WhatWasSealedTogetherGoesHoweverMuchItIs) {
  AddFindings(150'010, kNoon);
  const uint64_t end = LastFinding();
  AddFindings(10, kNoon);
  EXPECT_EQ(FindingsUpto({end, end + 10}), end);
  const auto dropped = store_->EnforceRetention({{}, end, 0, 0});
  ASSERT_TRUE(dropped.ok());
  EXPECT_EQ(dropped->records_dropped, 150'010u);
  EXPECT_EQ(store_->Stats()->classes[static_cast<size_t>(RecordClass::kFinding)].records, 10u);
  EXPECT_EQ(store_->Stats()->records_dropped, 150'010u);
  EXPECT_EQ(FindingsUpto({end, end + 10}), end + 10);
}

TEST_F(RetentionTest, WhatWasSealedTogetherStaysWithItsYoungest) {
  AddFindings(10, kNoon);
  const uint64_t first_end = LastFinding();
  AddFindings(10, kNoon);
  AddFindings(1, After(kNoon, 190 * kDay));
  const uint64_t end = LastFinding();
  EXPECT_EQ(FindingsUpto({first_end, end}), first_end);
  ASSERT_TRUE(store_->EnforceRetention({{}, first_end, 0, 0}).ok());
  EXPECT_EQ(FindingsUpto({first_end, end}), 0u) << "there is nothing any more up to that end";
  EXPECT_EQ(FindingsUpto({first_end}), 0u) << "the rest is not sealed";
}

TEST_F(RetentionTest, ADayWithASessionThatReachesIntoAHoldStays) {
  const base::WallTime midnight = DayStart(DayOf(kNoon) + 1);
  const auto night = MakeSession(2, After(midnight, -3600));
  Commit(*store_, {MakeSession(1, After(kNoon, -kDay)), night, Close(night, After(midnight, 7200)),
                   MakeSession(3, After(midnight, 60))});
  limits_.holds = {{After(midnight, 3600), After(midnight, 3700)}};
  const auto drop = [this] { return store_->EnforceRetention(Plan())->days_dropped; };
  EXPECT_THAT(drop(), ElementsAre("2026-11-21"));
  EXPECT_THAT(drop(), IsEmpty());
  limits_.holds = {{After(midnight, 3 * 3600 + 1), After(midnight, 4 * 3600)}};
  EXPECT_THAT(drop(), ElementsAre("2026-11-22"));
  EXPECT_THAT(drop(), IsEmpty()) << "the next day is in the hold itself";
}

TEST_F(RetentionTest, ALogInStaysWhileAnyOfItIsHeld) {
  Batch batch;
  LoginRecord login;
  login.login_time = After(kNoon, -3600);
  login.ip = Ip("10.0.0.1");
  login.account = "alice";
  login.logout_time = kNoon;
  batch.logins.push_back(login);
  login.login_time = kNoon;
  login.logout_time = After(kNoon, 3600);
  batch.logins.push_back(login);
  login.logout_time.reset();
  batch.logins.push_back(login);
  ASSERT_TRUE(store_->Commit(batch).ok());
  uint64_t first = 0;
  ASSERT_TRUE(store_
                  ->Logins(0,
                           [&](const SequencedLogin& one) {
                             first = one.seq;
                             return false;
                           })
                  .ok());
  EXPECT_EQ(Plan().logins_upto, first + 2);
  // Between a log-in and its end.
  limits_.holds = {{After(kNoon, 60), After(kNoon, 120)}};
  EXPECT_EQ(Plan().logins_upto, first);
  limits_.holds = {{After(kNoon, -120), After(kNoon, -60)}};
  EXPECT_EQ(Plan().logins_upto, 0u);
  // Behind the ends that are known: who never logged out may be logged in still.
  limits_.holds = {{After(kNoon, 7200), After(kNoon, 7300)}};
  EXPECT_EQ(Plan().logins_upto, first + 1);
  limits_.holds = {{After(kNoon, -7200), After(kNoon, -3600)}};
  EXPECT_EQ(Plan().logins_upto, first + 2);
}

}  // namespace
}  // namespace weir::control::audit

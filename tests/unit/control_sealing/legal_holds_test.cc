#include "control/sealing/legal_holds.h"

#include <gmock/gmock.h>

#include <fstream>

#include "control/sealing/hold_log.h"
#include "sealing_fixture.h"

namespace weir::control::sealing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using LegalHoldsTest = SealingTest;

TEST_F(LegalHoldsTest, HoldsUntilReleased) {
  LegalHold hold;
  hold.span = {kNine, After(kNine, kDay)};
  hold.reason = "court order";
  hold.request = "2026-17";
  hold.actor = "alice";
  hold.made = After(kNine, 2 * kDay);
  const auto id = holds_->Add(hold);
  ASSERT_TRUE(id.ok());
  EXPECT_EQ(holds_->Active().value(), std::vector<audit::TimeSpan>{hold.span});
  EXPECT_FALSE(holds_->Release(*id + 1, "bob", kNine).ok());
  ASSERT_TRUE(holds_->Release(*id, "bob", After(kNine, 3 * kDay)).ok());
  EXPECT_FALSE(holds_->Release(*id, "bob", kNine).ok());
  EXPECT_TRUE(holds_->Active()->empty());
  const auto list = holds_->List();
  ASSERT_EQ(list->size(), 1u);
  EXPECT_EQ((*list)[0].request, "2026-17");
  EXPECT_EQ((*list)[0].released_by, "bob");
}

TEST_F(LegalHoldsTest, OneThatHoldsNothingIsRefused) {
  LegalHold hold;
  hold.span = {kNine, kNine};
  EXPECT_FALSE(holds_->Add(hold).ok());
}

// Two days of sessions, a hold on the first of them, and somebody who changes what is not sealed.
class HoldLogTest : public SealingTest {
 protected:
  HoldLogTest() {
    hold_.span = {After(kNine, 60), After(kNine, 120)};
    hold_.id = holds_->Add(hold_).value();
    Log(kHoldAction, HoldTarget(hold_.id, hold_.span));
    Commit({MakeSession(1, kNine), MakeSession(2, After(kNine, kDay))});
    Work(After(kNine, 3 * kDay));
    EXPECT_TRUE(Check().good());
  }

  void Log(std::string_view action, std::string target, base::WallTime time = kNine) {
    operations::Operation operation;
    operation.time = time;
    operation.actor = "alice";
    operation.action = action;
    operation.target = std::move(target);
    operation.outcome = "done";
    ASSERT_TRUE(operations_->Append(operation).ok());
  }
  void Sql(const std::string& statement) const {
    auto database = database::Database::Open(dir_ / "control.db");
    ASSERT_TRUE(database.ok());
    database::Transaction transaction(**database, database::Transaction::Kind::kWrite);
    (*database)->Exec(statement);
    ASSERT_TRUE(transaction.Commit().ok());
  }
  // What keeps the first day, by the time that both are too old.
  std::string Refusal() {
    const auto worked = sealer_->Work(After(kNine, (200 + round_++) * kDay));
    EXPECT_EQ(store_->Stats()->days, worked.ok() ? store_->Stats()->days : 2u);
    return worked.ok() ? "" : worked.error().message;
  }

  LegalHold hold_;
  int round_ = 0;
};

TEST_F(HoldLogTest, AHoldTakenOutOfTheTableStillHolds) {
  for (const std::string& change :
       {std::string("DELETE FROM legal_hold"), std::string("UPDATE legal_hold SET to_us = from_us"),
        std::string("UPDATE legal_hold SET released_us = 1, released_by = 'bob'")}) {
    Sql(change);
    EXPECT_THAT(Refusal(), HasSubstr("nothing is dropped: hold 1: 2026-11-22T09:01:00.000000Z to "
                                     "2026-11-22T09:02:00.000000Z was made by operation 1"))
        << change;
    EXPECT_THAT(sealer_->status().error, HasSubstr("table of holds")) << "doctor fails by that";
    Sql("DELETE FROM legal_hold");
    Sql("INSERT INTO legal_hold SELECT 1, 1795338060000000, 1795338120000000, '', '', '', 0, NULL, "
        "''");
    EXPECT_EQ(Refusal(), "");
    EXPECT_EQ(store_->Stats()->days, 1u) << "the other day is dropped";
    Commit({MakeSession(2, After(kNine, kDay))});
  }
}

TEST_F(HoldLogTest, ItsReleaseInTheLogEndsIt) {
  Sql("DELETE FROM legal_hold");
  EXPECT_NE(Refusal(), "");
  Log(kReleaseAction, ReleaseTarget(hold_.id + 1));
  EXPECT_NE(Refusal(), "");
  Log(kReleaseAction, ReleaseTarget(hold_.id));
  EXPECT_EQ(Refusal(), "");
  EXPECT_EQ(store_->Stats()->days, 1u);
  EXPECT_EQ(Refusal(), "");
  EXPECT_EQ(store_->Stats()->days, 0u);
  EXPECT_THAT(Text(Check()), IsEmpty());
}

// The log is written anew without the hold, its chain with it: the seals know better.
TEST_F(HoldLogTest, ALogThatIsNotWhatWasSealedDropsNothing) {
  Sql("DELETE FROM legal_hold");
  Sql("DROP TRIGGER operation_log_stays");
  Sql("DELETE FROM operation_log");
  Log("sessions", "nothing");
  EXPECT_THAT(Refusal(), HasSubstr("operations 1 to 1 are not those that were sealed"));
}

TEST_F(HoldLogTest, ADropOfWhatWasHeldIsAFault) {
  const auto key = SigningKey::LoadOrMake(dir_ / "seals");
  ASSERT_TRUE(key.ok());
  Seal seal;
  seal.kind = SealKind::kRetention;
  seal.record = sealer_->status().record;
  seal.number = sealer_->status().seals + 1;
  seal.previous = sealer_->status().digest;
  seal.written = After(kNine, 200 * kDay);
  seal.signer = key->public_key().fingerprint();
  seal.dropped.day = audit::DayOf(kNine);
  std::string log;
  for (const LoggedSeal& logged : Seals()) log += logged.text;
  std::ofstream(sealer_->log().file(), std::ios::trunc) << log + SealText(seal, *key);
  const std::string fault = "seal " + std::to_string(seal.number) +
                            ": it drops the sessions of 2026-11-22, which hold 1 was to keep";
  EXPECT_THAT(Text(Check()), Contains(fault));
  // Released after the drop, it was held; before, it was not.
  Log(kReleaseAction, ReleaseTarget(hold_.id), After(kNine, 200 * kDay + 1));
  EXPECT_THAT(Text(Check()), Contains(fault));
  Sql("DROP TRIGGER operation_log_keeps");
  Sql("UPDATE operation_log SET time_us = time_us - 1000000 WHERE number = 2");
  EXPECT_THAT(Text(Check()), ::testing::Not(Contains(fault)));
  seal.dropped.day = audit::DayOf(kNine) + 1;
  Sql("UPDATE operation_log SET time_us = time_us + 1000000 WHERE number = 2");
  std::ofstream(sealer_->log().file(), std::ios::trunc) << log + SealText(seal, *key);
  EXPECT_THAT(Text(Check()), ::testing::Not(Contains(HasSubstr("was to keep"))));
}

TEST_F(HoldLogTest, WhatSaysThatSomethingIsHeldStaysInTheLog) {
  operations_days_ = 180;
  Close();
  Open();
  // The hold is on sessions; its operation lies elsewhere in time.
  LegalHold other;
  other.span = {After(kNine, 10 * kDay), After(kNine, 11 * kDay)};
  other.id = holds_->Add(other).value();
  ASSERT_TRUE(holds_->Release(hold_.id, "alice", kNine).ok());
  Log(kReleaseAction, ReleaseTarget(hold_.id));
  Log(kHoldAction, HoldTarget(other.id, other.span));
  Work(After(kNine, 4 * kDay));
  Work(After(kNine, 400 * kDay));
  EXPECT_EQ(operations_->Start()->number, 1) << "what was sealed together with it stays";
  ASSERT_TRUE(holds_->Release(other.id, "alice", kNine).ok());
  Log(kReleaseAction, ReleaseTarget(other.id));
  Work(After(kNine, 401 * kDay));
  Work(After(kNine, 402 * kDay));
  EXPECT_EQ(operations_->Start()->number, 4);
  EXPECT_THAT(Text(Check()), IsEmpty());
}

TEST_F(HoldLogTest, AHoldWithoutAnEndIsTheSameInLogAndTable) {
  for (const audit::TimeSpan& span :
       {audit::TimeSpan{{INT64_MIN}, kNine}, audit::TimeSpan{kNine, {INT64_MAX}}}) {
    LegalHold open;
    open.span = span;
    open.id = holds_->Add(open).value();
    Log(kHoldAction, HoldTarget(open.id, span));
  }
  const auto logged = ReadLoggedHolds(*operations_);
  ASSERT_EQ(logged->size(), 3u);
  EXPECT_EQ((*logged)[1].span, (audit::TimeSpan{{INT64_MIN}, kNine}));
  EXPECT_THAT(MissingHolds(*logged, holds_->List().value()), IsEmpty());
}

}  // namespace
}  // namespace weir::control::sealing

// The operations log keeps what it was given, and notices what was done behind its back.
#include "control/operations/operations_log.h"

#include <gtest/gtest.h>

namespace weir::control::operations {
namespace {

Operation ActionOf(std::string actor, std::string action) {
  Operation operation;
  operation.time = {1'795'339'800'123'456'789};
  operation.actor = std::move(actor);
  operation.via = "socket";
  operation.action = std::move(action);
  operation.reason = "case 7";
  operation.outcome = "done";
  return operation;
}

class OperationsLogTest : public ::testing::Test {
 protected:
  OperationsLogTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "weir-operations-XXXXXX";
    dir_ = mkdtemp(pattern.data());
  }
  ~OperationsLogTest() override { std::filesystem::remove_all(dir_); }

  std::unique_ptr<OperationsLog> Open() const {
    auto log = OperationsLog::Open(dir_ / "control.db");
    EXPECT_TRUE(log.ok()) << log.error().message;
    return std::move(log).value();
  }

  // Entries 1 to 6.
  void Fill() const {
    const auto log = Open();
    for (int i = 1; i <= 6; i++) {
      ASSERT_TRUE(log->Append(ActionOf("user" + std::to_string(i), "block")).ok());
    }
  }

  // As somebody does who has the file, and no respect for triggers.
  void Tamper(const std::string& sql) const {
    auto database = database::Database::Open(dir_ / "control.db");
    ASSERT_TRUE(database.ok());
    database::Transaction transaction(**database, database::Transaction::Kind::kWrite);
    (*database)->Exec("DROP TRIGGER operation_log_keeps");
    (*database)->Exec("DROP TRIGGER operation_log_stays");
    (*database)->Exec(sql);
    const auto done = transaction.Commit();
    ASSERT_TRUE(done.ok()) << done.error().message;
  }

  std::vector<std::string> Faults() const {
    const auto check = Open()->CheckChain();
    EXPECT_TRUE(check.ok()) << check.error().message;
    return check->faults;
  }

  std::filesystem::path dir_;
};

TEST_F(OperationsLogTest, KeepsEveryEntry) {
  const auto log = Open();
  Operation operation = ActionOf("alice", "sessions");
  operation.rows = 12;
  ASSERT_TRUE(log->Append(operation).ok());
  operation.actor = "bob";
  ASSERT_TRUE(log->Append(operation).ok());
  const auto entries = log->List(10);
  ASSERT_TRUE(entries.ok());
  ASSERT_EQ(entries->size(), 2u);
  EXPECT_EQ((*entries)[0].actor, "bob");
  EXPECT_EQ((*entries)[1].reason, "case 7");
  EXPECT_EQ((*entries)[1].rows, 12);
  EXPECT_EQ((*entries)[1].number, 1);
  EXPECT_EQ(log->List(1)->size(), 1u);
  EXPECT_EQ(log->LastNumber().value(), 2);
}

TEST_F(OperationsLogTest, ReadsARange) {
  Fill();
  std::string actors;
  ASSERT_TRUE(Open()
                  ->Read(2, 4,
                         [&](const Operation& operation) {
                           actors += operation.actor + " ";
                           return operation.number < 3;
                         })
                  .ok());
  EXPECT_EQ(actors, "user2 user3 ");
}

TEST_F(OperationsLogTest, AnEntryIsOneLineWhateverItSays) {
  Operation operation = ActionOf("al\nice", "bl\"ock");
  operation.target = "\xff\xfe";
  EXPECT_EQ(OperationToJson(operation),
            "{\"action\":\"bl\\\"ock\",\"actor\":\"al\\nice\",\"number\":0,\"outcome\":\"done\","
            "\"reason\":\"case 7\",\"rows\":0,\"target\":\"\xEF\xBF\xBD\xEF\xBF\xBD\","
            "\"time\":\"2026-11-22T09:30:00.123456Z\",\"via\":\"socket\"}");
  const auto log = Open();
  ASSERT_TRUE(log->Append(operation).ok());
  EXPECT_TRUE(log->CheckChain()->faults.empty());
}

TEST_F(OperationsLogTest, WhatWasWrittenIsChained) {
  Fill();
  const auto check = Open()->CheckChain();
  ASSERT_TRUE(check.ok());
  EXPECT_TRUE(check->faults.empty());
  EXPECT_EQ(check->entries, 6u);
  EXPECT_EQ(check->last_number, 6);
  EXPECT_EQ(check->last_chain.size(), 64u);
}

TEST_F(OperationsLogTest, DropsTheOldestUpToAPointAndGoesOnBehindIt) {
  Fill();
  {
    const auto log = Open();
    EXPECT_EQ(log->Start().value(), OperationsLog::Point{});
    const auto point = log->PointAt(4);
    ASSERT_TRUE(point.ok());
    EXPECT_EQ(log->DropUpto(*point).value(), 4u);
    EXPECT_EQ(log->Start().value(), *point);
    EXPECT_EQ(log->PointAt(4).value(), *point);
    EXPECT_FALSE(log->PointAt(3).ok());
    EXPECT_EQ(log->DropUpto(*point).value(), 0u);  // once more, after a crash
    EXPECT_EQ(log->List(10)->size(), 2u);
    EXPECT_EQ(log->Describe()->entries, 2u);
  }
  EXPECT_TRUE(Faults().empty());
  const auto log = Open();
  EXPECT_EQ(log->DropUpto(log->PointAt(6).value()).value(), 2u);
  EXPECT_EQ(log->LastNumber().value(), 6);
  EXPECT_EQ(log->Describe()->entries, 0u);
  ASSERT_TRUE(log->Append(ActionOf("user7", "block")).ok());
  EXPECT_EQ(log->List(10)->at(0).number, 7);
  EXPECT_TRUE(log->CheckChain()->faults.empty());
}

TEST_F(OperationsLogTest, ThePointMustBeThatOfItsChain) {
  Fill();
  const auto log = Open();
  EXPECT_FALSE(log->DropUpto({3, std::string(64, 'a')}).ok());
  EXPECT_FALSE(log->DropUpto({9, log->PointAt(6)->chain}).ok());
  EXPECT_EQ(log->Describe()->entries, 6u);
  EXPECT_EQ(log->Start()->number, 0);
}

TEST_F(OperationsLogTest, NothingBehindTheStartCanBeDeleted) {
  Fill();
  ASSERT_TRUE(Open()->DropUpto(Open()->PointAt(2).value()).ok());
  auto database = database::Database::Open(dir_ / "control.db");
  ASSERT_TRUE(database.ok());
  database::Transaction transaction(**database, database::Transaction::Kind::kWrite);
  (*database)->Exec("DELETE FROM operation_log WHERE number = 3");
  EXPECT_FALSE(transaction.Commit().ok());
}

TEST_F(OperationsLogTest, OldestTakenBehindTheLogsBackAreMissed) {
  Fill();
  ASSERT_TRUE(Open()->DropUpto(Open()->PointAt(2).value()).ok());
  Tamper("DELETE FROM operation_log WHERE number = 3");
  const auto faults = Faults();
  ASSERT_FALSE(faults.empty());
  EXPECT_EQ(faults[0], "operations 3 to 3 are missing");
}

TEST_F(OperationsLogTest, FindsAChange) {
  Fill();
  Tamper("UPDATE operation_log SET actor = 'mallory' WHERE number = 3");
  EXPECT_EQ(Faults(), std::vector<std::string>{
                          "operation 3 is not what was written, or one before it is not"});
}

TEST_F(OperationsLogTest, FindsAnEntryTakenOut) {
  Fill();
  Tamper("DELETE FROM operation_log WHERE number = 3");
  const auto faults = Faults();
  ASSERT_EQ(faults.size(), 2u);
  EXPECT_EQ(faults[0], "operations 3 to 3 are missing");
}

TEST_F(OperationsLogTest, FindsAnEntryPutIn) {
  Fill();
  Tamper(
      "INSERT INTO operation_log SELECT 7, time_us, actor, via, action, target, reason, outcome, "
      "rows, '' FROM operation_log WHERE number = 2");
  EXPECT_EQ(Faults(), std::vector<std::string>{"operation 7 was put in behind the log's back"});
}

TEST_F(OperationsLogTest, FindsTwoEntriesThatChangedPlaces) {
  Fill();
  Tamper(
      "UPDATE operation_log SET actor = CASE number WHEN 2 THEN 'user5' ELSE 'user2' END "
      "WHERE number IN (2, 5)");
  EXPECT_EQ(Faults().size(), 2u);
}

TEST_F(OperationsLogTest, EntriesFromBeforeTheChainAreCoveredByIt) {
  Fill();
  Tamper("UPDATE operation_log SET chain = ''");
  EXPECT_TRUE(Faults().empty());
  ASSERT_TRUE(Open()->Append(ActionOf("alice", "sessions")).ok());
  EXPECT_TRUE(Faults().empty());
  auto database = database::Database::Open(dir_ / "control.db");
  {
    database::Transaction transaction(**database, database::Transaction::Kind::kWrite);
    (*database)->Exec("UPDATE operation_log SET actor = 'mallory' WHERE number = 3");
    ASSERT_TRUE(transaction.Commit().ok());
  }
  EXPECT_EQ(Faults(), std::vector<std::string>{
                          "operation 7 is not what was written, or one before it is not"});
}

}  // namespace
}  // namespace weir::control::operations

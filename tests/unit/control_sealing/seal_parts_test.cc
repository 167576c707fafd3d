// The parts of a seal, and what a check says of them.
#include "control/sealing/seal_parts.h"

#include <gmock/gmock.h>

#include <fstream>

#include "control/audit/rocks_db.h"
#include "sealing_fixture.h"

namespace weir::control::sealing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

SealParts SomeParts() {
  SealParts parts;
  PartGatherer gatherer(parts);
  gatherer.AddSession(After(kNine, 1), "a\n");
  gatherer.AddSession(After(kNine, 59.9), "b\n");
  gatherer.AddSession(After(kNine, 60), "c\n");
  gatherer.Finish();
  PartGatherer numbered(parts);
  for (uint64_t number = 99; number <= 102; number++) {
    numbered.AddNumbered(NumberedClass::kLogins, number, std::to_string(number));
  }
  numbered.Finish();
  return parts;
}

TEST(SealParts, AreMinutesAndHundredsOfNumbers) {
  const SealParts parts = SomeParts();
  ASSERT_EQ(parts.minutes.size(), 2u);
  EXPECT_EQ(parts.minutes[0].from, kNine);
  EXPECT_EQ(parts.minutes[0].sessions.records, 2u);
  EXPECT_EQ(parts.minutes[0].sessions.sha256, base::Sha256Hex("a\nb\n").substr(0, 32));
  EXPECT_EQ(parts.minutes[1].sessions.records, 1u);
  ASSERT_EQ(parts.numbers.size(), 2u);
  EXPECT_EQ(parts.numbers[0].records.records, 2u);  // 99 and 100
  EXPECT_EQ(parts.numbers[1].block, 1u);
  const auto back = ParseParts(PartsText(parts));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(*back, parts);
}

TEST(SealParts, WhatIsNotTheirTextIsRefused) {
  const std::string text = PartsText(SomeParts());
  for (size_t cut = 0; cut < text.size(); cut++) {
    const auto parsed = ParseParts(text.substr(0, cut));
    EXPECT_TRUE(!parsed.ok() || text[cut - 1] == '\n') << cut;
  }
  EXPECT_FALSE(ParseParts(text + "more\n").ok());
  EXPECT_FALSE(ParseParts("weir parts 1\nlogins 01 1 " + std::string(32, 'a') + "\n").ok());
  EXPECT_FALSE(ParseParts("weir parts 1\nlogins 1 1 " + std::string(31, 'a') + "\n").ok());
}

TEST(SealParts, SaysWhatDiffersAndNotTooMuch) {
  const SealParts was = SomeParts();
  SealParts is = was;
  EXPECT_EQ(MinutesThatDiffer(was, is), "");
  is.minutes[0].sessions.sha256[0] ^= 1;
  is.minutes.pop_back();
  is.minutes.push_back({After(kNine, 600), {3, std::string(32, 'a')}});
  EXPECT_EQ(MinutesThatDiffer(was, is),
            "from 09:00 on changed among 2; from 09:01 on 1 of 1 missing; from 09:10 on 3 added "
            "to 0");
  is.numbers[1].records.records = 1;
  EXPECT_EQ(NumbersThatDiffer(NumberedClass::kLogins, was, is), "of 101 to 200 1 of 2 missing");
  EXPECT_EQ(NumbersThatDiffer(NumberedClass::kFindings, was, is), "");
  for (int minute = 20; minute < 30; minute++) {
    is.minutes.push_back({After(kNine, minute * 60), {1, std::string(32, 'a')}});
  }
  EXPECT_THAT(MinutesThatDiffer(was, is), HasSubstr("; and 8 more"));
}

class SealPartsTest : public SealingTest {
 protected:
  SealPartsTest() {
    Commit({MakeSession(1, After(kNine, 60)), MakeSession(2, After(kNine, 130))});
    CommitFinding(kNine, "r1");
    Work(After(kNine, 2 * kHour));
  }
  // One session less, behind the seals' back.
  void TakeOne() {
    Close();
    {
      audit::RocksDb db({dir_ / "store", 4 << 20, 8 << 20});
      ASSERT_TRUE(db.Open().ok());
      const auto day = db.FindDay(audit::DayOf(kNine));
      ASSERT_NE(day, nullptr);
      const std::unique_ptr<rocksdb::Iterator> at(
          db.db()->NewIterator({}, day->sessions->handle()));
      at->SeekToFirst();
      ASSERT_TRUE(at->Valid());
      ASSERT_TRUE(db.db()->Delete({}, day->sessions->handle(), at->key()).ok());
    }
    Open();
  }
  size_t PartFiles() const {
    size_t count = 0;
    for ([[maybe_unused]] const auto& file :
         std::filesystem::directory_iterator(dir_ / "seals" / "parts")) {
      count++;
    }
    return count;
  }
};

TEST_F(SealPartsTest, TheSealHasThemAndACheckNamesTheMinute) {
  EXPECT_TRUE(Seals()[0].text.starts_with("weir seal 2\n"));
  EXPECT_TRUE(Check().good());
  TakeOne();
  EXPECT_THAT(Text(Check()), ElementsAre("2026-11-22T09:00:00.000000Z: 1 of 2 sessions are "
                                         "missing: from 09:01 on 1 of 1 missing"));
}

TEST_F(SealPartsTest, WithoutThemTheHourIsStillNamed) {
  TakeOne();
  std::ofstream(dir_ / "seals" / "parts" / "1", std::ios::app) << "x";
  EXPECT_THAT(Text(Check()),
              ElementsAre(AllOf(HasSubstr("1 of 2 sessions are missing; where, cannot be told"),
                                HasSubstr("is not what was sealed"))));
  std::filesystem::remove_all(dir_ / "seals" / "parts");
  EXPECT_THAT(Text(Check()), ElementsAre(AllOf(HasSubstr("1 of 2 sessions are missing"),
                                               HasSubstr("cannot be read"))));
}

TEST_F(SealPartsTest, AnAmendmentHasItsOwn) {
  Commit({MakeSession(3, After(kNine, 200))});
  Work(After(kNine, 4 * kHour));
  EXPECT_TRUE(Check().good());
  TakeOne();
  EXPECT_THAT(Text(Check()), ElementsAre(HasSubstr("1 of 3 sessions are missing: from 09:01 on")));
}

TEST_F(SealPartsTest, GoWithTheirDay) {
  EXPECT_EQ(PartFiles(), 1u);
  Work(After(kNine, 2 * kDay));
  Work(After(kNine, 181 * kDay));
  EXPECT_EQ(PartFiles(), 0u);
  EXPECT_THAT(Text(Check()), IsEmpty());
}

TEST_F(SealPartsTest, AnEmptySpanHasNone) {
  Work(After(kNine, 5 * kHour));
  ASSERT_THAT(Seals(), SizeIs(2));
  EXPECT_TRUE(Seals()[1].text.starts_with("weir seal 1\n"));
  EXPECT_EQ(PartFiles(), 1u);
}

// They cannot be written: the hour is not sealed without them, and is later.
TEST_F(SealPartsTest, AFolderInTheWayIsAnErrorAndNothingIsLost) {
  Commit({MakeSession(3, After(kNine, 2 * kHour + 60))});
  std::filesystem::create_directories(dir_ / "seals" / "parts" / "3.tmp" / "in the way");
  EXPECT_FALSE(sealer_->Work(After(kNine, 4 * kHour)).ok());
  std::filesystem::remove_all(dir_ / "seals" / "parts" / "3.tmp");
  Work(After(kNine, 4 * kHour));
  EXPECT_TRUE(Check().good());
}

}  // namespace
}  // namespace weir::control::sealing

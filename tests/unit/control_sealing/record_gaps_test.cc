#include "control/sealing/record_gaps.h"

#include <gmock/gmock.h>

#include <fstream>

#include "sealing_fixture.h"
#include "tests/support/forwarding_store.h"

namespace weir::control::sealing {
namespace {

using events::HealthKind;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class RecordGapsTest : public SealingTest {
 protected:
  void Tell(double after, HealthKind kind, uint64_t value = 0, std::string_view detail = "") {
    audit::Batch batch;
    batch.health.push_back({After(kNine, after), kind, 1, value, detail});
    ASSERT_TRUE(store_->Commit(batch).ok());
  }
  RecordGaps Find(double now) const { return Find(*store_, now); }
  RecordGaps Find(audit::SessionStore& store, double now) const {
    auto gaps = FindGaps(store, sealer_->status(), After(kNine, now),
                         static_cast<int64_t>(3 * kHour * 1e9), recording_);
    EXPECT_TRUE(gaps.ok());
    return gaps.ok() ? std::move(*gaps) : RecordGaps{};
  }
  // "kind class from+seconds events" of each.
  std::vector<std::string> Sketch(double now) const { return Sketch(Find(now)); }
  static std::vector<std::string> Sketch(const RecordGaps& gaps) {
    std::vector<std::string> sketch;
    for (const RecordGap& gap : gaps.gaps) {
      const int64_t from = (gap.span.from.ns - kNine.ns) / 1'000'000'000;
      const int64_t length = (gap.span.to.ns - gap.span.from.ns) / 1'000'000'000;
      sketch.push_back(std::string(GapKindName(gap.kind)) + " " + gap.lost_class +
                       (gap.is_about ? "about " : "") + std::to_string(from) + "+" +
                       std::to_string(length) + (gap.goes_on ? " on" : "") + " " +
                       std::to_string(gap.events));
    }
    return sketch;
  }

  bool recording_ = true;
};

TEST_F(RecordGapsTest, AnHonestRecordHasNone) {
  Tell(0, HealthKind::kStarted);
  Tell(1, HealthKind::kPolicyInstalled, 7);
  Commit({MakeSession(1, After(kNine, 60))});
  Work(After(kNine, 2 * kHour));
  EXPECT_THAT(Sketch(2 * kHour), IsEmpty());
  EXPECT_TRUE(Find(2 * kHour).whole);
}

TEST_F(RecordGapsTest, ASensorThatWasAwayIsOneFromItsEndToItsStart) {
  Tell(0, HealthKind::kStarted);
  Tell(100, HealthKind::kStopped);
  EXPECT_THAT(Sketch(150), ElementsAre("not recording 100+50 on 0"));
  Tell(400, HealthKind::kStarted);
  EXPECT_THAT(Sketch(500), ElementsAre("not recording 100+300 0"));
}

// Its beginning is the last session's, or the last health record's where there was none.
TEST_F(RecordGapsTest, ASensorThatEndedWithoutAWordIsOneFromAboutThere) {
  Tell(0, HealthKind::kStarted);
  Tell(500, HealthKind::kStarted);
  EXPECT_THAT(Sketch(600), ElementsAre("not recording about 0+500 0"));
  Commit({MakeSession(1, After(kNine, 60)), MakeSession(2, After(kNine, 300)),
          MakeSession(3, After(kNine, 520))});
  EXPECT_THAT(Sketch(600), ElementsAre("not recording about 300+200 0"));
}

// Killed, and not started again.
TEST_F(RecordGapsTest, ASensorThatDoesNotAnswerIsOneThatGoesOn) {
  recording_ = false;
  EXPECT_THAT(Sketch(600), IsEmpty()) << "nothing is known of a sensor";
  Tell(0, HealthKind::kStarted);
  EXPECT_THAT(Sketch(600), ElementsAre("not recording about 0+600 on 0"));
  Commit({MakeSession(1, After(kNine, 60)), MakeSession(2, After(kNine, 300))});
  EXPECT_THAT(Sketch(600), ElementsAre("not recording about 300+300 on 0"));
  recording_ = true;
  EXPECT_THAT(Sketch(600), IsEmpty());
  recording_ = false;
  Tell(700, HealthKind::kStopped);
  EXPECT_THAT(Sketch(800), ElementsAre("not recording 700+100 on 0"));
}

// As when the days of the gap are in ClickHouse, and that is away.
TEST_F(RecordGapsTest, WhereSessionsCannotBeReadWhatIsKnownIsTold) {
  class WithoutSessions : public audit::ForwardingStore {
   public:
    using ForwardingStore::ForwardingStore;
    base::Result<audit::QueryResult> Sessions(const audit::Query&,
                                              const audit::SessionVisitor&) override {
      asked++;
      return base::Error{"the archive cannot be asked"};
    }
    int asked = 0;
  };
  Tell(0, HealthKind::kStarted);
  Commit({MakeSession(1, After(kNine, 60))});
  Tell(500, HealthKind::kStarted);
  Tell(900, HealthKind::kStarted);
  WithoutSessions store(*store_);
  EXPECT_THAT(Sketch(Find(store, 1000)),
              ElementsAre("not recording about 0+500 0", "not recording about 500+400 0"));
  EXPECT_EQ(store.asked, 1);
}

TEST_F(RecordGapsTest, TheNewestHealthRecordsAreReadWhereThereAreVeryMany) {
  const auto tell = [this](int from, int count) {
    audit::Batch batch;
    for (int i = 0; i < count; i++) {
      batch.health.push_back({After(kNine, from + i), HealthKind::kPolicyInstalled, 1, 0, ""});
    }
    ASSERT_TRUE(store_->Commit(batch).ok());
  };
  Tell(0, HealthKind::kStarted);
  Tell(10, HealthKind::kStopped);
  Tell(20, HealthKind::kStarted);
  for (int i = 0; i < 5; i++) tell(100 + i * 100'000, 100'000);
  Tell(600'000, HealthKind::kStarted);  // ended without a word, and its start is not read any more
  Tell(600'010, HealthKind::kStopped);
  Tell(600'030, HealthKind::kStarted);
  const RecordGaps gaps = Find(600'100);
  EXPECT_FALSE(gaps.whole);
  EXPECT_THAT(Sketch(gaps),
              ElementsAre("not recording about 500099+99901 0", "not recording 600010+20 0"));
}

TEST_F(RecordGapsTest, LossesAreByClassAndHoursInARowAreOne) {
  Tell(0, HealthKind::kStarted);
  Tell(100, HealthKind::kEventsLost, 5, "session");
  Tell(200, HealthKind::kEventsLost, 2, "detail");
  Tell(kHour + 100, HealthKind::kEventsLost, 6, "session");
  Tell(4 * kHour + 100, HealthKind::kEventsLost, 1, "session");
  EXPECT_THAT(Sketch(5 * kHour),
              ElementsAre("events lost session0+7200 11", "events lost detail0+3600 2",
                          "events lost session14400+3600 1"));
}

// Told by control, and 0 where nobody knows how many they were.
TEST_F(RecordGapsTest, WhatTheJournalCouldNotGiveIsOneOfItsOwn) {
  Tell(0, HealthKind::kStarted);
  Tell(100, HealthKind::kEventsLost, 5, "session");
  Tell(200, HealthKind::kEventsLost, 3, audit::kLostInJournal);
  Tell(300, HealthKind::kEventsLost, 1, audit::kLostInJournal);
  Tell(4 * kHour + 100, HealthKind::kEventsLost, 0, audit::kLostInJournal);
  EXPECT_THAT(Sketch(5 * kHour), ElementsAre("not readable 0+3600 4", "events lost session0+3600 5",
                                             "not readable 14400+3600 0"));
}

TEST_F(RecordGapsTest, HoursThatAreOverdueAndSealsThatAreDamagedAreOnes) {
  for (int hour = 0; hour < 4; hour++) {
    Commit({MakeSession(static_cast<uint64_t>(hour) + 1, After(kNine, hour * kHour + 60))});
    Work(After(kNine, (hour + 1) * kHour + 2700));
  }
  EXPECT_THAT(Sketch(6.9 * kHour), IsEmpty());
  EXPECT_THAT(Sketch(8 * kHour), ElementsAre("not sealed 14400+14400 on 0"));
  auto seals = Seals();
  ASSERT_EQ(seals.size(), 4u);
  Close();
  std::ofstream out(dir_ / "seals" / "seals.log", std::ios::trunc);
  for (size_t i = 0; i < seals.size(); i++) out << (i == 1 ? "nonsense\n\n" : seals[i].text);
  out.close();
  Open();
  EXPECT_THAT(Sketch(5 * kHour), ElementsAre("not sealed 3600+3600 0"));
}

TEST_F(RecordGapsTest, OnlyTheNewestAreToldOneByOne) {
  const int count = static_cast<int>(RecordGaps::kGapsMax) + 7;
  audit::Batch batch;
  for (int i = 0; i < count; i++) {
    batch.health.push_back({After(kNine, i * 100), HealthKind::kStopped, 1, 0, ""});
    batch.health.push_back({After(kNine, i * 100 + 50), HealthKind::kStarted, 1, 0, ""});
  }
  ASSERT_TRUE(store_->Commit(batch).ok());
  const RecordGaps gaps = Find(count * 100);
  EXPECT_EQ(gaps.gaps.size(), RecordGaps::kGapsMax);
  EXPECT_EQ(gaps.older, 7u);
  EXPECT_EQ(gaps.gaps.front().span.from, After(kNine, 700));
}

}  // namespace
}  // namespace weir::control::sealing

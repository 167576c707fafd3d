// What is sealed, when, and what is left by a crash at each place.
#include "control/sealing/sealer.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "sealing_fixture.h"
#include "tests/support/forwarding_store.h"

namespace weir::control::sealing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class SealerTest : public SealingTest {
 protected:
  // "kind from +hours: sessions" of each.
  std::vector<std::string> Sketch() const {
    std::vector<std::string> sketch;
    for (const LoggedSeal& logged : Seals()) {
      const Seal& seal = logged.seal.value();
      if (seal.kind == SealKind::kRetention) {
        sketch.push_back("retention");
        continue;
      }
      const double from = static_cast<double>(seal.span.from.ns - kNine.ns) / 3.6e12;
      const double hours = static_cast<double>(seal.span.to.ns - seal.span.from.ns) / 3.6e12;
      std::ostringstream text;
      text << (seal.kind == SealKind::kSpan ? "" : "amended ") << from << "+" << hours << ": "
           << seal.sessions.records;
      sketch.push_back(text.str());
    }
    return sketch;
  }

  // Behind the store's back.
  void RemoveFirstSession(audit::DayNumber number) {
    Close();
    {
      audit::RocksDb db({dir_ / "store", 4 << 20, 8 << 20});
      ASSERT_TRUE(db.Open().ok());
      const auto day = db.FindDay(number);
      rocksdb::ColumnFamilyHandle* const sessions = day->sessions->handle();
      const std::unique_ptr<rocksdb::Iterator> at(db.db()->NewIterator({}, sessions));
      at->SeekToFirst();
      ASSERT_TRUE(db.db()->Delete({}, sessions, at->key()).ok());
    }
    Open();
  }
};

TEST_F(SealerTest, AnHourIsSealedOnceItHasSettled) {
  Commit({MakeSession(1, After(kNine, 60))});
  Work(After(kNine, kHour + 44 * 60));
  EXPECT_THAT(Sketch(), IsEmpty());
  Work(After(kNine, kHour + 45 * 60));
  EXPECT_THAT(Sketch(), ElementsAre("0+1: 1"));
  EXPECT_EQ(sealer_->status().until, After(kNine, kHour));
  EXPECT_TRUE(Check().good());
}

TEST_F(SealerTest, NothingIsSealedBeforeItHasAllArrived) {
  Commit({MakeSession(1, After(kNine, 60))});
  caught_up_ = false;
  Work(After(kNine, 5 * kHour));
  EXPECT_THAT(Sketch(), IsEmpty());
  caught_up_ = true;
  Work(After(kNine, 5 * kHour));
  EXPECT_FALSE(Sketch().empty());
}

TEST_F(SealerTest, EmptyHoursAreOneSpan) {
  Commit({MakeSession(1, After(kNine, 60)), MakeSession(2, After(kNine, 7.5 * kHour))});
  Work(After(kNine, 12 * kHour));
  EXPECT_THAT(Sketch(), ElementsAre("0+1: 1", "1+6: 0", "7+1: 1", "8+3: 0"));
  EXPECT_TRUE(Check().good());
}

// Else it would outlive the day that is dropped, and speak of sessions that are gone.
TEST_F(SealerTest, NoSpanCrossesMidnight) {
  Commit({MakeSession(1, After(kNine, 60)), MakeSession(2, After(kNine, 44 * kHour))});
  Work(After(kNine, 46 * kHour));
  EXPECT_THAT(Sketch(), ElementsAre("0+1: 1", "1+14: 0", "15+24: 0", "39+5: 0", "44+1: 1"));
  EXPECT_TRUE(Check().good());
}

// The backlog of a night without the control plane comes as late, and goes with its days.
TEST_F(SealerTest, DaysWhoseSessionsAllCameLateAreDroppedOneByOne) {
  Commit({MakeSession(1, After(kNine, 60))});
  Work(After(kNine, 21 * kHour));
  Commit({MakeSession(2, After(kNine, 14 * kHour)), MakeSession(3, After(kNine, 16 * kHour))});
  Work(After(kNine, 23 * kHour));
  EXPECT_THAT(Sketch(), Contains("amended 15+5: 1"));
  for (int hour = 0; hour < 30; hour += 2) {
    Work(After(kNine, 180 * kDay + (14 + hour) * kHour));
    EXPECT_THAT(Text(Check()), IsEmpty()) << hour;
  }
  EXPECT_EQ(store_->Stats()->days, 0u);
}

TEST_F(SealerTest, WhatCameLateIsSealedAnew) {
  auto open = MakeSession(1, After(kNine, 60));
  open.state = events::SessionState::kOpen;
  Commit({open});
  Work(After(kNine, 2 * kHour));
  auto changed = MakeSession(1, After(kNine, 60));
  changed.revision = 1;
  changed.bytes_to_dst = 2000;
  Commit({changed, MakeSession(2, After(kNine, 61)), MakeSession(3, After(kNine, -5 * kHour))});
  EXPECT_EQ(Check().waiting, 3u);
  EXPECT_TRUE(Check().good());
  Work(After(kNine, 3 * kHour + 1));
  EXPECT_THAT(Sketch(), ElementsAre("0+1: 1", "1+1: 0", "amended -5+1: 1", "amended 0+1: 2"));
  const Verification verification = Check();
  EXPECT_THAT(Text(verification), IsEmpty());
  EXPECT_EQ(verification.late, 3u);
  EXPECT_EQ(verification.waiting, 0u);
  EXPECT_EQ(verification.amended, 2u);
}

TEST_F(SealerTest, SessionsClosedAsLostAreSealedAnew) {
  auto open = MakeSession(1, After(kNine, 60));
  open.state = events::SessionState::kOpen;
  open.end_reason = events::EndReason::kNone;
  Commit({open, MakeSession(2, After(kNine, 61))});
  Work(After(kNine, 2 * kHour));
  ASSERT_TRUE(store_->CloseLost(7).ok());
  EXPECT_EQ(Check().waiting, 1u);
  Work(After(kNine, 3 * kHour + 1));
  EXPECT_THAT(Sketch(), ElementsAre("0+1: 2", "1+1: 0", "amended 0+1: 2"));
  EXPECT_THAT(Text(Check()), IsEmpty());
}

TEST_F(SealerTest, WhatIsNotWhatWasSealedIsNotSealedAnew) {
  Commit({MakeSession(1, After(kNine, 60)), MakeSession(2, After(kNine, 62))});
  Work(After(kNine, 2 * kHour));
  RemoveFirstSession(audit::DayOf(kNine));
  Commit({MakeSession(3, After(kNine, 63))});
  const auto worked = sealer_->Work(After(kNine, 4 * kHour));
  ASSERT_FALSE(worked.ok());
  EXPECT_THAT(worked.error().message, HasSubstr("weirctl audit verify"));
  EXPECT_EQ(sealer_->status().failures, 1u);
  EXPECT_FALSE(Check().good());
}

// It stays as it is and is told; what else is due is done.
TEST_F(SealerTest, AnHourThatCannotBeSealedAnewHoldsUpNothing) {
  const base::WallTime hour = After(kNine, kDay);
  Commit({MakeSession(1, kNine), MakeSession(2, After(hour, 60)), MakeSession(3, After(hour, 70)),
          MakeSession(4, After(hour, kHour + 60))});
  Work(After(kNine, 2 * kDay));
  RemoveFirstSession(audit::DayOf(hour));
  Commit({MakeSession(5, After(hour, 61)), MakeSession(6, After(hour, kHour + 61))});
  const base::WallTime later = After(kNine, 180 * kDay + 16 * kHour);
  const auto worked = sealer_->Work(later);
  ASSERT_FALSE(worked.ok());
  EXPECT_THAT(worked.error().message, HasSubstr("weirctl audit verify"));
  EXPECT_THAT(Sketch(), Contains("amended 25+1: 2"));
  EXPECT_THAT(Sketch(), Not(Contains(HasSubstr("amended 24+1"))));
  EXPECT_THAT(Sketch(), Contains("retention"));
  EXPECT_EQ(store_->Stats()->days, 1u);

  // Not tried again before an hour is over, and told all the while.
  for (const double seconds : {30.0, 60.0, kHour + 60}) {
    EXPECT_EQ(sealer_->Work(After(later, seconds)).ok(), seconds < kHour) << seconds;
    const SealerStatus status = sealer_->status();
    EXPECT_THAT(status.unamended, ElementsAre(audit::TimeSpan{hour, After(hour, kHour)}));
    EXPECT_EQ(status.error, worked.error().message);
    EXPECT_EQ(status.failures, seconds < kHour ? 1u : 2u);
  }
  EXPECT_EQ(std::count(lines_.begin(), lines_.end(), "seals: " + worked.error().message), 1);
  EXPECT_THAT(lines_, Not(Contains("seals: written again")));
}

// Who writes waits for Amend().
class AmendedStore : public audit::ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;

  base::Status Amend(const audit::TimeSpan& span,
                     const std::function<base::Result<audit::SealHead>()>& write) override {
    amends++;
    return store_.Amend(span, [&] {
      amending_ = true;
      auto head = write();
      amending_ = false;
      return head;
    });
  }
  base::Status SessionsAsSealed(base::WallTime from, base::WallTime to,
                                const audit::SessionVisitor& visit) override {
    read_as_sealed_meanwhile = read_as_sealed_meanwhile || amending_;
    return store_.SessionsAsSealed(from, to, visit);
  }

  int amends = 0;
  bool read_as_sealed_meanwhile = false;

 private:
  bool amending_ = false;
};

TEST_F(SealerTest, TheStoreIsHeldUpForWhatIsSealedAnewOnly) {
  Commit({MakeSession(1, After(kNine, 60)), MakeSession(2, After(kNine, 70)),
          MakeSession(3, After(kNine, kHour + 60))});
  Work(After(kNine, 3 * kHour));
  RemoveFirstSession(audit::DayOf(kNine));
  Commit({MakeSession(4, After(kNine, 61)), MakeSession(5, After(kNine, kHour + 61))});
  sealer_.reset();
  AmendedStore amended(*store_);
  Sealer::Options options;
  options.dir = dir_ / "seals";
  auto sealer = Sealer::Open(std::move(options), {amended, *operations_}, *holds_);
  ASSERT_TRUE(sealer.ok()) << sealer.error().message;
  EXPECT_FALSE((*sealer)->Work(After(kNine, 5 * kHour)).ok());
  EXPECT_EQ((*sealer)->status().amendments, 1u);
  EXPECT_EQ(amended.amends, 1);
  EXPECT_FALSE(amended.read_as_sealed_meanwhile);
}

// Else the log would miss the seal that it could not take.
TEST_F(SealerTest, NothingIsSealedAnewWhileTheLogIsBehind) {
  Commit({MakeSession(1, After(kNine, 60)), MakeSession(2, After(kNine, kHour + 60))});
  Work(After(kNine, 3 * kHour));
  Commit({MakeSession(3, After(kNine, 61)), MakeSession(4, After(kNine, kHour + 61))});
  const auto log = dir_ / "seals" / "seals.log";
  std::filesystem::rename(log, dir_ / "away");
  std::filesystem::create_directory(log);
  caught_up_ = false;
  EXPECT_FALSE(sealer_->Work(After(kNine, 4.1 * kHour)).ok());
  EXPECT_FALSE(sealer_->Work(After(kNine, 5.2 * kHour)).ok());
  std::filesystem::remove(log);
  std::filesystem::rename(dir_ / "away", log);
  Work(After(kNine, 6.3 * kHour));
  EXPECT_THAT(Sketch(), Contains("amended 0+1: 2"));
  EXPECT_THAT(Sketch(), Contains("amended 1+1: 2"));
  EXPECT_THAT(Text(Check()), IsEmpty());
}

TEST_F(SealerTest, SealsAtOnceWhenAsked) {
  Commit({MakeSession(1, After(kNine, 60)), MakeSession(2, After(kNine, 1900))});
  ASSERT_TRUE(sealer_->SealUntil(After(kNine, 1800), After(kNine, 2000)).ok());
  EXPECT_THAT(Sketch(), ElementsAre("0+0.5: 1"));
  Work(After(kNine, 2 * kHour));
  EXPECT_THAT(Sketch(), ElementsAre("0+0.5: 1", "0.5+0.5: 1"));
  EXPECT_TRUE(Check().good());
}

TEST_F(SealerTest, NumberedRecordsAreSealedOnce) {
  Commit({MakeSession(1, After(kNine, 60))});
  CommitFinding(After(kNine, 60), "r1");
  Act("alice");
  Act("bob");
  Work(After(kNine, 2 * kHour));
  CommitFinding(After(kNine, 2 * kHour), "r2");
  Work(After(kNine, 3 * kHour));
  const auto seals = Seals();
  ASSERT_EQ(seals.size(), 2u);
  const auto& first = seals[0].seal->numbered;
  const auto& second = seals[1].seal->numbered;
  EXPECT_EQ(first[static_cast<size_t>(NumberedClass::kFindings)].digest.records, 1u);
  EXPECT_EQ(second[static_cast<size_t>(NumberedClass::kFindings)].digest.records, 1u);
  EXPECT_EQ(first[static_cast<size_t>(NumberedClass::kOperations)].digest.records, 2u);
  EXPECT_EQ(second[static_cast<size_t>(NumberedClass::kOperations)].after, 2u);
  EXPECT_TRUE(Check().good());
}

TEST_F(SealerTest, GoesOnWhereItWasAfterARestart) {
  Commit({MakeSession(1, After(kNine, 60))});
  Work(After(kNine, 2 * kHour));
  Close();
  Open();
  EXPECT_EQ(sealer_->status().seals, 1u);
  EXPECT_EQ(sealer_->status().until, After(kNine, kHour));
  Work(After(kNine, 3 * kHour));
  EXPECT_EQ(sealer_->status().seals, 2u);
  EXPECT_TRUE(Check().good());
  EXPECT_THAT(lines_, IsEmpty());
}

TEST_F(SealerTest, ARestartBeforeTheFirstSealBeginsNothingAnew) {
  Commit({MakeSession(1, After(kNine, 60))});
  Close();
  Open();
  const std::string name = sealer_->status().record;
  Work(After(kNine, 2 * kHour));
  EXPECT_EQ(sealer_->status().seals, 1u);
  EXPECT_EQ(sealer_->status().record, name);
  EXPECT_EQ(sealer_->status().begun_anew, "");
  EXPECT_THAT(lines_, IsEmpty());
}

// The store has the seal, and the crash came before the log had it whole.
TEST_F(SealerTest, CompletesTheLogAfterACrash) {
  Commit({MakeSession(1, After(kNine, 60))});
  Work(After(kNine, 2 * kHour));
  Work(After(kNine, 3 * kHour));
  const std::string text = Seals()[0].text + Seals()[1].text;
  for (const size_t kept : {Seals()[0].text.size(), Seals()[0].text.size() + 40, text.size() - 1}) {
    Close();
    std::filesystem::resize_file(dir_ / "seals" / "seals.log", kept);
    Open();
    EXPECT_EQ(Seals().size(), 2u);
    EXPECT_EQ(Seals()[0].text + Seals()[1].text, text);
    EXPECT_TRUE(Check().good());
  }
  EXPECT_THAT(lines_, IsEmpty());
}

TEST_F(SealerTest, TellsTheAnchorEachSeal) {
  Commit({MakeSession(1, After(kNine, 60))});
  Work(After(kNine, 2 * kHour));
  Work(After(kNine, 3 * kHour));
  std::ostringstream text;
  text << std::ifstream(dir_ / "anchor").rdbuf();
  const auto anchors = ParseAnchors(text.str());
  ASSERT_TRUE(anchors.ok());
  ASSERT_EQ(anchors->size(), 2u);
  EXPECT_EQ(sealer_->status().anchored, 2u);
  EXPECT_TRUE(Check(*anchors).good());
  EXPECT_EQ(Check(*anchors).anchors, 2u);
}

TEST_F(SealerTest, AnAnchorThatIsAwayIsCountedAndToldLater) {
  std::filesystem::create_directory(dir_ / "anchor");
  Commit({MakeSession(1, After(kNine, 60))});
  Work(After(kNine, 2 * kHour));
  EXPECT_EQ(sealer_->status().anchor_failures, 1u);
  EXPECT_EQ(sealer_->status().anchored, 0u);
  EXPECT_THAT(lines_, Contains(HasSubstr("the anchor: ")));
  std::filesystem::remove(dir_ / "anchor");
  Work(After(kNine, 2 * kHour + 60));
  EXPECT_EQ(sealer_->status().anchored, 1u);
  EXPECT_EQ(sealer_->status().anchor_error, "");
}

TEST_F(SealerTest, WhatIsTooOldIsDroppedUnderASeal) {
  Commit({MakeSession(1, kNine), MakeSession(2, After(kNine, kDay))});
  CommitFinding(kNine, "r1");
  Work(After(kNine, 2 * kDay));
  CommitFinding(After(kNine, kDay), "r2");
  Work(After(kNine, 2 * kDay + 2 * kHour));
  Work(After(kNine, 180 * kDay + 16 * kHour));
  EXPECT_THAT(Sketch(), Contains("retention"));
  EXPECT_EQ(store_->Stats()->days, 1u);
  const auto findings = static_cast<size_t>(audit::RecordClass::kFinding);
  EXPECT_EQ(store_->Stats()->classes[findings].records, 1u);
  const Verification verification = Check();
  EXPECT_THAT(Text(verification), IsEmpty());
  EXPECT_EQ(verification.days_dropped, 1u);

  // What comes for the dropped day now is late, and sealed for itself.
  Commit({MakeSession(9, After(kNine, 5))});
  EXPECT_TRUE(Check().good());
  Work(After(kNine, 180 * kDay + 17.5 * kHour));
  EXPECT_THAT(Text(Check()), IsEmpty());
}

// Its oldest records are too old, its newest are not: hour after hour nothing goes.
TEST_F(SealerTest, WhereNothingGoesThereIsNoSealOfRetention) {
  Commit({MakeSession(1, kNine)});
  CommitFinding(kNine, "r1");
  Work(After(kNine, 2 * kHour));
  CommitFinding(After(kNine, kHour), "r2");
  CommitFinding(After(kNine, kDay), "r3");
  Work(After(kNine, 2 * kDay));
  const auto count = [this] {
    const auto sketch = Sketch();
    return std::count(sketch.begin(), sketch.end(), "retention");
  };
  Work(After(kNine, 180 * kDay + 2 * kHour));
  EXPECT_EQ(count(), 1);
  for (int hour = 4; hour < 8; hour++) Work(After(kNine, 180 * kDay + hour * kHour));
  EXPECT_EQ(count(), 1);
  Work(After(kNine, 181 * kDay + kHour));
  EXPECT_EQ(count(), 2);
  EXPECT_EQ(store_->Stats()->classes[static_cast<size_t>(audit::RecordClass::kFinding)].records,
            0u);
  EXPECT_TRUE(Check().good());
}

TEST_F(SealerTest, ASealOfVeryManyRecordsDoesNotKeepThemForEver) {
  Commit({MakeSession(1, kNine)});
  audit::Batch batch;
  events::FindingEvent finding;
  finding.time = kNine;
  batch.findings.resize(100'100, {finding, {}});
  ASSERT_TRUE(store_->Commit(batch).ok());
  Work(After(kNine, 2 * kHour));
  Work(After(kNine, 180 * kDay + 2 * kHour));
  EXPECT_EQ(store_->Stats()->classes[static_cast<size_t>(audit::RecordClass::kFinding)].records,
            0u);
  EXPECT_TRUE(Check().good());
}

TEST_F(SealerTest, OperationsAreDroppedUnderASealWithTheirChain) {
  operations_days_ = 200;
  Close();
  Open();
  Commit({MakeSession(1, kNine)});
  Act("alice");
  Act("bob");
  Work(After(kNine, 2 * kHour));
  Act("carol", After(kNine, kDay));
  Work(After(kNine, 2 * kDay));
  Work(After(kNine, 199 * kDay));
  EXPECT_EQ(operations_->Describe()->entries, 3u);
  const auto chain = operations_->PointAt(2)->chain;
  Work(After(kNine, 200 * kDay + 2 * kHour));
  EXPECT_EQ(operations_->Describe()->entries, 1u);
  const Seal last = Seals().back().seal.value();
  EXPECT_EQ(last.dropped_operations, (DroppedOperations{2, chain}));
  EXPECT_THAT(Text(Check()), IsEmpty());
  EXPECT_THAT(lines_, Contains(HasSubstr("and 2 operations are dropped")));
  Act("dora", After(kNine, 200 * kDay));
  Work(After(kNine, 200 * kDay + 5 * kHour));
  EXPECT_THAT(Text(Check()), IsEmpty());
  for (const ArchivePart& part : PlanArchive(Seals(), {{INT64_MIN}, {INT64_MAX}})) {
    EXPECT_TRUE(part.kind != ArchivePart::Kind::kNumbered ||
                part.numbered != NumberedClass::kOperations || part.after >= 2u);
  }
}

// What was sealed together goes together.
TEST_F(SealerTest, OperationsOfOneSealGoWhenTheLastOfThemMay) {
  operations_days_ = 180;
  Close();
  std::filesystem::remove_all(dir_ / "seals");  // nothing has begun
  Open();
  Act("alice");
  Act("bob", After(kNine, kDay));
  Commit({MakeSession(1, kNine)});
  Work(After(kNine, 2 * kDay));
  Work(After(kNine, 180 * kDay + kHour));
  EXPECT_EQ(operations_->Describe()->entries, 2u);
  Work(After(kNine, 181 * kDay + 3 * kHour));
  EXPECT_EQ(operations_->Describe()->entries, 0u);
  EXPECT_THAT(Text(Check()), IsEmpty());
}

TEST_F(SealerTest, OperationsStayForGoodUnlessToldOtherwiseAndWhileTheyAreHeld) {
  Act("alice");
  Commit({MakeSession(1, kNine)});
  Work(After(kNine, 2 * kHour));
  Work(After(kNine, 400 * kDay));
  EXPECT_EQ(operations_->Describe()->entries, 1u);
  operations_days_ = 180;
  Close();
  Open();
  LegalHold hold;
  hold.span = {After(kNine, -60), After(kNine, 60)};
  const auto id = holds_->Add(hold);
  Work(After(kNine, 401 * kDay));
  EXPECT_EQ(operations_->Describe()->entries, 1u);
  ASSERT_TRUE(holds_->Release(*id, "alice", kNine).ok());
  Work(After(kNine, 401 * kDay + 2 * kHour));
  EXPECT_EQ(operations_->Describe()->entries, 0u);
}

// The seal is written, and the crash came before anything was deleted.
TEST_F(SealerTest, OperationsThatWereToGoAndAreStillThereAreNoFault) {
  operations_days_ = 180;
  Close();
  Open();
  Act("alice");
  Commit({MakeSession(1, kNine)});
  Work(After(kNine, 2 * kHour));
  Close();
  std::filesystem::copy_file(dir_ / "control.db", dir_ / "before.db");
  Open();
  Work(After(kNine, 181 * kDay));
  EXPECT_EQ(operations_->Describe()->entries, 0u);
  Close();
  std::filesystem::copy_file(dir_ / "before.db", dir_ / "control.db",
                             std::filesystem::copy_options::overwrite_existing);
  std::filesystem::remove(dir_ / "control.db-wal");
  std::filesystem::remove(dir_ / "control.db-shm");
  Open();
  EXPECT_THAT(Text(Check()), IsEmpty());
  Work(After(kNine, 181 * kDay + 2 * kHour));
  EXPECT_EQ(operations_->Describe()->entries, 0u);
  EXPECT_THAT(Text(Check()), IsEmpty());
}

TEST_F(SealerTest, WhatIsHeldStays) {
  Commit({MakeSession(1, kNine)});
  LegalHold hold;
  hold.span = {After(kNine, 60), After(kNine, 120)};
  const auto id = holds_->Add(hold);
  Work(After(kNine, 2 * kDay));
  Work(After(kNine, 200 * kDay));
  EXPECT_EQ(store_->Stats()->days, 1u);
  ASSERT_TRUE(holds_->Release(*id, "alice", kNine).ok());
  Work(After(kNine, 200 * kDay + 2 * kHour));
  EXPECT_EQ(store_->Stats()->days, 0u);
  EXPECT_TRUE(Check().good());
}

TEST_F(SealerTest, RefusesToKeepForLessThanHalfAYear) {
  Sealer::Options options;
  options.dir = dir_ / "others";
  options.retention = {365, 365, 365, 100};
  const auto sealer = Sealer::Open(options, {*store_, *operations_}, *holds_);
  ASSERT_FALSE(sealer.ok());
  EXPECT_THAT(sealer.error().message, HasSubstr("at least 180"));
  options.retention = {365, 365, 365, 365};
  options.retention_operations_days = 179;
  EXPECT_FALSE(Sealer::Open(options, {*store_, *operations_}, *holds_).ok());
}

}  // namespace
}  // namespace weir::control::sealing

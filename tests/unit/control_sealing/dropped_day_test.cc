// Spans of earlier versions that cross midnight: what is left of them when a day is dropped.
#include "control/sealing/dropped_day.h"

#include <gmock/gmock.h>

#include <fstream>

#include "control/sealing/archive.h"
#include "control/sealing/record_lines.h"
#include "sealing_fixture.h"

namespace weir::control::sealing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr double kMidnight = 15 * kHour;  // behind kNine

struct Piece {
  audit::TimeSpan span;
  int number = 0;
};

TEST(DroppedDay, TakesItsSpansWholeAndLeavesWhatLiesOnOtherDays) {
  const audit::DayNumber day = audit::DayOf(kNine);
  const base::WallTime from = audit::DayStart(day);
  const base::WallTime to = audit::DayStart(day + 1);
  std::vector<Piece> pieces{{{After(from, -7200), After(from, -3600)}, 1},
                            {{After(from, -3600), After(from, 3600)}, 2},
                            {{After(from, 3600), After(from, 7200)}, 3},
                            {{After(from, 7200), After(to, 60)}, 4},
                            {{After(to, 60), After(to, 120)}, 5}};
  std::vector<int> gone;
  DropDay(pieces, day, [&](const Piece& piece) { gone.push_back(piece.number); });
  EXPECT_THAT(gone, ElementsAre(2, 3, 4));
  ASSERT_EQ(pieces.size(), 4u);
  EXPECT_EQ(pieces[1].span, (audit::TimeSpan{After(from, -3600), from}));
  EXPECT_EQ(pieces[1].number, 0);
  EXPECT_EQ(pieces[2].span, (audit::TimeSpan{to, After(to, 60)}));
  EXPECT_EQ(pieces[3].number, 5);
  std::vector<Piece> days{{{After(from, -86'400), After(to, 86'400)}, 6}};
  DropDay(days, day, [](const Piece&) {});
  ASSERT_EQ(days.size(), 2u);
  EXPECT_EQ(days[0].span.to, from);
  EXPECT_EQ(days[1].span.from, to);
}

// A record with one span from 22:00 to 05:00 of the next day, with a session on either side.
class CrossingSpanTest : public SealingTest {
 protected:
  CrossingSpanTest() {
    Commit({MakeSession(1, After(kNine, kMidnight - kHour)),
            MakeSession(2, After(kNine, kMidnight + kHour))});
    Seal seal;
    seal.record = std::string(32, 'a');
    seal.number = 1;
    seal.previous = kNoPrevious;
    seal.written = After(kNine, 21 * kHour);
    seal.span = {After(kNine, 13 * kHour), After(kNine, 20 * kHour)};
    seal.sessions = DigestSessions({*store_, *operations_}, seal.span, Moment::kNow, [] {
                      return true;
                    }).value();
    for (NumberedDigest& numbered : seal.numbered) numbered.digest.sha256 = LineDigest().Hex();
    Close();
    const auto key = SigningKey::LoadOrMake(dir_ / "seals");
    EXPECT_TRUE(key.ok());
    seal.signer = key->public_key().fingerprint();
    std::ofstream(dir_ / "seals" / "seals.log") << SealText(seal, *key);
    Open();
    EXPECT_EQ(sealer_->status().until, seal.span.to);
    EXPECT_TRUE(Check().good());
  }

  std::vector<std::string> ArchiveNames() const {
    std::vector<std::string> names;
    for (const ArchivePart& part : PlanArchive(Seals(), {{INT64_MIN}, {INT64_MAX}})) {
      if (part.kind == ArchivePart::Kind::kSessions) names.push_back(PartName(part));
    }
    return names;
  }
};

TEST_F(CrossingSpanTest, GoesWithTheFirstOfItsDays) {
  EXPECT_THAT(ArchiveNames(), ElementsAre("sessions-20261122T220000.000000Z.jsonl"));
  Work(After(kNine, 180 * kDay + kMidnight + kHour));
  EXPECT_EQ(store_->Stats()->days, 1u);
  Verification verification = Check();
  EXPECT_THAT(Text(verification), IsEmpty());
  EXPECT_EQ(verification.unproven, 1u);
  EXPECT_THAT(ArchiveNames(), IsEmpty());
  const auto asked = PlanQuery(Seals(), {{INT64_MIN}, {INT64_MAX}});
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].span, (audit::TimeSpan{After(kNine, kMidnight), After(kNine, 20 * kHour)}));

  Work(After(kNine, 181 * kDay + kMidnight + kHour));
  EXPECT_EQ(store_->Stats()->days, 0u);
  verification = Check();
  EXPECT_THAT(Text(verification), IsEmpty());
  EXPECT_EQ(verification.unproven, 0u);
}

// From then on it is proven again.
TEST_F(CrossingSpanTest, WhatComesLateForItsRestIsSealedWithIt) {
  Work(After(kNine, 180 * kDay + kMidnight + kHour));
  Commit({MakeSession(3, After(kNine, kMidnight + 2 * kHour))});
  EXPECT_THAT(Text(Check()), IsEmpty());
  Work(After(kNine, 180 * kDay + kMidnight + 3 * kHour));
  const Verification verification = Check();
  EXPECT_THAT(Text(verification), IsEmpty());
  EXPECT_EQ(verification.unproven, 0u);
  EXPECT_EQ(verification.waiting, 0u);
  EXPECT_EQ(Seals().back().seal->sessions.records, 2u);
  EXPECT_THAT(ArchiveNames(), ElementsAre("sessions-20261123T000000.000000Z.jsonl"));
}

// Its other day would take the proof of what is held.
TEST_F(CrossingSpanTest, IsHeldWholeByAHoldOnPartOfIt) {
  LegalHold hold;
  hold.span = {After(kNine, 13 * kHour), After(kNine, 14 * kHour)};
  ASSERT_TRUE(holds_->Add(hold).ok());
  Work(After(kNine, 181 * kDay + kMidnight + kHour));
  Work(After(kNine, 181 * kDay + kMidnight + 3 * kHour));
  EXPECT_EQ(store_->Stats()->days, 2u);
  EXPECT_THAT(ArchiveNames(), ElementsAre("sessions-20261122T220000.000000Z.jsonl"));
}

}  // namespace
}  // namespace weir::control::sealing

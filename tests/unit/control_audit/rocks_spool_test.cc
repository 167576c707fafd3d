#include "control/audit/rocks_spool.h"

#include <gmock/gmock.h>

#include "store_fixture.h"

namespace weir::control::audit {
namespace {

using ::testing::ElementsAre;

class RocksSpoolTest : public StoreDirectory {
 protected:
  std::unique_ptr<RocksStore> OpenWithOutbox() const {
    auto options = OptionsOf();
    options.outbox = true;
    auto opened = RocksStore::Open(options);
    EXPECT_TRUE(opened.ok()) << (opened.ok() ? "" : opened.error().message);
    return std::move(opened).value();
  }

  // The sessions that these places name, as "id@revision".
  static std::vector<std::string> SessionsAt(RocksStore& store,
                                             std::span<const RecordPlace> places) {
    std::vector<std::string> found;
    const RecordVisitors visitors{[&](const SessionRecord& record) {
                                    found.push_back(std::to_string(record.event.session_id) + "@" +
                                                    std::to_string(record.event.revision));
                                    return true;
                                  },
                                  [&](const SequencedLogin& login) {
                                    found.emplace_back(login.login.account);
                                    return true;
                                  },
                                  [&](const SequencedFinding& finding) {
                                    found.emplace_back(finding.event.rule);
                                    return true;
                                  },
                                  [&](const SequencedHealth& health) {
                                    found.emplace_back(health.event.detail);
                                    return true;
                                  }};
    const auto read = store.spool().Read(places, visitors);
    EXPECT_TRUE(read.ok()) << read.error().message;
    return found;
  }

  static Batch OneOfEach(std::string_view word) {
    Batch batch;
    events::FindingEvent finding;
    finding.time = kNoon;
    finding.rule = word;
    batch.findings.push_back({finding, {}});
    batch.health.push_back({kNoon, events::HealthKind::kStarted, 1, 0, word});
    LoginRecord login;
    login.login_time = kNoon;
    login.account = word;
    batch.logins.push_back(login);
    return batch;
  }
};

TEST_F(RocksSpoolTest, NotesEachChangeAndHandsOutTheNewestValueOnce) {
  const auto store = OpenWithOutbox();
  auto event = MakeSession(1);
  Commit(*store, {event, MakeSession(2)});
  event.revision = 5;
  Commit(*store, {event});
  event.revision = 4;
  Commit(*store, {event});  // stale: no change
  ASSERT_TRUE(store->Commit(OneOfEach("a")).ok());
  EXPECT_EQ(store->spool().outbox_rows(), 6u);
  const auto chunk = store->spool().ReadOutbox(100);
  ASSERT_TRUE(chunk.ok());
  EXPECT_EQ(chunk->entries, 6u);
  EXPECT_EQ(chunk->places.size(), 5u);
  EXPECT_THAT(SessionsAt(*store, chunk->places), ElementsAre("1@5", "2@0", "a", "a", "a"));
}

TEST_F(RocksSpoolTest, NotesSessionsThatWereClosedAsLost) {
  const auto store = OpenWithOutbox();
  Commit(*store, {MakeSession(1), MakeSession(2)});
  ASSERT_TRUE(store->spool().Trim(store->spool().ReadOutbox(100)->through).ok());
  EXPECT_EQ(store->spool().outbox_rows(), 0u);
  ASSERT_TRUE(store->CloseLost(7).ok());
  EXPECT_EQ(store->spool().outbox_rows(), 2u);
}

TEST_F(RocksSpoolTest, KeepsWhatIsNotTrimmedOverARestart) {
  auto store = OpenWithOutbox();
  for (uint64_t id = 1; id <= 5; id++) Commit(*store, {MakeSession(id)});
  const auto two = store->spool().ReadOutbox(2);
  ASSERT_TRUE(two.ok());
  ASSERT_TRUE(store->spool().Trim(two->through).ok());
  EXPECT_TRUE(store->spool().Waits(DayOf(kNoon)));
  store.reset();
  store = OpenWithOutbox();
  EXPECT_EQ(store->spool().outbox_rows(), 3u);
  EXPECT_TRUE(store->spool().Waits(DayOf(kNoon)));
  Commit(*store, {MakeSession(6)});
  const auto rest = store->spool().ReadOutbox(100);
  EXPECT_THAT(SessionsAt(*store, rest->places), ElementsAre("3@0", "4@0", "5@0", "6@0"));
  ASSERT_TRUE(store->spool().Trim(rest->through).ok());
  EXPECT_FALSE(store->spool().Waits(DayOf(kNoon)));
  EXPECT_EQ(store->spool().ReadOutbox(100)->entries, 0u);
}

TEST_F(RocksSpoolTest, WithoutTheOptionNothingIsNoted) {
  const auto store = Open();
  Commit(*store, {MakeSession(1)});
  EXPECT_EQ(store->spool().outbox_rows(), 0u);
}

TEST_F(RocksSpoolTest, ListsAllRecordsInPieces) {
  const auto store = OpenWithOutbox();
  Commit(*store, {MakeSession(1), MakeSession(2), MakeSession(3, After(kNoon, 86'400))});
  ASSERT_TRUE(store->Commit(OneOfEach("a")).ok());
  std::vector<RecordPlace> all;
  RecordPlace after{RecordClass::kSession, INT32_MIN, ""};
  for (int round = 0; round < 10; round++) {
    const auto places = store->spool().PlacesBehind(after, 2);
    ASSERT_TRUE(places.ok());
    if (places->empty()) break;
    all.insert(all.end(), places->begin(), places->end());
    after = all.back();
  }
  EXPECT_THAT(SessionsAt(*store, all), ElementsAre("1@0", "2@0", "3@0", "a", "a", "a"));
}

TEST_F(RocksSpoolTest, DropsADayOnlyWhenNothingOfItIsOpenOrWaits) {
  auto store = OpenWithOutbox();
  RocksSpool& spool = store->spool();
  Commit(*store, {MakeSession(1), MakeSession(2, After(kNoon, 86'400))});
  const DayNumber day = DayOf(kNoon);
  const auto trim = [&] { return spool.Trim(spool.ReadOutbox(100)->through).ok(); };
  EXPECT_FALSE(*spool.DropArchivedDay(day, spool.Changes(day), "archive/day/x", "1"));
  ASSERT_TRUE(trim());
  EXPECT_FALSE(*spool.DropArchivedDay(day, spool.Changes(day), "archive/day/x", "1"));
  Commit(*store, {Close(MakeSession(1), After(kNoon, 5))});
  EXPECT_FALSE(*spool.DropArchivedDay(day, spool.Changes(day), "archive/day/x", "1"));
  ASSERT_TRUE(trim());
  EXPECT_TRUE(*spool.DropArchivedDay(day, spool.Changes(day), "archive/day/x", "1"));
  EXPECT_THAT(Ids(*store, {}), ElementsAre(2));
  EXPECT_EQ(store->Stats()->days_dropped, 0u);
  store.reset();
  store = OpenWithOutbox();
  EXPECT_THAT(Ids(*store, {}), ElementsAre(2));
  EXPECT_EQ(store->Stats()->days_dropped, 0u);
  EXPECT_EQ(store->spool().Meta("archive/")->at("archive/day/x"), "1");
}

TEST_F(RocksSpoolTest, ADayThatIsDroppedThoughASessionIsOpenTakesItsEntryWithIt) {
  const auto store = OpenWithOutbox();
  RocksSpool& spool = store->spool();
  Commit(*store, {MakeSession(1), MakeSession(2, After(kNoon, 86'400))});
  ASSERT_TRUE(spool.Trim(spool.ReadOutbox(100)->through).ok());
  const uint64_t changes = spool.Changes(DayOf(kNoon));
  ASSERT_TRUE(*spool.DropArchivedDay(DayOf(kNoon), changes, "archive/day/x", "1", true));
  EXPECT_EQ(store->Stats()->open_sessions, 1u);
  EXPECT_FALSE(*spool.HasOpenSessions(DayOf(kNoon)));
}

// What was compared before the change, and shipped with it, is not what is here.
TEST_F(RocksSpoolTest, DropsNoDayThatHasChangedSince) {
  auto store = OpenWithOutbox();
  RocksSpool& spool = store->spool();
  const DayNumber day = DayOf(kNoon);
  const auto trim = [&] { return spool.Trim(spool.ReadOutbox(100)->through).ok(); };
  Commit(*store, {Close(MakeSession(1), After(kNoon, 5))});
  ASSERT_TRUE(trim());
  const uint64_t changes = spool.Changes(day);
  Commit(*store, {Close(MakeSession(2), After(kNoon, 5))});
  ASSERT_TRUE(trim());
  EXPECT_FALSE(*spool.DropArchivedDay(day, changes, "archive/day/x", "1"));
  EXPECT_THAT(Ids(*store, {}), ElementsAre(1, 2));
  Commit(*store, {MakeSession(3, After(kNoon, 86'400))});  // of another day
  EXPECT_TRUE(*spool.DropArchivedDay(day, spool.Changes(day), "archive/day/x", "1"));
}

TEST_F(RocksSpoolTest, AnEntryIsReadAsItWasWritten) {
  const RecordPlace place{RecordClass::kFinding, -3, std::string("a\0b", 3)};
  EXPECT_EQ(DecodePlace(EncodePlace(place)), place);
  EXPECT_EQ(DecodePlace(""), std::nullopt);
  EXPECT_EQ(DecodePlace("\x04zzzzk"), std::nullopt);
}

}  // namespace
}  // namespace weir::control::audit

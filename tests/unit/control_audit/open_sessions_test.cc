// Entries of open sessions go with their day, and one that is left over harms nobody.
#include "control/audit/open_sessions.h"

#include <gmock/gmock.h>

#include "store_fixture.h"

namespace weir::control::audit {
namespace {

using ::testing::IsEmpty;

class OpenSessionsTest : public StoreDirectory {
 protected:
  // Runs `work(db)` on the database of a store that is closed.
  template <typename Work>
  void Beneath(const Work& work) const {
    const auto options = OptionsOf();
    RocksDb db({options.dir, options.memtable_bytes, options.cache_bytes, options.outbox});
    ASSERT_TRUE(db.Open().ok());
    work(db);
  }

  // As an earlier version left it.
  void LeaveEntry(const events::SessionEvent& event) const {
    const RecordKey key{InsideIp(event), {event.start, event.session_id, event.part}};
    Beneath([&](RocksDb& db) {
      const auto put =
          db.db()->Put({}, db.open_sessions(), OpenSessionKey({event.session_id, event.part}),
                       OpenSessionValue({DayOf(event.start), EncodeRecordKey(key), {}}));
      ASSERT_TRUE(put.ok());
    });
  }

  std::vector<DayNumber> DaysOfEntries() const {
    std::vector<DayNumber> days;
    Beneath([&](RocksDb& db) {
      const std::unique_ptr<rocksdb::Iterator> at(db.db()->NewIterator({}, db.open_sessions()));
      for (at->SeekToFirst(); at->Valid(); at->Next()) {
        days.push_back(DecodeOpenSession(at->value().ToStringView()).day);
      }
    });
    return days;
  }

  static void Drop(RocksStore& store, DayNumber day) {
    RetentionPlan plan;
    plan.day = day;
    ASSERT_TRUE(store.EnforceRetention(plan).ok());
  }
};

const base::WallTime kNextDay = After(kNoon, 86'400);

TEST_F(OpenSessionsTest, EntriesGoWithTheirDay) {
  auto store = Open();
  Commit(*store, {MakeSession(1), MakeSession(2), MakeSession(3, kNextDay)});
  Drop(*store, DayOf(kNoon));
  EXPECT_EQ(store->Stats()->open_sessions, 1u);
  store.reset();
  EXPECT_THAT(DaysOfEntries(), ::testing::ElementsAre(DayOf(kNextDay)));
}

// The records are dropped before the count of them.
TEST_F(OpenSessionsTest, EntriesGoWithADayWhoseDroppingWasCutShort) {
  Commit(*Open(), {MakeSession(1), MakeSession(2, kNextDay)});
  Beneath([](RocksDb& db) { ASSERT_TRUE(db.DropDay(DayOf(kNoon)).ok()); });
  EXPECT_EQ(Open()->Stats()->open_sessions, 1u);
  EXPECT_THAT(DaysOfEntries(), ::testing::ElementsAre(DayOf(kNextDay)));
}

// Else ingest would be paused for ever: it asks again until the answer is good.
TEST_F(OpenSessionsTest, OneWhoseRecordIsGoneIsForgotten) {
  Commit(*Open(), {MakeSession(1), MakeSession(2)});
  LeaveEntry(MakeSession(3));
  const auto store = Open();
  ASSERT_TRUE(store->CloseLost(2).ok());
  EXPECT_EQ(store->BootId()->value(), 2u);
  EXPECT_EQ(store->Stats()->open_sessions, 0u);
  EXPECT_EQ(store->Stats()->sessions_closed_lost, 2u);
  ExpectWholeIndex(*store, 2);
}

TEST_F(OpenSessionsTest, ADayThatIsMadeAgainAfterItWasDroppedIsClosedAsAnyOther) {
  auto store = Open();
  Commit(*store, {MakeSession(1), MakeSession(2)});
  Drop(*store, DayOf(kNoon));
  Commit(*store, {MakeSession(3)});
  EXPECT_EQ(store->Stats()->open_sessions, 1u);
  ASSERT_TRUE(store->CloseLost(2).ok());
  EXPECT_EQ(Find(*store, {})[0].end_reason, events::EndReason::kLost);
  store.reset();
  EXPECT_THAT(DaysOfEntries(), IsEmpty());
}

TEST_F(OpenSessionsTest, ASessionThatHasEndedKeepsItsEnd) {
  const auto closed = Close(MakeSession(1), After(kNoon, 5));
  Commit(*Open(), {closed});
  LeaveEntry(closed);
  auto store = Open();
  ASSERT_TRUE(store->CloseLost(2).ok());
  EXPECT_EQ(Find(*store, {})[0].end_reason, events::EndReason::kFin);
  EXPECT_EQ(store->Stats()->sessions_closed_lost, 0u);
  store.reset();
  EXPECT_THAT(DaysOfEntries(), IsEmpty());
}

}  // namespace
}  // namespace weir::control::audit

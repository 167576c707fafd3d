// A sealed hour can be read as it was when it was sealed, whatever comes late.
#include "control/audit/late_records.h"

#include <gmock/gmock.h>

#include "store_fixture.h"

namespace weir::control::audit {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// 2026-11-22T09:00:00Z, the hour of kNoon.
const base::WallTime kHour = After(kNoon, -1800);
const base::WallTime kHourEnd = After(kNoon, 1800);

class LateRecordsTest : public StoreDirectory {
 protected:
  // "id.revision" of each session of the hour, as sealed and as it is now.
  static std::vector<std::string> AsSealedThen(RocksStore& store) {
    std::vector<std::string> found;
    const auto read = store.SessionsAsSealed(kHour, kHourEnd, [&](const SessionRecord& record) {
      found.push_back(std::to_string(record.event.session_id) + "." +
                      std::to_string(record.event.revision));
      return true;
    });
    EXPECT_TRUE(read.ok()) << read.error().message;
    return found;
  }
  static std::vector<std::string> Now(RocksStore& store) {
    Query query;
    query.from = kHour;
    query.to = kHourEnd;
    query.by_start = true;
    std::vector<std::string> found;
    const auto read = store.Sessions(query, [&](const SessionRecord& record) {
      found.push_back(std::to_string(record.event.session_id) + "." +
                      std::to_string(record.event.revision));
      return true;
    });
    EXPECT_TRUE(read.ok());
    return found;
  }
  static std::vector<uint64_t> LateCounts(RocksStore& store) {
    std::vector<uint64_t> counts;
    const auto hours = store.LateHours();
    EXPECT_TRUE(hours.ok());
    for (const LateHour& hour : *hours) counts.push_back(hour.records);
    return counts;
  }
};

TEST_F(LateRecordsTest, OnlyThoseThatBeganInTheTimeWhenAskedSo) {
  const auto store = Open();
  Commit(*store, {Close(MakeSession(1, After(kHour, -10)), kNoon), MakeSession(2, kHour),
                  MakeSession(3, After(kHourEnd, -1)), MakeSession(4, kHourEnd)});
  EXPECT_THAT(Now(*store), ElementsAre("2.0", "3.0"));
}

TEST_F(LateRecordsTest, BeforeTheMarkNothingIsLate) {
  const auto store = Open();
  Commit(*store, {MakeSession(1)});
  EXPECT_THAT(LateCounts(*store), IsEmpty());
  ASSERT_TRUE(store->MarkSealed(kHour).ok());
  Commit(*store, {MakeSession(2)});
  EXPECT_THAT(LateCounts(*store), IsEmpty());
}

TEST_F(LateRecordsTest, ShowsTheHourAsItWas) {
  auto store = Open();
  Commit(*store, {MakeSession(2, After(kNoon, 2)), MakeSession(4, After(kNoon, 4)),
                  MakeSession(6, After(kHourEnd, 6))});
  ASSERT_TRUE(store->MarkSealed(kHourEnd).ok());
  auto changed = Close(MakeSession(2, After(kNoon, 2)), After(kNoon, 90));
  Commit(*store, {changed, MakeSession(1, After(kNoon, 1)), MakeSession(3, After(kNoon, 3)),
                  MakeSession(5, After(kNoon, 5)), MakeSession(7, After(kHourEnd, 7))});
  changed.revision++;
  Commit(*store, {changed});  // twice: as it was when sealed is what counts
  for (int opened = 0; opened < 2; opened++) {
    EXPECT_THAT(AsSealedThen(*store), ElementsAre("2.0", "4.0"));
    EXPECT_THAT(Now(*store), ElementsAre("1.0", "2.2", "3.0", "4.0", "5.0"));
    EXPECT_THAT(LateCounts(*store), ElementsAre(4));
    store.reset();
    store = Open();
  }
  EXPECT_EQ(store->Sealed()->until, kHourEnd);
}

TEST_F(LateRecordsTest, TheMarkNeverGoesBack) {
  const auto store = Open();
  ASSERT_TRUE(store->MarkSealed(kHourEnd).ok());
  ASSERT_TRUE(store->MarkSealed(kHour).ok());
  EXPECT_EQ(store->Sealed()->until, kHourEnd);
}

TEST_F(LateRecordsTest, SessionsClosedAsLostAreLateToo) {
  const auto store = Open();
  Commit(*store, {MakeSession(1)});
  ASSERT_TRUE(store->MarkSealed(kHourEnd).ok());
  ASSERT_TRUE(store->CloseLost(2).ok());
  EXPECT_THAT(LateCounts(*store), ElementsAre(1));
  std::vector<events::SessionState> states;
  ASSERT_TRUE(store
                  ->SessionsAsSealed(kHour, kHourEnd,
                                     [&](const SessionRecord& record) {
                                       states.push_back(record.event.state);
                                       return true;
                                     })
                  .ok());
  EXPECT_THAT(states, ElementsAre(events::SessionState::kOpen));
}

TEST_F(LateRecordsTest, ARecordThatIsGoneShowsAsItWas) {
  const auto store = Open();
  Commit(*store, {MakeSession(1)});
  ASSERT_TRUE(store->MarkSealed(kHourEnd).ok());
  Commit(*store, {Close(MakeSession(1), After(kNoon, 9))});
  EXPECT_THAT(AsSealedThen(*store), ElementsAre("1.0"));
}

// What the store takes of a session's next snapshot, and what nobody but the store's owner can do.
TEST_F(LateRecordsTest, KnowsWhatASessionCanBecome) {
  SessionRecord was{MakeSession(1), {}, "lab"};
  was.event.bytes_to_dst = was.event.packets_to_src = 10;
  const auto can = [&](const auto& change) {
    SessionRecord is = was;
    change(is);
    return CanHaveBecome(was, is);
  };
  EXPECT_TRUE(can([](SessionRecord&) {}));
  EXPECT_TRUE(can([](SessionRecord& is) {
    is.event = Close(is.event, After(kNoon, 9));
    is.event.name = "www.example.com";
    is.event.bytes_to_dst = 20;
    is.identity.account = "ann";
  }));
  EXPECT_TRUE(can([](SessionRecord& is) {
    is.event.state = events::SessionState::kClosed;
    is.event.end_reason = events::EndReason::kLost;
  }));
  EXPECT_FALSE(can([](SessionRecord& is) { is.event.name = "www.example.com"; }));
  EXPECT_FALSE(can([](SessionRecord& is) { is.event.state = events::SessionState::kClosed; }));
  EXPECT_FALSE(can([](SessionRecord& is) { is.identity.account = "ann"; }));
  const auto can_newer = [&](const auto& change) {
    return can([&](SessionRecord& is) {
      is.event.revision++;
      change(is);
    });
  };
  EXPECT_TRUE(can_newer([](SessionRecord&) {}));
  EXPECT_FALSE(can_newer([](SessionRecord& is) { is.event.dst_ip = Ip("203.0.113.8"); }));
  EXPECT_FALSE(can_newer([](SessionRecord& is) { is.event.src_port++; }));
  EXPECT_FALSE(can_newer([](SessionRecord& is) { is.event.ip_protocol = 17; }));
  EXPECT_FALSE(can_newer([](SessionRecord& is) { is.event.bytes_to_dst--; }));
  EXPECT_FALSE(can_newer([](SessionRecord& is) { is.event.packets_to_src--; }));
  was.event.revision = 1;
  EXPECT_FALSE(can([](SessionRecord& is) { is.event.revision = 0; }));
  was.identity.account = "ann";
  EXPECT_FALSE(can_newer([](SessionRecord& is) { is.identity.account = "bob"; }));
  // Closed is closed, save as lost.
  was.event.state = events::SessionState::kClosed;
  was.event.end_reason = events::EndReason::kFin;
  EXPECT_TRUE(can([](SessionRecord&) {}));
  EXPECT_FALSE(can_newer([](SessionRecord&) {}));
  was.event.end_reason = events::EndReason::kLost;
  EXPECT_TRUE(can_newer([](SessionRecord&) {}));
}

TEST_F(LateRecordsTest, ANoteThatDoesNotAgreeWithItsSessionIsAnError) {
  for (const bool of_another : {false, true}) {
    std::filesystem::remove_all(dir_ / "store");
    auto store = Open();
    Commit(*store, {MakeSession(1), MakeSession(2, After(kNoon, 2))});
    ASSERT_TRUE(store->MarkSealed(kHourEnd).ok());
    Commit(*store, {Close(MakeSession(1), After(kNoon, 9))});
    EXPECT_THAT(AsSealedThen(*store), ElementsAre("1.0", "2.0"));
    EXPECT_EQ(store->CountLate({kHour, kHourEnd}).value(), (LateCount{1, 0}));
    store.reset();
    {
      RocksDb db({dir_ / "store", 4 << 20, 8 << 20});
      ASSERT_TRUE(db.Open().ok());
      const std::unique_ptr<rocksdb::Iterator> at(db.db()->NewIterator({}, db.late()));
      at->SeekToFirst();
      std::string key = at->key().ToString();
      if (of_another) {
        key[key.size() - 5] = 2;  // session_id
        ASSERT_TRUE(db.db()->Put({}, db.late(), key, at->value()).ok());
      } else {
        ASSERT_TRUE(db.db()->Put({}, db.late(), key, std::string("\0x", 2)).ok());
      }
    }
    store = Open();
    const auto read = store->SessionsAsSealed(kHour, kHourEnd, [](const auto&) { return true; });
    ASSERT_FALSE(read.ok());
    EXPECT_THAT(read.error().message, ::testing::HasSubstr("came late is damaged"));
  }
}

TEST_F(LateRecordsTest, AmendingForgetsWhatWasLateInThatHourOnly) {
  auto store = Open();
  ASSERT_TRUE(store->MarkSealed(After(kHourEnd, 3600)).ok());
  Commit(*store, {MakeSession(1), MakeSession(2, After(kHourEnd, 5))});
  ASSERT_THAT(LateCounts(*store), ElementsAre(1, 1));
  using Written = base::Result<SealHead>;
  const TimeSpan span{kHour, kHourEnd};
  EXPECT_FALSE(store->Amend(span, []() -> Written { return base::Error{"disk full"}; }).ok());
  EXPECT_THAT(LateCounts(*store), ElementsAre(1, 1));
  ASSERT_TRUE(store->Amend(span, []() -> Written { return SealHead{7, "abc", "seal"}; }).ok());
  EXPECT_THAT(LateCounts(*store), ElementsAre(1));
  EXPECT_THAT(AsSealedThen(*store), ElementsAre("1.0"));
  store.reset();
  store = Open();
  EXPECT_EQ(store->Sealed()->head, (SealHead{7, "abc", "seal"}));
  EXPECT_THAT(LateCounts(*store), ElementsAre(1));
}

TEST_F(LateRecordsTest, StopsWhenTheVisitorHasEnough) {
  const auto store = Open();
  Commit(*store, {MakeSession(1), MakeSession(3, After(kNoon, 3))});
  ASSERT_TRUE(store->MarkSealed(kHourEnd).ok());
  Commit(*store, {Close(MakeSession(1), kNoon), MakeSession(2, After(kNoon, 2))});
  int seen = 0;
  ASSERT_TRUE(
      store->SessionsAsSealed(kHour, kHourEnd, [&](const auto&) { return ++seen < 1; }).ok());
  EXPECT_EQ(seen, 1);
}

TEST_F(LateRecordsTest, AHeldDayStaysAndTheNextOneGoes) {
  const auto store = Open();
  constexpr double kDay = 86'400;
  Batch batch;
  events::FindingEvent finding;
  for (const double day : {0.0, 1.0, 2.0}) {
    finding.time = After(kNoon, day * kDay);
    batch.findings.push_back({finding, {}});
  }
  ASSERT_TRUE(store->Commit(batch).ok());
  Commit(*store, {MakeSession(1), MakeSession(2, After(kNoon, kDay)),
                  MakeSession(3, After(kNoon, 2 * kDay))});
  auto limits = RetentionLimitsAt(After(kNoon, 200 * kDay), {180, 180, 180, 180}).value();
  limits.holds.push_back({After(kNoon, kDay), After(kNoon, kDay + 60)});
  const auto enforce = [&] {
    return store->EnforceRetention(store->PlanRetention(limits).value())->days_dropped;
  };
  EXPECT_THAT(enforce(), ElementsAre("2026-11-22"));
  EXPECT_THAT(enforce(), ElementsAre("2026-11-24"));
  EXPECT_THAT(enforce(), IsEmpty());
  // Of the findings the first went; those from the held one on stay.
  EXPECT_EQ(store->Stats()->classes[static_cast<size_t>(RecordClass::kFinding)].records, 2u);
  limits.holds.clear();
  EXPECT_THAT(enforce(), ElementsAre("2026-11-23"));
  EXPECT_EQ(store->Stats()->classes[static_cast<size_t>(RecordClass::kFinding)].records, 0u);
}

}  // namespace
}  // namespace weir::control::audit

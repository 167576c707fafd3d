#include "control/audit/rocks_store.h"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "store_fixture.h"

namespace weir::control::audit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using RocksStoreTest = StoreDirectory;

constexpr int64_t kDay = 86'400;

TEST_F(RocksStoreTest, KeepsTheNewestRevision) {
  const auto store = Open();
  auto event = MakeSession(1);
  Commit(*store, {event});
  event.revision = 3;
  event.bytes_to_dst = 300;
  Commit(*store, {event});
  event.revision = 2;
  event.bytes_to_dst = 200;
  Commit(*store, {event});
  event.revision = 3;
  event.bytes_to_dst = 999;
  Commit(*store, {event});
  const auto found = Find(*store, {});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].revision, 3u);
  EXPECT_EQ(found[0].sensor, "lab");
  const auto stats = store->Stats();
  ASSERT_TRUE(stats.ok());
  EXPECT_EQ(stats->snapshots_written, 2u);
  EXPECT_EQ(stats->snapshots_stale, 2u);
  ExpectWholeIndex(*store, 1);
}

TEST_F(RocksStoreTest, TakesRevisionsInAnyOrderWithinABatch) {
  const auto store = Open();
  std::vector<events::SessionEvent> snapshots;
  for (const uint32_t revision : {2u, 0u, 5u, 1u, 5u, 4u}) {
    snapshots.push_back(MakeSession(1));
    snapshots.back().revision = revision;
  }
  Commit(*store, snapshots);
  const auto found = Find(*store, {});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].revision, 5u);
}

TEST_F(RocksStoreTest, IgnoresOlderRevisionAfterRestart) {
  auto event = Close(MakeSession(1), After(kNoon, 5));
  Commit(*Open(), {event});
  event = MakeSession(1);
  const auto store = Open();
  Commit(*store, {event});
  const auto found = Find(*store, {});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].state, events::SessionState::kClosed);
  EXPECT_EQ(store->Stats()->open_sessions, 0u);
}

TEST_F(RocksStoreTest, KeepsPartsApart) {
  const auto store = Open();
  auto first = MakeSession(1);
  auto second = MakeSession(1, After(kNoon, 1800));
  second.session_start = kNoon;
  second.part = 1;
  Commit(*store, {first, Close(first, After(kNoon, 1800)), second});
  const auto found = Find(*store, {.session_id = 1});
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].part, 0u);
  EXPECT_EQ(found[1].part, 1u);
  EXPECT_EQ(store->Stats()->open_sessions, 1u);
  ExpectWholeIndex(*store, 2);
}

TEST_F(RocksStoreTest, IndexesNameAndAccountWhenTheyBecomeKnown) {
  const auto store = Open();
  auto event = MakeSession(1);
  Commit(*store, {event});
  EXPECT_TRUE(Ids(*store, {.name = "www.example.com"}).empty());
  event.revision = 1;
  event.name = "www.example.com";
  Commit(*store, {event}, {"alice", "staff", 1, {}});
  EXPECT_THAT(Ids(*store, {.name = "www.example.com"}), ElementsAre(1));
  EXPECT_THAT(Ids(*store, {.account = "alice"}), ElementsAre(1));
  ExpectWholeIndex(*store, 1);
}

TEST_F(RocksStoreTest, KeepsTheFirstAccountThatWasKnown) {
  const auto store = Open();
  auto event = MakeSession(1);
  Commit(*store, {event}, {"alice", "staff", 1, {}});
  event.revision = 1;
  Commit(*store, {event}, {"bob", "staff", 1, {}});
  event.revision = 2;
  Commit(*store, {event});
  EXPECT_EQ(Find(*store, {})[0].account, "alice");
  EXPECT_TRUE(Ids(*store, {.account = "bob"}).empty());
  ExpectWholeIndex(*store, 1);
}

TEST_F(RocksStoreTest, KeepsAnOpenSessionInItsPlaceWhateverLaterSnapshotsSay) {
  const auto store = Open();
  Commit(*store, {MakeSession(1)});
  auto moved = Close(MakeSession(1), After(kNoon, 9));
  moved.start = After(kNoon, -86'400);
  moved.src_ip = Ip("10.9.9.9");
  moved.direction = events::Direction::kInbound;
  Commit(*store, {moved});
  const auto found = Find(*store, {});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].start, kNoon);
  EXPECT_EQ(found[0].state, events::SessionState::kClosed);
  EXPECT_THAT(Ids(*store, {.ip = Ip("10.0.0.1")}), ElementsAre(1));
  ExpectWholeIndex(*store, 1);
}

TEST_F(RocksStoreTest, ClosesSessionsOfAnEarlierStartAsLost) {
  auto store = Open();
  ASSERT_TRUE(store->CloseLost(111).ok());
  auto seen_last = MakeSession(1);
  seen_last.revision = 4;
  seen_last.end = After(kNoon, 77);
  std::vector<events::SessionEvent> sessions = {seen_last, Close(MakeSession(2), After(kNoon, 5))};
  for (uint64_t id = 10; id < 10'010; id++) sessions.push_back(MakeSession(id));
  Commit(*store, sessions);
  ASSERT_TRUE(store->CloseLost(111).ok());
  EXPECT_EQ(store->Stats()->open_sessions, 10'001u);

  store.reset();
  store = Open();
  EXPECT_EQ(store->Stats()->open_sessions, 10'001u);
  ASSERT_TRUE(store->CloseLost(222).ok());
  EXPECT_EQ(*store->BootId(), 222u);
  EXPECT_EQ(store->Stats()->open_sessions, 0u);
  EXPECT_EQ(store->Stats()->sessions_closed_lost, 10'001u);
  const auto found = Find(*store, {.session_id = 1});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].state, events::SessionState::kClosed);
  EXPECT_EQ(found[0].end_reason, events::EndReason::kLost);
  EXPECT_EQ(found[0].end, After(kNoon, 77));
  EXPECT_EQ(Find(*store, {.session_id = 2})[0].end_reason, events::EndReason::kFin);

  Commit(*store, {MakeSession(3)});
  ASSERT_TRUE(store->CloseLost(222).ok());
  EXPECT_EQ(Find(*store, {.session_id = 3})[0].state, events::SessionState::kOpen);
  ExpectWholeIndex(*store, 10'003);
}

TEST_F(RocksStoreTest, NumbersFindingsAndHealthAcrossRestarts) {
  const auto commit = [&](std::string_view rule) {
    Batch batch;
    events::FindingEvent finding;
    finding.time = kNoon;
    finding.rule = rule;
    batch.findings.push_back({finding, {"alice", "staff", 1, {}}});
    batch.health.push_back({kNoon, events::HealthKind::kStarted, 1, 0, rule});
    batch.position = rule;
    const auto store = Open();
    ASSERT_TRUE(store->Commit(batch).ok());
    EXPECT_EQ(*store->Position(), rule);
  };
  EXPECT_EQ(*Open()->Position(), "");
  commit("a");
  commit("b");
  const auto store = Open();
  std::vector<std::string> seen;
  std::vector<uint64_t> numbers;
  ASSERT_TRUE(store
                  ->Findings(0,
                             [&](const SequencedFinding& finding) {
                               numbers.push_back(finding.seq);
                               seen.push_back(std::string(finding.event.rule) +
                                              std::string(finding.identity.account));
                               return true;
                             })
                  .ok());
  EXPECT_THAT(seen, ElementsAre("aalice", "balice"));
  EXPECT_EQ(numbers[1], numbers[0] + 1);
  seen.clear();
  const auto news = [&](const SequencedHealth& health) {
    numbers.push_back(health.seq);
    seen.push_back(std::string(health.event.detail));
    return true;
  };
  ASSERT_TRUE(store->Health(0, news).ok());
  ASSERT_TRUE(store->Health(numbers[2], news).ok());
  EXPECT_THAT(seen, ElementsAre("a", "b", "b"));
}

// What the store gave numbers to after the backup may be known elsewhere.
TEST_F(RocksStoreTest, NumbersOfARestoredStoreBeginAboveThoseOfBefore) {
  std::vector<uint64_t> numbers;
  const auto commit = [&](std::optional<base::WallTime> restored) {
    auto options = OptionsOf();
    options.restored = restored;
    const auto store = std::move(RocksStore::Open(options)).value();
    Batch batch;
    batch.health.push_back({kNoon, events::HealthKind::kStarted, 1, 0, ""});
    batch.logins.push_back({});
    ASSERT_TRUE(store->Commit(batch).ok());
    const auto take = [&](const auto& numbered) {
      numbers.push_back(numbered.seq);
      return true;
    };
    numbers.clear();
    ASSERT_TRUE(store->Health(0, take).ok());
    ASSERT_TRUE(store->Logins(0, take).ok());
  };
  commit({});
  const auto restored = After(base::WallNow(), 1);
  commit(restored);
  EXPECT_GT(numbers[1], numbers[0] + 1000);
  EXPECT_GT(numbers[3], numbers[2] + 1000);
  commit(restored);
  EXPECT_EQ(numbers[2], numbers[1] + 1);
}

TEST_F(RocksStoreTest, KeepsLogins) {
  const auto store = Open();
  Batch batch;
  LoginRecord login;
  login.login_time = kNoon;
  login.ip = Ip("10.0.0.1");
  login.account = "alice";
  batch.logins.push_back(login);
  login.logout_time = After(kNoon, 60);
  batch.logins.push_back(login);
  login.login_time = After(kNoon, 100);
  batch.logins.push_back(login);
  ASSERT_TRUE(store->Commit(batch).ok());
  std::vector<bool> ended;
  std::vector<uint64_t> numbers;
  const auto visit = [&](const SequencedLogin& found) {
    ended.push_back(found.login.logout_time.has_value());
    numbers.push_back(found.seq);
    return true;
  };
  ASSERT_TRUE(store->Logins(0, visit).ok());
  EXPECT_THAT(ended, ElementsAre(false, true, true));
  EXPECT_EQ(numbers[2], numbers[0] + 2);
  ASSERT_TRUE(store->Logins(numbers[2], visit).ok());
  EXPECT_EQ(ended.size(), 3u);
  EXPECT_EQ(store->Stats()->classes[static_cast<size_t>(RecordClass::kLogin)].records, 3u);
  EXPECT_EQ(store->LoginPosition().value(), "");
  batch.Clear();
  batch.login_position = "17";
  ASSERT_TRUE(store->Commit(batch).ok());
  EXPECT_EQ(store->LoginPosition().value(), "17");
}

TEST_F(RocksStoreTest, TellsWhatItHolds) {
  const auto store = Open();
  Batch batch;
  batch.health.push_back({After(kNoon, -5), events::HealthKind::kStarted, 1, 0, ""});
  ASSERT_TRUE(store->Commit(batch).ok());
  Commit(*store, {MakeSession(1, After(kNoon, 3)), MakeSession(2, After(kNoon, 1)),
                  MakeSession(3, After(kNoon, kDay))});
  const auto stats = store->Stats();
  ASSERT_TRUE(stats.ok());
  const auto& sessions = stats->classes[static_cast<size_t>(RecordClass::kSession)];
  EXPECT_EQ(sessions.records, 3u);
  EXPECT_EQ(sessions.oldest, After(kNoon, 1));
  EXPECT_EQ(stats->classes[static_cast<size_t>(RecordClass::kHealth)].oldest, After(kNoon, -5));
  EXPECT_FALSE(stats->classes[static_cast<size_t>(RecordClass::kFinding)].oldest.has_value());
  EXPECT_EQ(stats->days, 2u);
  EXPECT_EQ(stats->open_sessions, 3u);
  EXPECT_GT(stats->bytes_on_disk, 0u);
}

TEST_F(RocksStoreTest, RefusesRetentionBelowHalfAYear) {
  const auto limits = RetentionLimitsAt(kNoon, {365, 365, 179, 365});
  ASSERT_FALSE(limits.ok());
  EXPECT_THAT(limits.error().message, HasSubstr("finding records are to be kept for 179 days"));
  EXPECT_THAT(limits.error().message, HasSubstr("at least 180"));
}

TEST_F(RocksStoreTest, DropsOneOldDayACallAndCountsIt) {
  auto store = Open();
  const auto enforce = [&](base::WallTime now) {
    const auto limits = RetentionLimitsAt(now, {180, 180, 180, 180}).value();
    return store->EnforceRetention(store->PlanRetention(limits).value());
  };
  Batch batch;
  events::FindingEvent finding;
  finding.time = kNoon;
  batch.findings.push_back({finding, {}});
  finding.time = After(kNoon, 100 * kDay);
  batch.findings.push_back({finding, {}});
  ASSERT_TRUE(store->Commit(batch).ok());
  Commit(*store, {MakeSession(1), MakeSession(2), MakeSession(3, After(kNoon, kDay)),
                  MakeSession(4, After(kNoon, 10 * kDay))});

  const auto midnight = After(kNoon, 14.5 * 3600);  // after the first day
  EXPECT_TRUE(enforce(After(midnight, 180 * kDay - 1))->days_dropped.empty());
  EXPECT_EQ(Ids(*store, {}).size(), 4u);
  const auto later = After(midnight, 185 * kDay);
  auto result = enforce(later);
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_THAT(result->days_dropped, ElementsAre("2026-11-22"));
  result = enforce(later);
  EXPECT_THAT(result->days_dropped, ElementsAre("2026-11-23"));
  EXPECT_EQ(result->records_dropped, 1u);
  EXPECT_TRUE(enforce(later)->days_dropped.empty());

  EXPECT_THAT(Ids(*store, {}), ElementsAre(4));
  store.reset();
  store = Open();
  const auto stats = store->Stats();
  EXPECT_EQ(stats->days, 1u);
  EXPECT_EQ(stats->days_dropped, 2u);
  EXPECT_EQ(stats->records_dropped, 4u);  // three sessions and a finding
  EXPECT_EQ(stats->classes[static_cast<size_t>(RecordClass::kFinding)].records, 1u);
  ExpectWholeIndex(*store, 1);

  Commit(*store, {MakeSession(5), MakeSession(6)});  // late ones of a dropped day
  ExpectWholeIndex(*store, 3);
}

TEST_F(RocksStoreTest, RemembersWhichSensorWrote) {
  auto north = std::move(RocksStore::Open(OptionsOf("north"))).value();
  Commit(*north, {MakeSession(1)});
  north.reset();
  auto south = std::move(RocksStore::Open(OptionsOf("south"))).value();
  Commit(*south, {MakeSession(2)});
  ASSERT_TRUE(south->CloseLost(1).ok());
  const auto found = Find(*south, {});
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].sensor, "north");
  EXPECT_EQ(found[1].sensor, "south");
}

TEST_F(RocksStoreTest, AnswersWhileItIsWritten) {
  const auto store = Open();
  std::atomic<bool> stop{false};
  std::thread reader([&] {
    uint64_t before = 0;
    while (!stop) {
      const uint64_t now = Ids(*store, {.ip = Ip("10.0.0.1")}).size();
      EXPECT_GE(now, before);
      before = now;
    }
  });
  for (uint64_t id = 1; id <= 2000; id += 10) {
    std::vector<events::SessionEvent> sessions;
    for (uint64_t i = id; i < id + 10; i++) {
      sessions.push_back(MakeSession(i, After(kNoon, static_cast<double>(i) / 10)));
    }
    Commit(*store, sessions);
  }
  stop = true;
  reader.join();
  EXPECT_EQ(Ids(*store, {}).size(), 2000u);
}

}  // namespace
}  // namespace weir::control::audit

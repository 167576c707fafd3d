// What a tiered store does with records and days while ClickHouse does as it should.
#include "control/clickhouse/tiered_store.h"

#include <gmock/gmock.h>

#include <fstream>

#include "tiered_fixture.h"

namespace weir::control::clickhouse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class TieredStoreTest : public TieredTest {
 protected:
  void SetUp() override {
    server_ = SharedServer();
    NEED_SERVER(server_);
    database_ = NewDatabase();
    options_ = TieredOptions(server_->EndpointOf(database_));
  }

  std::unique_ptr<TieredStore> OpenHere() { return OpenTiered(options_); }
  std::string Ask(const std::string& what) {
    return server_->Ask("SELECT " + what + " FORMAT TabSeparated");
  }
  std::string Table(const char* table) const { return database_ + "." + table; }
  void Insert(const std::string& columns_and_values) {
    server_->Ask("INSERT INTO " + Table("sessions") + " " + columns_and_values);
  }

  // Midnight behind the day of kNoon and the one local day more.
  static base::WallTime WhenTheDayMayGo() { return After(kNoon, 1.7 * kDaySeconds); }

  ClickhouseServer* server_ = nullptr;
  std::string database_;
  TieredStore::Options options_;
};

TEST_F(TieredStoreTest, ShipsTheNewestOfEachRecord) {
  const auto store = OpenHere();
  audit::Batch batch;
  auto event = MakeSession(1);
  event.name = "www.example.com";
  batch.sessions.push_back({event, {"alice", "staff", 2, kNoon}});
  batch.sessions.push_back({Close(event, After(kNoon, 5)), {}});
  batch.sessions.push_back({MakeSession(2), {}});
  events::FindingEvent finding;
  finding.time = kNoon;
  finding.rule = "r1";
  batch.findings.push_back({finding, {"alice", "staff", 2, {}}});
  batch.health.push_back({kNoon, events::HealthKind::kBypass, 1, 7, "why"});
  audit::LoginRecord login;
  login.login_time = kNoon;
  login.ip = Ip("10.0.0.1");
  login.account = "alice";
  batch.logins.push_back(login);
  ASSERT_TRUE(store->Commit(batch).ok());
  ASSERT_TRUE(store->CloseLost(77).ok());
  batch.Clear();
  login.logout_time = After(kNoon, 60);
  login.cause = "user";
  batch.logins.push_back(login);
  ASSERT_TRUE(store->Commit(batch).ok());
  ASSERT_TRUE(store->WaitUntilShipped(kWaitMs));
  EXPECT_EQ(Ask("session_id, revision, state, end_reason, direction, name, account, account_group, "
                "day, hour, IPv6NumToString(src_ip), (end_ns - start_ns) / 1e9 FROM " +
                Table("sessions") + " FINAL ORDER BY session_id"),
            "1\t1\tclosed\tfin\toutbound\twww.example.com\talice\tstaff\t2026-11-22\t9\t"
            "::ffff:10.0.0.1\t5\n"
            "2\t0\tclosed\tlost\toutbound\t\t\t\t2026-11-22\t9\t::ffff:10.0.0.1\t0");
  EXPECT_EQ(Ask("rule, account FROM " + Table("findings") + " FINAL"), "r1\talice");
  EXPECT_EQ(Ask("kind, value, detail FROM " + Table("health") + " FINAL"), "bypass\t7\twhy");
  EXPECT_EQ(Ask("account, cause, logout_time_ns - login_time_ns FROM " + Table("logins") +
                " FINAL ORDER BY seq"),
            "alice\t\t\\N\nalice\tuser\t60000000000");
  const auto archive = ArchiveOf(*store);
  EXPECT_EQ(archive.outbox_rows, 0u);
  EXPECT_GE(archive.rows_shipped, 5u);
  EXPECT_EQ(archive.failures, 0u);
  EXPECT_TRUE(archive.last_success.has_value());
  EXPECT_EQ(archive.migration, "done");
}

std::vector<events::HealthKind> HealthKinds() {
  std::vector<events::HealthKind> kinds;
  for (int value = 1; value < 256; value++) {
    const auto kind = static_cast<events::HealthKind>(value);
    if (events::HealthKindName(kind) != events::HealthKindName({})) kinds.push_back(kind);
  }
  return kinds;
}

// In a table of this version, and in one that an earlier version made.
TEST_F(TieredStoreTest, KnowsEachKindOfHealthNews) {
  ASSERT_GE(HealthKinds().size(), 7u);
  for (const bool earlier : {false, true}) {
    auto store = OpenHere();
    if (earlier) {
      store.reset();
      server_->Ask("ALTER TABLE " + Table("health") +
                   " MODIFY COLUMN kind Enum8('started' = 1, 'stopped' = 2, 'bypass' = 6)");
      store = OpenHere();
    }
    audit::Batch batch;
    std::string words;
    for (const auto kind : HealthKinds()) {
      batch.health.push_back({kNoon, kind, 1, 0, ""});
      words += (words.empty() ? "" : "\n") + std::string(events::HealthKindName(kind));
    }
    ASSERT_TRUE(store->Commit(batch).ok());
    ASSERT_TRUE(store->WaitUntilShipped(kWaitMs));
    EXPECT_EQ(Ask("kind FROM " + Table("health") + " FINAL ORDER BY seq"), words);
    server_->Ask("ALTER TABLE " + Table("health") + " DROP PARTITION '2026-11-22'");
  }
}

// A later version was here: its kinds stay.
TEST_F(TieredStoreTest, TakesNoKindOfHealthNewsAway) {
  OpenHere().reset();
  const std::string column =
      "system.columns WHERE database = '" + database_ + "' AND table = 'health' AND name = 'kind'";
  const std::string type = server_->Ask("SELECT type FROM " + column + " FORMAT TabSeparatedRaw");
  ASSERT_TRUE(type.ends_with(")"));
  const std::string later = type.substr(0, type.size() - 1) + ", 'of_later' = 99)";
  server_->Ask("ALTER TABLE " + Table("health") + " MODIFY COLUMN kind " + later);
  OpenHere().reset();
  EXPECT_EQ(server_->Ask("SELECT type FROM " + column + " FORMAT TabSeparatedRaw"), later);
}

TEST_F(TieredStoreTest, LetsADayGoOnceItIsWholeInTheArchive) {
  auto store = OpenHere();
  Commit(*store, Sessions(1, 500));
  Commit(*store, Sessions(1000, 3, After(kNoon, 2 * kDaySeconds)));
  ASSERT_TRUE(store->WaitUntilShipped(kWaitMs));
  ASSERT_TRUE(store->MoveOldDays(After(WhenTheDayMayGo(), -kDaySeconds)).ok());
  EXPECT_EQ(ArchiveOf(*store).days, 0u);
  ASSERT_TRUE(store->MoveOldDays(WhenTheDayMayGo()).ok());
  EXPECT_EQ(ArchiveOf(*store).days, 1u);
  EXPECT_EQ(lines_.Count("2026-11-22 is compared, 500 records"), 1u) << lines_.All();
  EXPECT_EQ(Ids(*store, {}).size(), 503u);

  store.reset();
  store = OpenHere();
  EXPECT_EQ(Ids(*store, {}).size(), 503u);
  const auto stats = store->Stats();
  const auto& sessions = stats->classes[static_cast<size_t>(audit::RecordClass::kSession)];
  EXPECT_EQ(sessions.records, 503u);
  EXPECT_EQ(sessions.oldest, kNoon);
  EXPECT_EQ(stats->days, 2u);
}

TEST_F(TieredStoreTest, KeepsADayWithOpenSessionsForATime) {
  const auto store = OpenHere();
  Commit(*store, {MakeSession(1)});
  ASSERT_TRUE(store->WaitUntilShipped(kWaitMs));
  ASSERT_TRUE(store->MoveOldDays(WhenTheDayMayGo()).ok());
  EXPECT_EQ(ArchiveOf(*store).days, 0u);
  ASSERT_TRUE(store->MoveOldDays(After(WhenTheDayMayGo(), 7 * kDaySeconds)).ok());
  EXPECT_EQ(ArchiveOf(*store).days, 1u);
  EXPECT_THAT(Ids(*store, {}), ElementsAre(1));
}

TEST_F(TieredStoreTest, AnswersWithRecordsThatCameLate) {
  const auto store = OpenHere();
  Commit(*store, Sessions(1, 10));
  ASSERT_TRUE(store->WaitUntilShipped(kWaitMs));
  ASSERT_TRUE(store->MoveOldDays(WhenTheDayMayGo()).ok());
  ASSERT_EQ(ArchiveOf(*store).days, 1u);
  auto late = Sessions(100, 2, After(kNoon, 60));
  auto newer = Close(Close(MakeSession(1), After(kNoon, 1)), After(kNoon, 30));
  newer.name = "late.example";
  late.push_back(newer);
  Commit(*store, late);
  EXPECT_EQ(Ids(*store, {}).size(), 12u);  // waits until they are there
  EXPECT_THAT(Ids(*store, {.name = "late.example"}), ElementsAre(1));
  EXPECT_EQ(Find(*store, {.session_id = 1})[0].revision, 2u);
  ASSERT_TRUE(store->MoveOldDays(WhenTheDayMayGo()).ok());
  const auto stats = store->Stats();
  EXPECT_EQ(stats->days, 1u);
  EXPECT_EQ(stats->classes[static_cast<size_t>(audit::RecordClass::kSession)].records, 12u);
  EXPECT_EQ(Ids(*store, {}).size(), 12u);
}

// The day's own were short: a look-up must begin further back for those that came late.
TEST_F(TieredStoreTest, FindsLateRecordsThatAreLongerThanTheirDaysOthers) {
  const auto store = OpenHere();
  Commit(*store, Sessions(1, 10));
  ASSERT_TRUE(store->WaitUntilShipped(kWaitMs));
  ASSERT_TRUE(store->MoveOldDays(WhenTheDayMayGo()).ok());
  ASSERT_EQ(ArchiveOf(*store).days, 1u);
  const auto changed = Close(Close(MakeSession(1), After(kNoon, 1)), After(kNoon, 7200));
  const auto added = Close(MakeSession(100, After(kNoon, 60)), After(kNoon, 7200));
  Commit(*store, {changed, added});
  for (const bool moved : {false, true}) {
    if (moved) {
      ASSERT_TRUE(store->MoveOldDays(WhenTheDayMayGo()).ok());
    }
    EXPECT_THAT(Ids(*store, {.at = After(kNoon, 3600)}), ElementsAre(1, 100)) << moved;
  }
}

TEST_F(TieredStoreTest, KeepsADayThatTheArchiveHasOtherwise) {
  const auto store = OpenHere();
  Commit(*store, Sessions(1, 10));
  ASSERT_TRUE(store->WaitUntilShipped(kWaitMs));
  // Somebody else's row: of a session that nobody has seen.
  Insert("(day, hour, start_ns, session_id) VALUES ('2026-11-22', 9, " + std::to_string(kNoon.ns) +
         ", 999)");
  for (int i = 0; i < 2; i++) {
    ASSERT_TRUE(store->MoveOldDays(WhenTheDayMayGo()).ok());
    EXPECT_EQ(ArchiveOf(*store).days, 0u);
    EXPECT_EQ(ArchiveOf(*store).days_differing, 1u);
  }
  EXPECT_EQ(lines_.Count("2026-11-22 stays on this machine: only the archive has session"), 1u)
      << lines_.All();
  const std::string part =
      Ask("name FROM system.parts WHERE active AND table = 'sessions' AND "
          "database = '" +
          database_ + "'");
  ASSERT_TRUE(store->MoveOldDays(WhenTheDayMayGo()).ok());
  EXPECT_EQ(Ask("name FROM system.parts WHERE active AND table = 'sessions' AND database = '" +
                database_ + "'"),
            part)
      << "one part is not written anew";
  EXPECT_EQ(Ids(*store, {}).size(), 10u);

  // The day is lost there: it is shipped anew.
  server_->Ask("ALTER TABLE " + Table("sessions") + " DROP PARTITION '2026-11-22'");
  ASSERT_TRUE(store->MoveOldDays(WhenTheDayMayGo()).ok());
  EXPECT_EQ(ArchiveOf(*store).days, 0u);
  ASSERT_TRUE(store->BeginMigration(true).ok());
  while (ArchiveOf(*store).migration != "done") usleep(10'000);
  ASSERT_TRUE(store->MoveOldDays(WhenTheDayMayGo()).ok());
  EXPECT_EQ(ArchiveOf(*store).days, 1u);
  EXPECT_EQ(ArchiveOf(*store).days_differing, 0u);
  EXPECT_EQ(Ids(*store, {}).size(), 10u);
}

TEST_F(TieredStoreTest, ADayThatCannotBeReadKeepsNoOtherHere) {
  const auto store = OpenHere();
  Commit(*store, Sessions(1, 10));
  Commit(*store, Sessions(100, 5, After(kNoon, kDaySeconds)));
  ASSERT_TRUE(store->WaitUntilShipped(kWaitMs));
  Insert("(day, hour, start_ns, session_id, vlan) VALUES ('2026-11-22', 9, " +
         std::to_string(kNoon.ns) + ", 999, [1, 2, 3, 4, 5, 6, 7, 8, 9])");
  const auto moved = store->MoveOldDays(After(WhenTheDayMayGo(), kDaySeconds));
  ASSERT_FALSE(moved.ok());
  EXPECT_THAT(moved.error().message, HasSubstr("2026-11-22: ClickHouse at "));
  EXPECT_EQ(ArchiveOf(*store).days, 1u);
  EXPECT_EQ(Ids(*store, {}).size(), 15u);
}

TEST_F(TieredStoreTest, FindsAChangedRowBeforeItLetsTheDayGo) {
  const auto store = OpenHere();
  Commit(*store, Sessions(1, 10));
  ASSERT_TRUE(store->WaitUntilShipped(kWaitMs));
  Insert("SELECT * FROM " + Table("sessions") + " WHERE session_id = 4");  // a double: harmless
  ASSERT_TRUE(server_->Ask("SELECT count() FROM " + Table("sessions")) == "11");
  Insert("(" +
         std::string("day, hour, inside_ip, start_ns, session_id, version, account) SELECT "
                     "day, hour, inside_ip, start_ns, session_id, version + 1, 'mallory' "
                     "FROM ") +
         Table("sessions") + " WHERE session_id = 7");
  ASSERT_TRUE(store->MoveOldDays(WhenTheDayMayGo()).ok());
  EXPECT_EQ(ArchiveOf(*store).days, 0u);
  EXPECT_EQ(lines_.Count("the archive differs in session 0000000000000007, part 0"), 1u)
      << lines_.All();
}

TEST_F(TieredStoreTest, UsesFinalWhereTheServerCannotMerge) {
  const auto store = OpenHere();
  Commit(*store, Sessions(1, 10));
  ASSERT_TRUE(store->WaitUntilShipped(kWaitMs));
  server_->Ask("SYSTEM STOP MERGES " + Table("sessions"));
  auto sessions = Sessions(1, 10);
  for (auto& event : sessions) {
    event.revision++;
    event.verdict = events::Verdict::kDrop;
    event.name = "renamed.example";
  }
  Commit(*store, sessions);
  ASSERT_TRUE(store->WaitUntilShipped(kWaitMs));
  ASSERT_EQ(Ask("count() FROM " + Table("sessions")), "20");
  ASSERT_TRUE(store->MoveOldDays(WhenTheDayMayGo()).ok());
  EXPECT_EQ(ArchiveOf(*store).days, 1u);
  EXPECT_EQ(Ids(*store, {}).size(), 10u);
  EXPECT_EQ(Ids(*store, {.name = "renamed.example"}).size(), 10u);
  // A version that is over matches no condition.
  EXPECT_THAT(Ids(*store, {.verdict = events::Verdict::kPass}), IsEmpty());
  server_->Ask("SYSTEM START MERGES " + Table("sessions"));
  ASSERT_TRUE(store->MoveOldDays(WhenTheDayMayGo()).ok());
  EXPECT_EQ(Ask("count() FROM " + Table("sessions")), "10");
  EXPECT_EQ(Ids(*store, {.name = "renamed.example"}).size(), 10u);
}

TEST_F(TieredStoreTest, DropsWhatIsTooOldInBothTiersAndNothingThatIsHeld) {
  const auto store = OpenHere();
  Commit(*store, Sessions(1, 10));
  Commit(*store, Sessions(100, 5, After(kNoon, kDaySeconds)));
  audit::Batch batch;
  events::FindingEvent finding;
  for (const double day : {0.0, 1.0}) {
    finding.time = After(kNoon, day * kDaySeconds);
    batch.findings.push_back({finding, {}});
  }
  ASSERT_TRUE(store->Commit(batch).ok());
  ASSERT_TRUE(store->WaitUntilShipped(kWaitMs));
  ASSERT_TRUE(store->MoveOldDays(After(WhenTheDayMayGo(), 178 * kDaySeconds)).ok());
  EXPECT_EQ(ArchiveOf(*store).days, 2u);
  EXPECT_EQ(Ids(*store, {}).size(), 15u);

  const auto later = After(WhenTheDayMayGo(), 200 * kDaySeconds);
  auto limits = audit::RetentionLimitsAt(later, {180, 180, 180, 180}).value();
  limits.holds.push_back({After(kNoon, kDaySeconds), After(kNoon, kDaySeconds + 1)});
  auto plan = store->PlanRetention(limits);
  ASSERT_TRUE(plan.ok());
  const auto dropped = store->EnforceRetention(*plan);
  ASSERT_TRUE(dropped.ok());
  EXPECT_THAT(dropped->days_dropped, ElementsAre("2026-11-22"));
  EXPECT_EQ(dropped->records_dropped, 11u);  // ten sessions and a finding
  EXPECT_EQ(Ids(*store, {}).size(), 5u) << "at once, whatever the archive does";
  EXPECT_FALSE(store->PlanRetention(limits)->day.has_value()) << "the other day is held";
  ASSERT_TRUE(store->MoveOldDays(later).ok());
  EXPECT_EQ(Ask("count() FROM " + Table("sessions")), "5");
  EXPECT_EQ(Ask("count() FROM " + Table("findings")), "1");

  limits.holds.clear();
  ASSERT_TRUE(store->EnforceRetention(store->PlanRetention(limits).value()).ok());
  EXPECT_THAT(Ids(*store, {}), IsEmpty());
  EXPECT_EQ(store->Stats()->days_dropped, 2u);
}

// Also where this machine has of the day only what came late for it.
TEST_F(TieredStoreTest, AnArchivedDayWithASessionThatReachesIntoAHoldStays) {
  const auto store = OpenHere();
  Commit(*store, {Close(MakeSession(1, kNoon), After(kNoon, kDaySeconds)),
                  Close(MakeSession(2, After(kNoon, kDaySeconds)), After(kNoon, kDaySeconds + 1))});
  ASSERT_TRUE(store->WaitUntilShipped(kWaitMs));
  ASSERT_TRUE(store->MoveOldDays(After(WhenTheDayMayGo(), 178 * kDaySeconds)).ok());
  ASSERT_EQ(ArchiveOf(*store).days, 2u);
  auto limits =
      audit::RetentionLimitsAt(After(WhenTheDayMayGo(), 200 * kDaySeconds), {180, 180, 180, 180})
          .value();
  limits.holds.push_back({After(kNoon, kDaySeconds - 3600), After(kNoon, kDaySeconds - 1800)});
  EXPECT_FALSE(store->PlanRetention(limits)->day.has_value());
  Commit(*store, Sessions(100, 1));
  EXPECT_FALSE(store->PlanRetention(limits)->day.has_value());
  limits.holds.clear();
  EXPECT_EQ(store->PlanRetention(limits)->day, audit::DayOf(kNoon));
}

TEST_F(TieredStoreTest, WhatIsDroppedWhileTheArchiveIsAwayGoesThereLater) {
  auto store = OpenHere();
  Commit(*store, Sessions(1, 10));
  ASSERT_TRUE(store->WaitUntilShipped(kWaitMs));
  ASSERT_TRUE(store->MoveOldDays(After(WhenTheDayMayGo(), 178 * kDaySeconds)).ok());
  server_->Kill();
  const auto later = After(WhenTheDayMayGo(), 200 * kDaySeconds);
  const auto limits = audit::RetentionLimitsAt(later, {180, 180, 180, 180}).value();
  ASSERT_TRUE(store->EnforceRetention(store->PlanRetention(limits).value()).ok());
  EXPECT_FALSE(store->PlanRetention(limits)->day.has_value());
  EXPECT_FALSE(store->MoveOldDays(later).ok());
  store.reset();
  ASSERT_TRUE(server_->Start());
  store = OpenHere();
  ASSERT_TRUE(store->MoveOldDays(later).ok());
  EXPECT_EQ(Ask("count() FROM " + Table("sessions")), "0");
}

// Sealed here, read there: the hour is the same to the byte, and what comes late is noted.
TEST_F(TieredStoreTest, AnHourIsAsItWasSealedWhereverItLies) {
  const auto store = OpenHere();
  Commit(*store, Sessions(1, 10));
  const audit::TimeSpan hour{After(kNoon, -1800), After(kNoon, 1800)};
  ASSERT_TRUE(store->MarkSealed(hour.to).ok());
  const auto as_sealed = [&] {
    std::vector<uint64_t> ids;
    EXPECT_TRUE(store
                    ->SessionsAsSealed(hour.from, hour.to,
                                       [&](const audit::SessionRecord& record) {
                                         ids.push_back(record.event.session_id);
                                         return true;
                                       })
                    .ok());
    return ids;
  };
  const auto sealed = as_sealed();
  ASSERT_EQ(sealed.size(), 10u);
  ASSERT_TRUE(store->WaitUntilShipped(kWaitMs));
  ASSERT_TRUE(store->MoveOldDays(WhenTheDayMayGo()).ok());
  ASSERT_EQ(ArchiveOf(*store).days, 1u);
  EXPECT_EQ(as_sealed(), sealed);
  Commit(*store, Sessions(500, 3));
  EXPECT_EQ(store->CountLate(hour)->records, 3u);
  ASSERT_TRUE(store->WaitUntilShipped(kWaitMs));
  EXPECT_EQ(as_sealed(), sealed);
  EXPECT_EQ(Ids(*store, {}).size(), 13u);
}

// A store that was set back to a backup, and an archive that has what was written since.
class SetBack : public TieredStoreTest {
 protected:
  static constexpr double kBetween = 60;  // s after kNoon: of what was lost

  void SetUp() override {
    TieredStoreTest::SetUp();
    if (IsSkipped()) return;
    const auto store = OpenHere();
    Commit(*store, {MakeSession(1)});
    Commit(*store, Sessions(2, 9, After(kNoon, 0.01)));
    CommitNews(*store, "before");
    ASSERT_TRUE(store->Checkpoint(dir_ / "copy").ok());
    Commit(*store, Sessions(100, 5, After(kNoon, kBetween)));
    Commit(*store, {Close(MakeSession(1), After(kNoon, 30))});
    Commit(*store, Sessions(200, 3, After(kNoon, kDaySeconds)));
    CommitNews(*store, "lost");
    ASSERT_TRUE(store->WaitUntilShipped(kWaitMs));
    options_.local.dir = dir_ / "copy";
  }
  static void CommitNews(TieredStore& store, std::string_view word) {
    audit::Batch batch;
    batch.health.push_back({kNoon, events::HealthKind::kStarted, 1, 0, word});
    ASSERT_TRUE(store.Commit(batch).ok());
  }
};

TEST_F(SetBack, WithoutAWordOfItTheDayDiffers) {
  const auto store = OpenHere();
  ASSERT_TRUE(store->WaitUntilShipped(kWaitMs));
  ASSERT_TRUE(store->MoveOldDays(After(kNoon, 10 * kDaySeconds)).ok());
  EXPECT_EQ(ArchiveOf(*store).days_differing, 1u);
  EXPECT_EQ(Ids(*store, {}).size(), 10u);
}

TEST_F(SetBack, FindsInTheArchiveWhatItHadLost) {
  options_.local.restored = After(kNoon, 2 * kDaySeconds);
  const auto store = OpenHere();
  ASSERT_TRUE(store->WaitUntilShipped(kWaitMs));
  const audit::TimeSpan hour{After(kNoon, -1800), After(kNoon, 1800)};
  ASSERT_TRUE(store->MarkSealed(After(kNoon, 3 * kDaySeconds)).ok());
  const auto as_sealed = [&] {
    std::vector<std::pair<uint64_t, uint32_t>> seen;
    EXPECT_TRUE(store
                    ->SessionsAsSealed(hour.from, hour.to,
                                       [&](const audit::SessionRecord& record) {
                                         seen.emplace_back(record.event.session_id,
                                                           record.event.revision);
                                         return true;
                                       })
                    .ok());
    return seen;
  };
  const auto sealed = as_sealed();
  ASSERT_EQ(sealed.size(), 10u);
  ASSERT_TRUE(store->MoveOldDays(After(kNoon, 10 * kDaySeconds)).ok());
  EXPECT_EQ(ArchiveOf(*store).days, 2u) << lines_.All();
  EXPECT_EQ(ArchiveOf(*store).days_differing, 0u);
  EXPECT_EQ(lines_.Count("15 records, and let go from this machine; 6 of them"), 1u)
      << lines_.All();
  EXPECT_EQ(Ids(*store, {}).size(), 18u);
  EXPECT_EQ(Find(*store, {.session_id = 1})[0].revision, 1u);
  // Hours that were sealed without them are as they were, and can be amended.
  EXPECT_EQ(as_sealed(), sealed);
  EXPECT_EQ(store->CountLate(hour)->records, 6u);
}

TEST_F(SetBack, ANumberIsNotGivenTwice) {
  options_.local.restored = After(base::WallNow(), 1);  // not in the second of the store's birth
  const auto store = OpenHere();
  CommitNews(*store, "new");
  ASSERT_TRUE(store->WaitUntilShipped(kWaitMs));
  EXPECT_EQ(Ask("detail FROM " + Table("health") + " FINAL ORDER BY seq"), "before\nlost\nnew");
}

// How it was is in the archive only, and not any more once the change is there.
TEST_F(TieredStoreTest, ALateChangeOfAnArchivedSessionLeavesTheSealedHourAsItWas) {
  const auto store = OpenHere();
  const audit::TimeSpan hour{After(kNoon, -1800), After(kNoon, 1800)};
  auto first = Sessions(1, 10);
  first[2] = MakeSession(3, first[2].start);  // open
  first[2].name = "as.sealed";
  StoreDirectory::Commit(*store, first, {"alice", "staff", 2, kNoon});
  ASSERT_TRUE(store->MarkSealed(hour.to).ok());
  const auto as_sealed = [&] {
    std::vector<std::string> seen;
    const auto read =
        store->SessionsAsSealed(hour.from, hour.to, [&](const audit::SessionRecord& record) {
          seen.push_back(std::to_string(record.event.session_id) + "@" +
                         std::to_string(record.event.revision) + std::string(record.event.name) +
                         std::string(record.identity.account));
          return true;
        });
    EXPECT_TRUE(read.ok());
    return seen;
  };
  const auto sealed = as_sealed();
  ASSERT_EQ(sealed.size(), 10u);
  ASSERT_EQ(sealed[2], "3@0as.sealedalice");
  ASSERT_TRUE(store->WaitUntilShipped(kWaitMs));
  const base::WallTime may_go = After(kNoon, 10 * kDaySeconds);  // though a session is open
  ASSERT_TRUE(store->MoveOldDays(may_go).ok());
  ASSERT_EQ(ArchiveOf(*store).days, 1u);

  auto changed = Close(first[2], After(kNoon, 30));
  changed.name = "late.example";
  const auto added = Close(MakeSession(500), After(kNoon, 9));
  Commit(*store, {changed, added});
  EXPECT_EQ(as_sealed(), sealed);
  ASSERT_TRUE(store->WaitUntilShipped(kWaitMs));
  EXPECT_EQ(as_sealed(), sealed);
  EXPECT_EQ(Find(*store, {.session_id = 3})[0].name, "late.example");
  EXPECT_EQ(Find(*store, {.session_id = 3})[0].account, "alice") << "as it was while it was open";
  // What is shipped a second time is not taken for what was there before.
  ASSERT_TRUE(store->BeginMigration(true).ok());
  while (ArchiveOf(*store).migration != "done") usleep(1000);
  EXPECT_EQ(as_sealed(), sealed);
  EXPECT_EQ(store->CountLate(hour)->records, 2u);
  ASSERT_TRUE(store->MoveOldDays(may_go).ok());
  EXPECT_EQ(as_sealed(), sealed);
}

TEST_F(TieredStoreTest, RefusesANewerSchemaAndAnotherStoresDatabase) {
  OpenHere().reset();
  auto other = options_;
  other.local.dir = dir_ / "other";
  auto refused = TieredStore::Open(other);
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message, HasSubstr("holds the records of another store"));
  server_->Ask("INSERT INTO " + Table("weir_schema") + " SELECT 2, store FROM " +
               Table("weir_schema"));
  refused = TieredStore::Open(options_);
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message, HasSubstr("has version 2 of the tables, this Weir knows 1"));
}

class LostDatabase : public TieredStoreTest, public ::testing::WithParamInterface<bool> {};

TEST_P(LostDatabase, IsNeitherAskedNorMadeAnewWhileDaysWereThere) {
  auto store = OpenHere();
  Commit(*store, Sessions(1, 10));
  ASSERT_TRUE(store->WaitUntilShipped(kWaitMs));
  ASSERT_TRUE(store->MoveOldDays(WhenTheDayMayGo()).ok());
  ASSERT_EQ(ArchiveOf(*store).days, 1u);
  const bool all_of_it = GetParam();
  server_->Ask(all_of_it ? "DROP DATABASE " + database_ : "DROP TABLE " + Table("sessions"));
  const auto tables =
      "count() FROM system.tables WHERE name = 'sessions' AND database = '" + database_ + "'";
  for (const bool restarted : {false, true}) {
    if (restarted) {
      store.reset();
      store = OpenHere();
    }
    Commit(*store, Sessions(restarted ? 200 : 100, 3, After(kNoon, 2 * kDaySeconds)));
    while (ArchiveOf(*store).trouble.find("has lost the days") == std::string::npos) usleep(10'000);
    const auto all = store->Sessions({}, [](const audit::SessionRecord&) { return true; });
    ASSERT_FALSE(all.ok());
    EXPECT_THAT(all.error().message, HasSubstr("2026-11-22 or before"));
    EXPECT_THAT(all.error().message, HasSubstr("has lost the days that were archived there"));
    EXPECT_EQ(Ids(*store, {.from = After(kNoon, 2 * kDaySeconds)}).size(), restarted ? 6u : 3u);
    EXPECT_FALSE(store->MoveOldDays(After(kNoon, 9 * kDaySeconds)).ok());
    EXPECT_EQ(Ask(tables), "0");
  }
  EXPECT_EQ(ArchiveOf(*store).outbox_rows, 6u);

  // Its owner gives the days up: docs/operations/clickhouse.md.
  server_->Ask("DROP DATABASE IF EXISTS " + database_);
  server_->Ask("CREATE DATABASE " + database_);
  server_->Ask("CREATE TABLE " + Table("weir_schema") +
               " (version UInt32, store UInt64) ENGINE = TinyLog");
  server_->Ask("INSERT INTO " + Table("weir_schema") + " VALUES (1, 0)");
  ASSERT_TRUE(store->WaitUntilShipped(kWaitMs));
  EXPECT_EQ(Ask("count() FROM " + Table("sessions")), "6");
  store.reset();
  ASSERT_EQ(Ids(*OpenHere(), {}).size(), 6u);
}

INSTANTIATE_TEST_SUITE_P(What, LostDatabase, ::testing::Bool(),
                         [](const auto& all) { return all.param ? "All" : "Sessions"; });

TEST_F(TieredStoreTest, MigratesARecordOfBeforeAndGoesOnWhereItWas) {
  {
    auto embedded = std::move(audit::RocksStore::Open(options_.local)).value();
    for (int day = 0; day < 3; day++) {
      Commit(*embedded, Sessions(static_cast<uint64_t>(day) * 100'000, 40'000,
                                 After(kNoon, day * kDaySeconds)));
    }
    audit::Batch batch;
    batch.health.push_back({kNoon, events::HealthKind::kStarted, 1, 0, ""});
    ASSERT_TRUE(embedded->Commit(batch).ok());
  }
  auto store = OpenHere();
  EXPECT_EQ(store->migration().backfill.state, BackfillState::kNeeded);
  EXPECT_EQ(store->migration().backfill.rows_total, 120'001u);
  Commit(*store, Sessions(900'000, 5));
  ASSERT_TRUE(store->WaitUntilShipped(kWaitMs));
  ASSERT_TRUE(store->MoveOldDays(After(kNoon, 100 * kDaySeconds)).ok());
  EXPECT_EQ(ArchiveOf(*store).days, 0u);  // nothing goes before the migration is done
  EXPECT_EQ(Ask("count() FROM " + Table("sessions")), "5");

  ASSERT_TRUE(store->BeginMigration(false).ok());
  while (store->migration().backfill.rows_done == 0) usleep(1000);
  store.reset();
  store = OpenHere();
  const auto status = store->migration();
  EXPECT_NE(status.backfill.state, BackfillState::kNeeded);
  EXPECT_GT(status.backfill.rows_done, 0u);
  ASSERT_TRUE(store->BeginMigration(false).ok());
  while (store->migration().backfill.state != BackfillState::kDone) usleep(1000);
  EXPECT_EQ(store->migration().backfill.rows_done, 120'006u);
  EXPECT_EQ(Ask("count() FROM " + Table("sessions") + " FINAL"), "120005");
  EXPECT_EQ(Ask("count() FROM " + Table("health") + " FINAL"), "1");
  ASSERT_TRUE(store->MoveOldDays(After(kNoon, 100 * kDaySeconds)).ok());
  EXPECT_EQ(ArchiveOf(*store).days, 3u);
}

// Back to the embedded store, and to the archive again: what was written meanwhile is shipped.
TEST_F(TieredStoreTest, MigratesAgainAfterATimeWithoutTheArchive) {
  auto store = OpenHere();
  Commit(*store, Sessions(1, 10));
  ASSERT_TRUE(store->WaitUntilShipped(kWaitMs));
  ASSERT_TRUE(store->MoveOldDays(WhenTheDayMayGo()).ok());
  store.reset();
  {
    auto embedded = std::move(audit::RocksStore::Open(options_.local)).value();
    EXPECT_EQ(LeaveArchive(*embedded).value(), 1u);
    Commit(*embedded, Sessions(100, 3, After(kNoon, kDaySeconds)));
  }
  store = OpenHere();
  EXPECT_EQ(ArchiveOf(*store).migration, "needed");
  ASSERT_TRUE(store->BeginMigration(false).ok());
  while (ArchiveOf(*store).migration != "done") usleep(1000);
  EXPECT_EQ(Ask("count() FROM " + Table("sessions") + " FINAL"), "13");
  EXPECT_EQ(Ids(*store, {}).size(), 13u);
}

TEST_F(TieredStoreTest, ATextOfAPersonEndsNoLiteral) {
  const auto store = OpenHere();
  const std::string odd("a'b\\' OR 1=1 -- \0\n\"`", 21);
  auto event = Close(MakeSession(1), After(kNoon, 1));
  event.name = odd;
  event.rule = odd;
  StoreDirectory::Commit(*store, {event}, {odd, odd, 1, {}});
  Commit(*store, Sessions(2, 3));
  ASSERT_TRUE(store->WaitUntilShipped(kWaitMs));
  ASSERT_TRUE(store->MoveOldDays(WhenTheDayMayGo()).ok());
  ASSERT_EQ(ArchiveOf(*store).days, 1u);
  EXPECT_THAT(Ids(*store, {.account = odd}), ElementsAre(1));
  EXPECT_THAT(Ids(*store, {.name = odd}), ElementsAre(1));
  EXPECT_THAT(Ids(*store, {.rule = odd}), ElementsAre(1));
  EXPECT_THAT(Ids(*store, {.account = "a'b"}), IsEmpty());
}

TEST_F(TieredStoreTest, ReadsAPasswordThatOnlyItsOwnerMayRead) {
  const auto file = dir_ / "password";
  std::ofstream(file) << "s3cret\n";
  std::filesystem::permissions(file, std::filesystem::perms(0640));
  EXPECT_EQ(LoadPassword(file).value(), "s3cret");
  std::filesystem::permissions(file, std::filesystem::perms(0644));
  EXPECT_THAT(LoadPassword(file).error().message, HasSubstr("chmod"));
  EXPECT_FALSE(LoadPassword(dir_ / "none").ok());
}

}  // namespace
}  // namespace weir::control::clickhouse

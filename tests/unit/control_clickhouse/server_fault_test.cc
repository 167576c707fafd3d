// What a tiered store does while ClickHouse is away, dies, or refuses.
#include <gmock/gmock.h>

#include <thread>

#include "scripted_server.h"
#include "tiered_fixture.h"

namespace weir::control::clickhouse {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ServerFault : public TieredTest {
 protected:
  void SetUp() override {
    server_ = OwnServer();
    NEED_SERVER(server_);
    options_ = TieredOptions(server_->EndpointOf("weir"));
  }
  bool StartServer() {
    const bool started = server_->Start();
    EXPECT_TRUE(started) << server_->error();
    return started;
  }
  std::string Count(const char* what) {
    return server_->Ask(std::string("SELECT ") + what + " FORMAT TabSeparated");
  }

  std::unique_ptr<ClickhouseServer> server_;
  TieredStore::Options options_;
};

TEST_F(ServerFault, AServerThatIsAwayAtTheStartGetsAllLater) {
  const auto store = OpenTiered(options_);
  Commit(*store, Sessions(1, 100));
  while (ArchiveOf(*store).failures < 2) usleep(10'000);
  auto archive = ArchiveOf(*store);
  EXPECT_EQ(archive.outbox_rows, 100u);
  EXPECT_THAT(archive.trouble, HasSubstr("ClickHouse at http://127.0.0.1"));
  EXPECT_FALSE(archive.last_success.has_value());
  EXPECT_EQ(Ids(*store, {}).size(), 100u);
  ASSERT_TRUE(StartServer());
  ASSERT_TRUE(store->WaitUntilShipped(kWaitMs));
  EXPECT_EQ(Count("count() FROM weir.sessions FINAL"), "100");
  archive = ArchiveOf(*store);
  EXPECT_EQ(archive.trouble, "");
  EXPECT_EQ(lines_.Count("archive: records wait on this machine"), 1u) << lines_.All();
  EXPECT_EQ(lines_.Count("archive: goes on, nothing was lost"), 1u) << lines_.All();
  EXPECT_THAT(lines_.All(), Not(HasSubstr("a secret")));
}

TEST_F(ServerFault, AServerKilledWhileItTakesRowsHasEachRecordOnce) {
  ASSERT_TRUE(StartServer());
  options_.ship_entries_max = 300;
  const auto store = OpenTiered(options_);
  uint64_t records = 0;
  for (int round = 0; round < 4; round++) {
    for (int i = 0; i < 10; i++) {
      Commit(*store, Sessions(1 + records, 500, After(kNoon, static_cast<double>(records) / 100)));
      records += 500;
    }
    while (ArchiveOf(*store).rows_shipped < static_cast<uint64_t>(round) * 1000 + 300) usleep(500);
    server_->Kill();
    Commit(*store, Sessions(1 + records, 500, After(kNoon, static_cast<double>(records) / 100)));
    records += 500;
    ASSERT_TRUE(StartServer());
  }
  ASSERT_TRUE(store->WaitUntilShipped(kWaitMs));
  EXPECT_EQ(Count("count(), uniqExact(session_id) FROM weir.sessions FINAL"),
            std::to_string(records) + "\t" + std::to_string(records));
  EXPECT_GT(ArchiveOf(*store).failures, 0u);
  ASSERT_TRUE(store->MoveOldDays(After(kNoon, 50 * kDaySeconds)).ok());
  EXPECT_EQ(ArchiveOf(*store).days, 1u) << lines_.All();
  EXPECT_EQ(Ids(*store, {}).size(), records);
}

TEST_F(ServerFault, SaysUntilWhenItCanAnswerAlone) {
  ASSERT_TRUE(StartServer());
  const auto store = OpenTiered(options_);
  Commit(*store, Sessions(1, 10));
  Commit(*store, Sessions(100, 5, After(kNoon, kDaySeconds)));
  ASSERT_TRUE(store->WaitUntilShipped(kWaitMs));
  ASSERT_TRUE(store->MoveOldDays(After(kNoon, 1.7 * kDaySeconds)).ok());
  ASSERT_EQ(ArchiveOf(*store).days, 1u);
  server_->Kill();
  const auto all = store->Sessions({}, [](const audit::SessionRecord&) { return true; });
  ASSERT_FALSE(all.ok());
  EXPECT_THAT(all.error().message,
              HasSubstr("began on 2026-11-22 or before (UTC) are in the archive only"));
  // The last of the day's ten is over 590 ms before the end of a second.
  EXPECT_THAT(all.error().message, HasSubstr("can answer from 2026-11-23T00:00:01Z on"));
  EXPECT_EQ(Ids(*store, {.from = After(kNoon, kDaySeconds)}).size(), 5u);
  audit::Query newest;
  newest.newest_first = true;
  newest.limit = 5;
  EXPECT_EQ(Ids(*store, newest).size(), 5u);
  ASSERT_TRUE(StartServer());
  EXPECT_EQ(Ids(*store, {}).size(), 15u);
}

// Of the archived day one goes on into the next: what began later can be told from it.
TEST_F(ServerFault, TheTimeThatItNamesNeedsNoArchive) {
  ASSERT_TRUE(StartServer());
  const auto store = OpenTiered(options_);
  Commit(*store, {Close(MakeSession(1), After(kNoon, 0.9 * kDaySeconds))});
  Commit(*store, Sessions(100, 5, After(kNoon, 2 * kDaySeconds)));
  ASSERT_TRUE(store->WaitUntilShipped(kWaitMs));
  ASSERT_TRUE(store->MoveOldDays(After(kNoon, 2.7 * kDaySeconds)).ok());
  ASSERT_EQ(ArchiveOf(*store).days, 1u);
  server_->Kill();
  for (const bool by_start : {false, true}) {
    audit::Query query;
    query.by_start = by_start;
    const audit::SessionVisitor none = [](const audit::SessionRecord&) { return true; };
    const auto all = store->Sessions(query, none);
    ASSERT_FALSE(all.ok());
    const std::string& message = all.error().message;
    const size_t at = message.find("can answer from ") + 16;
    query.from = base::ParseRfc3339(message.substr(at, message.find(" on. ") - at)).value();
    const auto named = store->Sessions(query, none);
    EXPECT_TRUE(named.ok()) << named.error().message;
    EXPECT_EQ(named->visited, 5u);
    EXPECT_EQ(*query.from == audit::DayStart(audit::DayOf(kNoon) + 1), by_start);
  }
}

TEST_F(ServerFault, ATableThatIsGoneIsMadeAnew) {
  ASSERT_TRUE(StartServer());
  const auto store = OpenTiered(options_);
  Commit(*store, Sessions(1, 10));
  ASSERT_TRUE(store->WaitUntilShipped(kWaitMs));
  server_->Ask("DROP TABLE weir.sessions");
  Commit(*store, Sessions(100, 5));
  ASSERT_TRUE(store->WaitUntilShipped(kWaitMs));
  EXPECT_EQ(Count("count() FROM weir.sessions FINAL"), "5");
  ASSERT_TRUE(store->MoveOldDays(After(kNoon, 50 * kDaySeconds)).ok());
  EXPECT_EQ(ArchiveOf(*store).days, 0u);  // what was lost with it is still here
  EXPECT_EQ(Ids(*store, {}).size(), 15u);
}

TEST_F(ServerFault, AWrongPasswordKeepsTheRecordsHere) {
  ASSERT_TRUE(StartServer());
  options_.archive.password = "wrong one";
  const auto store = OpenTiered(options_);
  Commit(*store, Sessions(1, 10));
  while (ArchiveOf(*store).failures < 2) usleep(10'000);
  EXPECT_THAT(ArchiveOf(*store).trouble, HasSubstr("401"));
  EXPECT_EQ(ArchiveOf(*store).outbox_rows, 10u);
  EXPECT_THAT(lines_.All(), Not(HasSubstr("wrong one")));
}

using ScriptedFault = TieredTest;

TEST_F(ScriptedFault, ASlowServerHoldsUpNeitherWritersNorTheEnd) {
  const ScriptedServer server("");
  Endpoint endpoint;
  endpoint.url = server.url();
  endpoint.quiet_timeout_ms = 200;
  const auto store = OpenTiered(TieredOptions(endpoint));
  Commit(*store, Sessions(1, 100));
  EXPECT_EQ(Ids(*store, {}).size(), 100u);
  while (ArchiveOf(*store).failures < 1) usleep(10'000);
  EXPECT_THAT(ArchiveOf(*store).trouble, HasSubstr("no answer for"));
  EXPECT_EQ(ArchiveOf(*store).outbox_rows, 100u);
}

TEST_F(ScriptedFault, AFullListOfChangesAlarmsAndLosesNothing) {
  Endpoint endpoint;
  endpoint.url = "http://127.0.0.1:1";
  auto options = TieredOptions(endpoint);
  options.spool_bytes_max = 1;
  const auto store = OpenTiered(options);
  Commit(*store, Sessions(1, 100));
  while (!ArchiveOf(*store).outbox_over_limit) usleep(10'000);
  EXPECT_EQ(lines_.Count("archive: ALARM"), 1u) << lines_.All();
  Commit(*store, Sessions(200, 100));
  EXPECT_EQ(ArchiveOf(*store).outbox_rows, 200u);
  EXPECT_EQ(Ids(*store, {}).size(), 200u);
}

}  // namespace
}  // namespace weir::control::clickhouse

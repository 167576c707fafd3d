// Rows of many days go out in INSERTs of fewer days than ClickHouse refuses.
#include "control/clickhouse/row_batch.h"

#include <gmock/gmock.h>

#include <map>

#include "control/clickhouse/row_binary.h"
#include "control/clickhouse/session_row.h"
#include "scripted_server.h"
#include "tiered_fixture.h"

namespace weir::control::clickhouse {
namespace {

using ::testing::Each;
using ::testing::Le;
using ::testing::SizeIs;

constexpr size_t kDaysRefused = 100;  // max_partitions_per_insert_block: more than these

// How many rows each day has, in rows of one length, which begin with their day.
std::map<uint16_t, size_t> DaysOf(std::string_view rows, size_t row_bytes) {
  std::map<uint16_t, size_t> days;
  EXPECT_EQ(rows.size() % row_bytes, 0u);
  for (size_t at = 0; at + row_bytes <= rows.size(); at += row_bytes) {
    base::Cursor in(audit::AsBytes(rows.substr(at)));
    days[GetLe<uint16_t>(in)]++;
  }
  return days;
}

TEST(RowBatch, CutsRowsOfManyDays) {
  constexpr size_t kDays = 250;
  RowBatch batch;
  const audit::RecordVisitors visitors = batch.Visitors();
  std::string one;
  for (size_t i = 0; i < kDays; i++) {
    const auto start = After(kNoon, static_cast<double>(i) * kDaySeconds);
    const audit::SessionRecord record{MakeSession(i, start), {}, "lab"};
    visitors.session(record);
    visitors.session(record);
    audit::SequencedLogin login;
    login.login.login_time = start;
    visitors.login(login);
    if (one.empty()) PutSessionRow(one, record);
  }
  EXPECT_EQ(batch.rows(), 3 * kDays);
  const auto& sessions = batch.tables()[0];
  EXPECT_THAT(sessions.inserts, SizeIs(3));
  std::map<uint16_t, size_t> all;
  for (const std::string& rows : sessions.inserts) {
    const auto days = DaysOf(rows, one.size());
    EXPECT_LE(days.size(), kDaysRefused);
    for (const auto& [day, count] : days) all[day] += count;
  }
  EXPECT_THAT(all, SizeIs(kDays));
  EXPECT_EQ(all.begin()->second, 2u);
  EXPECT_THAT(batch.tables()[1].inserts, SizeIs(3));
  EXPECT_THAT(batch.tables()[2].inserts, SizeIs(0));
}

TEST(RowBatch, ADayThatIsThereAlreadyNeedsNoCut) {
  RowBatch batch;
  const audit::RecordVisitors visitors = batch.Visitors();
  for (int round = 0; round < 3; round++) {
    for (size_t i = 0; i < kInsertDaysMax; i++) {
      const auto start = After(kNoon, static_cast<double>(i) * kDaySeconds);
      visitors.session({MakeSession(i, start), {}, "lab"});
    }
  }
  EXPECT_THAT(batch.tables()[0].inserts, SizeIs(1));
}

// What a request brings behind its head.
std::string BodyOf(const std::string& request) {
  return request.substr(request.find("\r\n\r\n") + 4);
}

using RowBatchShipped = TieredTest;

TEST_F(RowBatchShipped, NoInsertHasMoreDaysThanAServerTakes) {
  constexpr size_t kDays = 240;
  constexpr size_t kRowBytes = 2 + 8 + 8 + 1 + 8 + 8 + 1 + 4;  // the sensor is "lab"
  std::mutex mutex;
  std::vector<size_t> days_of_inserts;
  size_t rows = 0;
  const ScriptedServer server(ScriptedServer::Script([&](const std::string& request) {
    if (request.find("INSERT%20INTO%20weir.health") != std::string::npos) {
      const std::lock_guard lock(mutex);
      const auto days = DaysOf(BodyOf(request), kRowBytes);
      days_of_inserts.push_back(days.size());
      for (const auto& [day, count] : days) rows += count;
    }
    return ScriptedServer::Ok("");
  }));
  Endpoint endpoint;
  endpoint.url = server.url();
  const auto store = OpenTiered(TieredOptions(endpoint));
  audit::Batch batch;
  for (size_t i = 0; i < kDays; i++) {
    const auto time = After(kNoon, static_cast<double>(i) * kDaySeconds);
    batch.health.push_back({time, events::HealthKind::kBypass, 1, 0, ""});
  }
  ASSERT_TRUE(store->Commit(batch).ok());
  ASSERT_TRUE(store->WaitUntilShipped(kWaitMs)) << lines_.All();
  const std::lock_guard lock(mutex);
  EXPECT_EQ(rows, kDays);
  EXPECT_THAT(days_of_inserts, SizeIs(3));
  EXPECT_THAT(days_of_inserts, Each(Le(kDaysRefused)));
}

}  // namespace
}  // namespace weir::control::clickhouse

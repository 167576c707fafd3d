// How an archive is asked: in windows of which none is too full, and of which none is of no span.
#include "control/clickhouse/archive_reader.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "control/clickhouse/schema.h"
#include "scripted_server.h"
#include "tiered_fixture.h"

namespace weir::control::clickhouse {
namespace {

using audit::DayStart;
using audit::kDayNs;
using audit::kHourNs;
using audit::kMinuteNs;

const audit::DayNumber kDay = audit::DayOf(kNoon);
const std::atomic<bool> kNeverStop{false};

struct Asked {
  int64_t from_ns = 0;
  int64_t to_ns = 0;
};

int64_t NumberBehind(const std::string& text, const std::string& words) {
  const size_t at = text.find(words);
  EXPECT_NE(at, std::string::npos) << text;
  return at == std::string::npos ? 0 : std::stoll(text.substr(at + words.size()));
}

// The windows that a query is asked in, all of them without a row; in the order of time.
std::vector<Asked> WindowsOf(const std::map<audit::DayNumber, ArchivedDay>& days,
                             const audit::Query& query) {
  std::mutex mutex;
  std::vector<Asked> asked;
  const ScriptedServer scripted(ScriptedServer::Script([&](const std::string& request) {
    const std::lock_guard lock(mutex);
    asked.push_back({NumberBehind(request, "start_ns >= "), NumberBehind(request, "start_ns < ")});
    return ScriptedServer::Ok("");
  }));
  Endpoint endpoint;
  endpoint.url = scripted.url();
  HttpConnection server(endpoint, kNeverStop);
  const audit::SessionVisitor none = [](const audit::SessionRecord&) { return true; };
  const auto spans = SpansOf({days.begin(), days.end()}, query);
  EXPECT_TRUE(spans.ok());
  EXPECT_TRUE(ArchiveReader(server, query, none).Read(*spans).ok());
  const std::lock_guard lock(mutex);
  if (query.newest_first) std::reverse(asked.begin(), asked.end());
  return asked;
}

ArchivedDay DayWith(uint64_t records) {
  ArchivedDay day;
  day.records = records;
  return day;
}

class Windows : public ::testing::TestWithParam<bool> {
 protected:
  Windows() { query_.newest_first = GetParam(); }

  audit::Query query_;
};

TEST_P(Windows, OfAFullDayAreMinutesOfOneHour) {
  constexpr uint64_t kRecords = 1'000'000'000;
  const auto asked = WindowsOf({{kDay, DayWith(kRecords)}}, query_);
  int64_t at = DayStart(kDay).ns;
  for (const Asked& window : asked) {
    EXPECT_EQ(window.from_ns, at);
    EXPECT_LE(window.to_ns - window.from_ns, 5 * kMinuteNs);
    EXPECT_EQ(window.from_ns / kHourNs, (window.to_ns - 1) / kHourNs);
    at = window.to_ns;
  }
  EXPECT_EQ(at, DayStart(kDay + 1).ns);
  EXPECT_LE(asked.size(), 24u * 12);
}

TEST_P(Windows, OfADayThatIsFullerThanAnyAreMinutes) {
  query_.from = kNoon;
  query_.to = After(kNoon, 7200);
  query_.by_start = true;
  const auto asked = WindowsOf({{kDay, DayWith(UINT64_MAX)}}, query_);
  EXPECT_EQ(asked.size(), 120u);
}

TEST_P(Windows, OfQuietDaysHaveManyAtOnce) {
  std::map<audit::DayNumber, ArchivedDay> days;
  for (int i = 0; i < 60; i++) days[kDay + i] = DayWith(1000);
  EXPECT_LE(WindowsOf(days, query_).size(), 4u);
}

// A full day behind quiet ones is not asked together with them.
TEST_P(Windows, AreOfTheirOwnInAFullDay) {
  std::map<audit::DayNumber, ArchivedDay> days;
  for (int i = 0; i < 9; i++) days[kDay + i] = DayWith(i == 4 ? 100'000'000 : 10);
  for (const Asked& window : WindowsOf(days, query_)) {
    const bool of_full_day =
        window.from_ns < DayStart(kDay + 5).ns && window.to_ns > DayStart(kDay + 4).ns;
    if (!of_full_day) continue;
    EXPECT_LE(window.to_ns - window.from_ns, kHourNs);
  }
}

// Of a day between that is in no span the archive may have rows: it is being dropped, or somebody
// else's.
TEST_P(Windows, HaveNothingOfADayBetween) {
  const auto asked = WindowsOf({{kDay, DayWith(10)}, {kDay + 2, DayWith(10)}}, query_);
  ASSERT_EQ(asked.size(), 2u);
  EXPECT_LE(asked[0].to_ns, DayStart(kDay + 1).ns);
  EXPECT_GE(asked[1].from_ns, DayStart(kDay + 2).ns);
}

INSTANTIATE_TEST_SUITE_P(Order, Windows, ::testing::Bool(),
                         [](const auto& newest) { return newest.param ? "Newest" : "Oldest"; });

// Of a day that was known to have no doubles.
class Engine : public TieredTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(Engine, DecidesWhetherFinalIsSpared) {
  ArchivedDay day;
  day.single = true;
  auto options = TieredOptions({});
  options.local.outbox = true;
  ASSERT_TRUE((*audit::RocksStore::Open(options.local))
                  ->spool()
                  .PutMeta(ArchiveBook::Key(kDay), ArchiveBook::Encode(day))
                  .ok());
  const ScriptedServer scripted(ScriptedServer::Script([&](const std::string& request) {
    const auto has = [&](std::string_view words) { return request.find(words) != request.npos; };
    if (has("system.tables")) {
      return ScriptedServer::Ok(std::string("sessions\t") + GetParam() +
                                "\nweir_schema\tTinyLog\n");
    }
    return ScriptedServer::Ok(has("FROM weir.weir_schema") ? "1\t0\t1\n" : "");
  }));
  options.archive.url = scripted.url();
  const auto store = OpenTiered(options);
  EXPECT_TRUE(Ids(*store, {}).empty());
  const bool plain = std::string_view(GetParam()) == "ReplacingMergeTree";
  EXPECT_EQ(scripted.asked().find("weir.sessions FINAL") == std::string::npos, plain);
  EXPECT_NE(scripted.asked().find("FROM weir.sessions"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Names, Engine,
                         ::testing::Values("ReplacingMergeTree", "ReplicatedReplacingMergeTree",
                                           "SharedReplacingMergeTree", "Distributed"),
                         [](const auto& engine) { return std::string(engine.param); });

// More than the statement may have in memory: it is sorted on the server's disk.
TEST(ArchiveReader, ReadsAnHourThatTheServerCannotSortInMemory) {
  constexpr uint64_t kRows = 600'000;
  const ClickhouseServer* server = SharedServer();
  NEED_SERVER(server);
  Endpoint endpoint = server->EndpointOf(NewDatabase());
  HttpConnection maker(endpoint, kNeverStop);
  ASSERT_EQ(EnsureSchema(maker, 1, false).outcome, SchemaOutcome::kReady);
  std::string name;
  for (int i = 0; i < 30; i++) {
    name += (name.empty() ? "" : ", ") + ("hex(cityHash64(number + " + std::to_string(i) + "))");
  }
  server->Ask("INSERT INTO " + endpoint.database +
              ".sessions (day, hour, start_ns, session_id, name) SELECT toDate('2026-11-22'), 9, " +
              std::to_string(kNoon.ns) + " + cityHash64(number) % 1000000000, number, concat(" +
              name + ") FROM (SELECT number FROM system.numbers LIMIT " + std::to_string(kRows) +
              ")");
  endpoint.user = "small";
  HttpConnection reading(endpoint, kNeverStop);
  const audit::Query query;
  const auto spans = SpansOf({{kDay, DayWith(kRows)}}, query);
  uint64_t rows = 0;
  base::WallTime last;
  const audit::SessionVisitor count = [&](const audit::SessionRecord& record) {
    EXPECT_LE(last, record.event.start);
    last = record.event.start;
    rows++;
    return true;
  };
  const auto read = ArchiveReader(reading, query, count).Read(*spans);
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(rows, kRows);
}

}  // namespace
}  // namespace weir::control::clickhouse

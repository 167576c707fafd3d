// What a keeper asks a server for that refuses some of it.
#include "control/clickhouse/keeper.h"

#include <gmock/gmock.h>

#include "scripted_server.h"
#include "tiered_fixture.h"

namespace weir::control::clickhouse {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr uint64_t kStore = 7;
constexpr const char* kRefused =
    "HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\nContent-Length: 10\r\n\r\n"
    "Code: 497.";

bool Has(const std::string& text, std::string_view words) {
  return text.find(words) != std::string::npos;
}

class KeeperTest : public TieredTest {
 protected:
  // Works once, with three days in the book that had doubles. `script` answers what is not about
  // the schema.
  void WorkOn(const ScriptedServer::Script& script) {
    const ScriptedServer server(ScriptedServer::Script([&](const std::string& request) {
      using S = ScriptedServer;
      if (Has(request, "FROM system.tables")) {
        return S::Ok("sessions\t" + engine_ + "\nweir_schema\tTinyLog\n");
      }
      if (Has(request, "FROM weir.weir_schema")) return S::Ok("1\t7\t1\n");
      return script(request);
    }));
    Endpoint endpoint;
    endpoint.url = server.url();
    auto options = OptionsOf();
    options.outbox = true;
    auto local = std::move(audit::RocksStore::Open(options)).value();
    for (int i = 0; i < 3; i++) book_.Replace(Day(i), ArchivedDay());
    Shipper::Options shipping;
    shipping.endpoint = endpoint;
    shipping.store_id = kStore;
    Shipper shipper(shipping, local->spool(), book_);
    ASSERT_TRUE(shipper.Load().ok());
    Keeper::Options keeping;
    keeping.endpoint = endpoint;
    keeping.log = [this](std::string_view line) { lines_.Add(line); };
    Keeper keeper(keeping, *local, book_, shipper);
    for (int i = 0; i < 2; i++) {
      const auto worked = keeper.Work(After(kNoon, 100 * kDaySeconds));
      EXPECT_TRUE(worked.ok()) << worked.error().message;
    }
    asked_ = server.asked();
  }
  static audit::DayNumber Day(int i) { return audit::DayOf(kNoon) + i; }
  bool IsSingle(int i) const { return book_.days().at(Day(i)).single; }

  std::string engine_ = "ReplacingMergeTree";
  ArchiveBook book_;
  std::string asked_;
};

TEST_F(KeeperTest, MergesNothingWhereItMayNotAskForTheParts) {
  WorkOn([](const std::string& request) -> std::string {
    return Has(request, "system.parts") ? kRefused : ScriptedServer::Ok("");
  });
  EXPECT_THAT(asked_, HasSubstr("system.parts"));
  EXPECT_THAT(asked_, Not(HasSubstr("OPTIMIZE")));
  EXPECT_EQ(lines_.Count("days with doubles are not merged: ClickHouse at"), 1u) << lines_.All();
}

TEST_F(KeeperTest, ADayThatCannotBeMergedKeepsNoOther) {
  std::atomic<int> merged{0};  // server's thread
  WorkOn([&merged](const std::string& request) -> std::string {
    if (Has(request, "OPTIMIZE")) {
      if (Has(request, "'2026-11-22'")) return kRefused;
      merged++;
      return ScriptedServer::Ok("");
    }
    if (!Has(request, "system.parts")) return ScriptedServer::Ok("");
    const int after = Has(request, "'2026-11-23'") ? 1 : 2;
    return ScriptedServer::Ok(merged >= after ? "1\n" : "2\n");
  });
  EXPECT_FALSE(IsSingle(0));
  EXPECT_TRUE(IsSingle(1));
  EXPECT_TRUE(IsSingle(2)) << "the second time";
}

// What one replica has merged another may have twice still.
TEST_F(KeeperTest, MergesNoDayOfAReplicatedTableToBeReadWithoutFinal) {
  for (const char* engine : {"ReplicatedReplacingMergeTree", "Distributed"}) {
    engine_ = engine;
    WorkOn([](const std::string&) { return ScriptedServer::Ok("1\n"); });
    EXPECT_THAT(asked_, Not(HasSubstr("OPTIMIZE")));
    EXPECT_FALSE(IsSingle(0));
  }
}

}  // namespace
}  // namespace weir::control::clickhouse

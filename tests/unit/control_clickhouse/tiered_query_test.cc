// The suite of look-ups over tiered stores: all days in the archive, and days in both tiers.
#include "../control_audit/session_query.h"
#include "tiered_fixture.h"

namespace weir::control::audit {
namespace {

using clickhouse::ClickhouseServer;
using clickhouse::TieredStore;

constexpr double kHour = 3600;

class Tiered : public QueryStore {
 public:
  Tiered(std::unique_ptr<TieredStore> store, base::WallTime now, uint64_t days_here)
      : store_(std::move(store)), now_(now), days_here_(days_here) {}

  SessionStore& store() override { return *store_; }

  void Settle(uint64_t records) override {
    ASSERT_TRUE(store_->WaitUntilShipped(clickhouse::kWaitMs));
    const auto moved = store_->MoveOldDays(now_);
    ASSERT_TRUE(moved.ok()) << moved.error().message;
    const auto stats = store_->Stats();
    ASSERT_TRUE(stats.ok());
    EXPECT_EQ(stats->archive->days_differing, 0u);
    EXPECT_LE(stats->days - stats->archive->days, days_here_);
    EXPECT_GE(stats->archive->days, 1u);
    EXPECT_EQ(stats->classes[static_cast<size_t>(RecordClass::kSession)].records, records);
  }

 private:
  std::unique_ptr<TieredStore> store_;
  const base::WallTime now_;
  const uint64_t days_here_;
};

std::unique_ptr<QueryStore> MakeTiered(const RocksStore::Options& local, base::WallTime now,
                                       uint64_t days_here) {
  ClickhouseServer* server = clickhouse::SharedServer();
  if (server == nullptr) return nullptr;
  TieredStore::Options options;
  options.local = local;
  options.archive = server->EndpointOf(clickhouse::NewDatabase());
  options.local_days = 1;
  options.open_days = 0;
  options.ship_every_ms = 10;
  auto opened = TieredStore::Open(options);
  EXPECT_TRUE(opened.ok()) << (opened.ok() ? "" : opened.error().message);
  if (!opened.ok()) return nullptr;
  return std::make_unique<Tiered>(std::move(*opened), now, days_here);
}

std::unique_ptr<QueryStore> MakeArchived(const RocksStore::Options& local) {
  return MakeTiered(local, After(kNoon, 100 * 24 * kHour), 0);
}

// The second day stays.
std::unique_ptr<QueryStore> MakeHalf(const RocksStore::Options& local) {
  return MakeTiered(local, After(kNoon, 39 * kHour), 1);
}

INSTANTIATE_TEST_SUITE_P(Stores, SessionQuery,
                         ::testing::Values(QueryStoreKind{"archived", 100, MakeArchived},
                                           QueryStoreKind{"half", 100, MakeHalf}),
                         [](const auto& kind) { return kind.param.name; });

}  // namespace
}  // namespace weir::control::audit

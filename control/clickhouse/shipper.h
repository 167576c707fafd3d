// Carries changed records from the embedded store's outbox into ClickHouse, and on demand those
// from before the outbox.
//
// One thread. An entry leaves the outbox when the server has said that it has the record; until
// then it is shipped again, which changes nothing there. While the server is away or refuses, the
// shipper waits longer each time, counts, and says so once.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>

#include "control/audit/rocks_spool.h"
#include "control/clickhouse/archive_book.h"
#include "control/clickhouse/backfill.h"
#include "control/clickhouse/http_connection.h"
#include "control/clickhouse/schema.h"
#include "dataplane/base/result.h"
#include "dataplane/base/time.h"

namespace weir::control::clickhouse {

struct ShipperStatus {
  uint64_t rows_shipped = 0;  // that the server said it has; since the start, as is the next
  uint64_t failures = 0;      // attempts that did not end with that
  std::optional<base::WallTime> last_success;
  std::string trouble;  // empty: none
  bool schema_refused = false;
  bool spool_over_limit = false;
};

struct MigrationStatus {
  Backfill backfill;
  double rows_per_second = 0;  // of this program's run
};

class Shipper {
 public:
  struct Options {
    Endpoint endpoint;
    uint64_t store_id = 0;
    size_t batch_entries_max = 100'000;
    int64_t every_ms = 1'000;  // a change is shipped after about this
    int64_t retry_ms_first = 500;
    int64_t retry_ms_max = 30'000;
    uint64_t spool_bytes_max = 10ULL << 30;  // of the outbox: above it alarms, and grows on
    std::function<void(std::string_view)> log;
  };

  Shipper(Options options, audit::RocksSpool& spool, const ArchiveBook& book);
  ~Shipper() { Stop(); }
  Shipper(const Shipper&) = delete;
  Shipper& operator=(const Shipper&) = delete;

  // Reads how far the migration is. Before Start().
  base::Status Load();
  // Whether the database can be used, asked now; any thread.
  SchemaCheck CheckSchema(HttpConnection& server);
  void Start();
  void Stop();  // idempotent; ends a call that is under way

  ShipperStatus status() const;

  // --- migration ---
  // Goes on where it was; `again`: from the beginning.
  base::Status BeginMigration(bool again);
  MigrationStatus migration() const;

  // True when all that was in the outbox at the call is shipped, of that day or of all days.
  bool WaitUntilShipped(std::optional<audit::DayNumber> day, int64_t timeout_ms);

 private:
  void Run();
  base::Result<bool> Round();  // true: there is more to do at once
  base::Result<uint64_t> Ship(std::span<const audit::RecordPlace> places);
  base::Result<bool> MigrateOn();
  void Succeeded(uint64_t rows);
  void Failed(const base::Error& error);
  void WatchSpool();
  void Wait(int64_t ms);
  void Log(std::string_view line) const {
    if (options_.log) options_.log(line);
  }

  const Options options_;
  audit::RocksSpool& spool_;
  const ArchiveBook& book_;
  std::atomic<bool> stop_{false};
  HttpConnection server_;  // the thread's own

  mutable std::mutex mutex_;  // guards the rest
  std::condition_variable changed_;
  ShipperStatus status_;
  std::optional<SchemaCheck> schema_;  // once it is ready
  Backfill backfill_;
  uint64_t migrated_ = 0;  // by this run
  base::MonoTime migrating_since_;
  std::thread thread_;
};

}  // namespace weir::control::clickhouse

// The audit store whose newest days are on this machine, and all of them in ClickHouse.
//
// Everything is written to the embedded store first, which alone decides what counts (the newest
// revision, the first account, each record once), and is shipped from there: Shipper. A day that
// the archive has, record for record, goes from this machine: Keeper. So ClickHouse may be away for
// as long as the disk here lasts, and neither's crash loses a record. See
// docs/decisions/0022-clickhouse-is-a-tier-behind-the-embedded-store.md.
//
// Findings, health news and log-ins are read from this machine, which keeps them as long as the
// sessions.
//
// Threads as for audit::SessionStore; two of its own.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "control/audit/rocks_store.h"
#include "control/audit/session_store.h"
#include "control/clickhouse/archive_book.h"
#include "control/clickhouse/archive_reader.h"
#include "control/clickhouse/http_connection.h"
#include "control/clickhouse/keeper.h"
#include "control/clickhouse/shipper.h"
#include "dataplane/base/result.h"

namespace weir::control::clickhouse {

// The first line of a file that only its owner and group may read.
base::Result<std::string> LoadPassword(const std::filesystem::path& file);

// For a store that goes on without its archive: what it writes from now on is noted nowhere, and
// must be migrated should it have an archive again. How many days only the archive has.
base::Result<uint64_t> LeaveArchive(audit::RocksStore& local);

class TieredStore : public audit::SessionStore {
 public:
  struct Options {
    audit::RocksStore::Options local;  // `outbox` is set here
    Endpoint archive;
    uint32_t local_days = 2;  // 1 at least: whole days behind the present one
    uint32_t open_days = 7;   // more, for a day with a session that is still open
    int64_t ship_every_ms = 1'000;
    size_t ship_entries_max = 100'000;
    uint64_t spool_bytes_max = 10ULL << 30;
    std::function<void(std::string_view)> log;
  };

  // Opens although ClickHouse is away, and says so in the log. Refuses a database of a newer
  // version, or of another store.
  static base::Result<std::unique_ptr<TieredStore>> Open(Options options);
  ~TieredStore() override;

  base::Status Commit(const audit::Batch& batch) override;
  base::Result<std::string> Position() override;
  base::Status CloseLost(uint64_t boot_id) override;
  base::Result<std::string> LoginPosition() override;
  base::Result<std::optional<uint64_t>> BootId() override;
  base::Status Recover() override;
  base::Result<audit::RetentionPlan> PlanRetention(const audit::RetentionLimits& limits) override;
  // A day of the archive is answered no more; it goes there as soon as it can be asked.
  base::Result<audit::RetentionResult> EnforceRetention(const audit::RetentionPlan& plan) override;

  base::Result<audit::SealState> Sealed() override;
  base::Status MarkSealed(base::WallTime until) override;
  base::Status SessionsAsSealed(base::WallTime from, base::WallTime to,
                                const audit::SessionVisitor& visit) override;
  base::Result<std::vector<audit::LateHour>> LateHours() override;
  base::Result<audit::LateCount> CountLate(const audit::TimeSpan& span) override;
  base::Status NoteSeal(const audit::SealHead& head,
                        std::optional<audit::TimeSpan> amended) override;
  base::Status Amend(const audit::TimeSpan& span,
                     const std::function<base::Result<audit::SealHead>()>& write) override;

  base::Result<audit::QueryResult> Sessions(const audit::Query& query,
                                            const audit::SessionVisitor& visit) override;
  base::Status Findings(uint64_t after, const audit::FindingVisitor& visit) override;
  base::Status Health(uint64_t after, const audit::HealthVisitor& visit) override;
  base::Status Logins(uint64_t after, const audit::LoginVisitor& visit) override;
  base::Result<uint64_t> NewestHealth() override;
  base::Result<audit::StoreStats> Stats() override;
  base::Result<std::vector<audit::IndexFault>> CheckIndex(
      const audit::TimeSpan& span, const std::function<bool()>& keep_on) override;
  base::Status Checkpoint(const std::filesystem::path& into) override {
    return local_->Checkpoint(into);
  }

  // Ships all that was written before there was an archive; goes on where it was cut short.
  base::Status BeginMigration(bool again) { return shipper_->BeginMigration(again); }
  MigrationStatus migration() const { return shipper_->migration(); }
  ShipperStatus shipping() const { return shipper_->status(); }

  // Lets old days go from here, and what retention has taken from the archive, on the caller's
  // thread.
  base::Status MoveOldDays(base::WallTime now) { return keeper_->Work(now); }
  bool WaitUntilShipped(int64_t timeout_ms) {
    return shipper_->WaitUntilShipped(std::nullopt, timeout_ms);
  }

 private:
  // Days in a row that are answered by the same tier.
  struct Step {
    bool archived = false;
    std::vector<std::pair<audit::DayNumber, ArchivedDay>> days;  // in the order of time
  };

  explicit TieredStore(Options options);

  base::Status Begin();
  base::Result<uint64_t> StoreId();
  std::vector<Step> Plan(bool newest_first) const;
  base::Result<audit::QueryResult> ReadLocal(audit::DayNumber day, const audit::Query& query,
                                             const audit::SessionVisitor& visit);
  base::Result<audit::QueryResult> ReadArchive(const Step& step, const audit::Query& query,
                                               const audit::SessionVisitor& visit);
  base::Status Settle(std::vector<DaySpan>& spans);
  base::Error OutOfReach(bool by_start, const base::Error& cause) const;

  const Options options_;
  std::unique_ptr<audit::RocksStore> local_;
  ArchiveBook book_;
  std::atomic<bool> stop_{false};
  std::unique_ptr<Shipper> shipper_;
  std::unique_ptr<Keeper> keeper_;
};

}  // namespace weir::control::clickhouse

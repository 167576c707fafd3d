// The embedded audit store, on RocksDB. The layout is docs/formats/session_store.md.
//
// Writers wait for each other, any number read meanwhile. One process owns the directory. Recover()
// may close and open the database under the readers: their queries then fail with a sentence that
// says so.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "control/audit/day_packer.h"
#include "control/audit/index_check.h"
#include "control/audit/rocks_spool.h"
#include "control/audit/session_store.h"
#include "dataplane/base/result.h"

namespace weir::control::audit {

class RocksStore : public SessionStore {
 public:
  struct Options {
    std::filesystem::path dir;  // made when missing
    std::string sensor;         // goes into every record written
    bool sync = true;           // a committed batch survives the machine, not only the process
    uint64_t memtable_bytes = 64ULL << 20;
    uint64_t cache_bytes = 128ULL << 20;
    uint64_t open_sessions_cached_max = 1'000'000;
    // From a backup, and when: numbers of before are not given twice.
    std::optional<base::WallTime> restored{};
    bool outbox = false;                      // notes every change for an archive: see spool()
    bool pack_days = false;                   // that are over, on a thread of its own
    size_t index_tail_entries_max = 1 << 20;  // index entries in memory before they are moved
  };

  static base::Result<std::unique_ptr<RocksStore>> Open(Options options);
  ~RocksStore() override;

  base::Status Commit(const Batch& batch) override;
  base::Result<std::string> Position() override;
  base::Status CloseLost(uint64_t boot_id) override;
  base::Result<std::string> LoginPosition() override;
  base::Result<std::optional<uint64_t>> BootId() override;
  base::Status Recover() override;
  base::Result<RetentionPlan> PlanRetention(const RetentionLimits& limits) override;
  base::Result<RetentionResult> EnforceRetention(const RetentionPlan& plan) override;

  base::Result<SealState> Sealed() override;
  base::Status MarkSealed(base::WallTime until) override;
  base::Status SessionsAsSealed(base::WallTime from, base::WallTime to,
                                const SessionVisitor& visit) override;
  base::Result<std::vector<LateHour>> LateHours() override;
  base::Result<LateCount> CountLate(const TimeSpan& span) override;
  base::Status NoteSeal(const SealHead& head, std::optional<TimeSpan> amended) override;
  base::Status Amend(const TimeSpan& span,
                     const std::function<base::Result<SealHead>()>& write) override;

  base::Result<QueryResult> Sessions(const Query& query, const SessionVisitor& visit) override;
  base::Status Findings(uint64_t after, const FindingVisitor& visit) override;
  base::Status Health(uint64_t after, const HealthVisitor& visit) override;
  base::Status Logins(uint64_t after, const LoginVisitor& visit) override;
  base::Result<uint64_t> NewestHealth() override;
  base::Result<StoreStats> Stats() override;
  base::Result<std::vector<IndexFault>> CheckIndex(const TimeSpan& span,
                                                   const std::function<bool()>& keep_on) override;
  base::Status Checkpoint(const std::filesystem::path& into) override;

  // Sorts through and compresses the days before `day` that have grown by an eighth or more since
  // that was done: at some million records a minute, beside all others. How many days it were.
  base::Result<size_t> PackDaysBefore(DayNumber day);
  // Ends the call above, and any later one at its beginning.
  void CancelPacking();

  // Hands out the sessions of the span, which is sealed, as they were then; `read` offers them as
  // they are, in order, wherever they lie: those of days that an archive has, `archived`, from
  // there.
  base::Status AsSealedOver(const TimeSpan& span, const std::function<bool(DayNumber)>& archived,
                            const std::function<base::Status(const SessionVisitor&)>& read,
                            const SessionVisitor& visit);

  // Of the sessions that began on that day (UTC) only.
  base::Result<QueryResult> SessionsOfDay(DayNumber day, const Query& query,
                                          const SessionVisitor& visit);

  // With Options::outbox only.
  RocksSpool& spool();

  // Compares every record with every index entry, and holds a day's in memory: for tests, which
  // CheckIndex() must not disappoint. Not while the store is written.
  base::Result<IndexCheck> CheckIndexes();

 private:
  class Impl;
  explicit RocksStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
  std::unique_ptr<DayPacker> packer_;  // goes first
};

}  // namespace weir::control::audit

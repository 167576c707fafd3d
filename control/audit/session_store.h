// The audit store: session, login, finding and health records, each exactly once.
//
// One thread writes (the ingest); any number of threads read at the same time. Implementations:
// RocksStore (embedded).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/audit/query.h"
#include "control/audit/record.h"
#include "dataplane/base/result.h"
#include "dataplane/base/time.h"

namespace weir::control::audit {

// Each class is kept for a time of its own, never less than half a year.
enum class RecordClass : uint8_t { kSession, kLogin, kFinding, kHealth };
inline constexpr size_t kRecordClasses = 4;
std::string_view RecordClassName(RecordClass record_class);  // "session" "login" "finding" "health"

inline constexpr uint32_t kRetentionDaysMin = 180;

// What one commit writes, whole or not at all. Order within a batch does not matter, save that of
// two snapshots with the same revision the first counts.
struct Batch {
  struct Session {
    events::SessionEvent event;
    Identity identity;
  };
  struct Finding {
    events::FindingEvent event;
    Identity identity;
  };
  std::vector<Session> sessions;
  std::vector<Finding> findings;
  std::vector<events::HealthEvent> health;
  std::vector<LoginRecord> logins;
  // How far the source is read with this batch: bytes that mean something to the caller only.
  std::string position;

  bool empty() const {
    return sessions.empty() && findings.empty() && health.empty() && logins.empty();
  }
  void Clear();  // keeps the memory
};

struct ClassStats {
  uint64_t records = 0;
  std::optional<base::WallTime> oldest;
};

// Of a store whose older days are in an archive on other machines.
struct ArchiveStats {
  uint64_t outbox_rows = 0;   // changes that are not there yet
  uint64_t outbox_bytes = 0;  // of this list on disk, about
  bool outbox_over_limit = false;
  uint64_t rows_shipped = 0;  // since the program's start, as is the next
  uint64_t failures = 0;      // attempts to ship
  std::optional<base::WallTime> last_success;
  std::string trouble;          // why nothing is shipped now; empty: it is
  uint64_t days = 0;            // that only the archive has
  uint64_t days_differing = 0;  // that stay here because the archive has them otherwise
  std::string migration;        // of records from before: "needed" "running" "done"
};

struct StoreStats {
  std::array<ClassStats, kRecordClasses> classes;  // index: RecordClass
  uint64_t open_sessions = 0;
  uint64_t bytes_on_disk = 0;
  uint64_t days = 0;               // with session records
  uint64_t days_dropped = 0;       // by retention, since the store was made
  uint64_t records_dropped = 0;    // with them, of all classes
  uint64_t snapshots_written = 0;  // of sessions, since the program's start, as are those below
  uint64_t snapshots_stale = 0;    // older than what the store had
  uint64_t sessions_closed_lost = 0;
  std::optional<ArchiveStats> archive;  // none: all is here
};

struct RetentionResult {
  std::vector<std::string> days_dropped;  // "2026-05-26"
  uint64_t records_dropped = 0;
};

// Return false to stop. Runs on the caller's thread, and must not write to the store.
using SessionVisitor = std::function<bool(const SessionRecord&)>;
using FindingVisitor = std::function<bool(const SequencedFinding&)>;
using HealthVisitor = std::function<bool(const SequencedHealth&)>;
using LoginVisitor = std::function<bool(const LoginRecord&)>;

class SessionStore {
 public:
  virtual ~SessionStore() = default;

  // --- the writer ---

  // Writes all of the batch and its position, or fails and has written nothing of it. A session
  // part is kept in its newest revision; its account is the first that was known.
  virtual base::Status Commit(const Batch& batch) = 0;

  // The position of the last batch that was committed with one; empty when there was none.
  virtual base::Result<std::string> Position() = 0;

  // The data plane has begun anew as `boot_id`: sessions that are open from before are closed as
  // lost, their end being the last time they were seen. Nothing happens when that start is known
  // already. Called before the first batch of the new start; again after a failure.
  virtual base::Status CloseLost(uint64_t boot_id) = 0;

  // The boot_id of the last CloseLost(); empty when there was none.
  virtual base::Result<std::optional<uint64_t>> BootId() = 0;

  // Makes a store that has failed to write usable again, where the cause is gone.
  virtual base::Status Recover() = 0;

  // Drops what is older than the retention allows; at most one day of sessions a call, so that a
  // clock gone astray shows in the log before it costs the record. Call it once an hour.
  virtual base::Result<RetentionResult> EnforceRetention(base::WallTime now) = 0;

  // --- readers ---

  virtual base::Result<QueryResult> Sessions(const Query& query, const SessionVisitor& visit) = 0;

  // Those with a number above `after`, in order of their numbers.
  virtual base::Status Findings(uint64_t after, const FindingVisitor& visit) = 0;
  virtual base::Status Health(uint64_t after, const HealthVisitor& visit) = 0;
  // Of log-ins in [from, to), in order of time.
  virtual base::Status Logins(base::WallTime from, base::WallTime to,
                              const LoginVisitor& visit) = 0;

  virtual base::Result<StoreStats> Stats() = 0;
};

}  // namespace weir::control::audit

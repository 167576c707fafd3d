// The audit store: session, login, finding and health records, each exactly once.
//
// Calls that write wait for each other; any number of threads read at the same time.
// Implementations: RocksStore (embedded).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
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
  std::string login_position;  // the same for the source of log-ins, which goes its own pace

  bool empty() const {
    return sessions.empty() && findings.empty() && health.empty() && logins.empty();
  }
  void Clear();  // keeps the memory
};

// The newest seal (control/sealing), which the store has before anybody else. Number 0: there is
// none.
struct SealHead {
  uint64_t number = 0;
  std::string digest;  // hex
  std::string text;

  bool operator==(const SealHead&) const = default;
};

// How far the store is sealed.
struct SealState {
  std::optional<base::WallTime> until;  // sessions that began before; empty: nothing is sealed yet
  SealHead head;
};

// Sessions of a sealed hour that came or changed after it was sealed.
struct LateHour {
  base::WallTime hour;
  uint64_t records = 0;
};

struct LateCount {
  uint64_t records = 0;
  uint64_t added = 0;  // of these: that were not there when it was sealed

  bool operator==(const LateCount&) const = default;
};

struct TimeSpan {  // [from, to)
  base::WallTime from;
  base::WallTime to;

  bool operator==(const TimeSpan&) const = default;
};

// What may be dropped.
struct RetentionLimits {
  std::array<base::WallTime, kRecordClasses> before{};  // older goes; index: RecordClass
  std::vector<TimeSpan> holds;                          // what is in one of them stays
  // Numbers at which numbered records are sealed together, in order: they go together as well. None
  // for a class: each may go. Views.
  std::array<std::span<const uint64_t>, kRecordClasses> ends{};

  bool Hold(const TimeSpan& span) const {
    return std::any_of(holds.begin(), holds.end(), [&](const TimeSpan& hold) {
      return hold.from < span.to && span.from < hold.to;
    });
  }
};

// What is to be dropped: sessions by whole days (UTC), one at a time, so that a clock gone astray
// shows in the log before it costs the record; of the numbered records those up to a number, so
// that what is left has no gaps. 0: none.
struct RetentionPlan {
  std::optional<int32_t> day;  // since 1970
  uint64_t findings_upto = 0;
  uint64_t health_upto = 0;
  uint64_t logins_upto = 0;

  bool empty() const { return !day && findings_upto == 0 && health_upto == 0 && logins_upto == 0; }
  bool operator==(const RetentionPlan&) const = default;
};

// Days that each class is kept; index: RecordClass.
using RetentionDays = std::array<uint32_t, kRecordClasses>;

// Fails when a class is to be kept for less than kRetentionDaysMin.
base::Result<RetentionLimits> RetentionLimitsAt(base::WallTime now, const RetentionDays& days);

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

// What keeps look-ups from finding sessions of an hour.
struct IndexFault {
  base::WallTime hour;
  std::string what;

  bool operator==(const IndexFault&) const = default;
};

// What some days take on this machine's disk.
struct DayBytes {
  uint64_t days = 0;
  uint64_t bytes = 0;
};

struct StoreStats {
  std::array<ClassStats, kRecordClasses> classes;  // index: RecordClass
  uint64_t open_sessions = 0;
  uint64_t bytes_on_disk = 0;
  uint64_t table_bytes = 0;        // of these, without logs and other files that come and go
  DayBytes whole_days;             // some that are over and packed: see disk_forecast.h
  uint64_t days = 0;               // with session records
  uint64_t days_packed = 0;        // of these, since they are over: small, and sorted through
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
using LoginVisitor = std::function<bool(const SequencedLogin&)>;

class SessionStore {
 public:
  virtual ~SessionStore() = default;

  // --- writers ---

  // Writes all of the batch and its position, or fails and has written nothing of it. A session
  // part is kept in its newest revision; its account is the first that was known.
  virtual base::Status Commit(const Batch& batch) = 0;

  // The position of the last batch that was committed with one; empty when there was none.
  virtual base::Result<std::string> Position() = 0;

  // The data plane has begun anew as `boot_id`: sessions that are open from before are closed as
  // lost, their end being the last time they were seen. Nothing happens when that start is known
  // already. Called before the first batch of the new start; again after a failure.
  virtual base::Status CloseLost(uint64_t boot_id) = 0;

  // The login_position of the last batch that was committed with one; empty when there was none.
  virtual base::Result<std::string> LoginPosition() = 0;

  // The boot_id of the last CloseLost(); empty when there was none.
  virtual base::Result<std::optional<uint64_t>> BootId() = 0;

  // Makes a store that has failed to write usable again, where the cause is gone.
  virtual base::Status Recover() = 0;

  // What the limits allow to drop. Numbered records a bounded number a call, or what was sealed
  // together.
  virtual base::Result<RetentionPlan> PlanRetention(const RetentionLimits& limits) = 0;
  virtual base::Result<RetentionResult> EnforceRetention(const RetentionPlan& plan) = 0;

  // --- sealing; any thread, one at a time ---

  virtual base::Result<SealState> Sealed() = 0;
  // From now on, sessions that began before `until` are sealed as they are: how each was is kept
  // when it changes. Never goes back.
  virtual base::Status MarkSealed(base::WallTime until) = 0;
  // Sessions that began in [from, to), which are sealed, as they were when they were sealed; in
  // order. Fails on one that cannot have become what it is since then.
  virtual base::Status SessionsAsSealed(base::WallTime from, base::WallTime to,
                                        const SessionVisitor& visit) = 0;
  virtual base::Result<std::vector<LateHour>> LateHours() = 0;
  virtual base::Result<LateCount> CountLate(const TimeSpan& span) = 0;
  // There is a new seal. What was late in `amended`, if given, is sealed with it.
  virtual base::Status NoteSeal(const SealHead& head, std::optional<TimeSpan> amended) = 0;
  // Calls `write`, while nothing is committed, and notes the seal that it returns: it has what was
  // late in `span`.
  virtual base::Status Amend(const TimeSpan& span,
                             const std::function<base::Result<SealHead>()>& write) = 0;

  // --- readers ---

  virtual base::Result<QueryResult> Sessions(const Query& query, const SessionVisitor& visit) = 0;

  // Those with a number above `after`, in order of their numbers.
  virtual base::Status Findings(uint64_t after, const FindingVisitor& visit) = 0;
  virtual base::Status Health(uint64_t after, const HealthVisitor& visit) = 0;
  virtual base::Status Logins(uint64_t after, const LoginVisitor& visit) = 0;
  // The number of the health record that was written last, whether it is still there or not.
  virtual base::Result<uint64_t> NewestHealth() = 0;

  virtual base::Result<StoreStats> Stats() = 0;

  // Reads the sessions of the span's hours that are on this machine past the index to them, and
  // says where look-ups would not find them all. `keep_on` is asked now and then; false ends it
  // with an error.
  virtual base::Result<std::vector<IndexFault>> CheckIndex(
      const TimeSpan& span, const std::function<bool()>& keep_on) = 0;

  // Makes the folder `into` with what of the record is on this machine now, openable by itself. On
  // the same disk its files are hard links. Who writes waits, for as long as what is in memory
  // takes to write.
  virtual base::Status Checkpoint(const std::filesystem::path& into) = 0;
};

}  // namespace weir::control::audit

#include "control/audit/rocks_store.h"

#include <fmt/format.h>

#include <atomic>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <utility>

#include "control/audit/bytes.h"
#include "control/audit/index_check.h"
#include "control/audit/rocks_db.h"
#include "control/audit/rocks_writer.h"
#include "control/audit/session_reader.h"

namespace weir::control::audit {
namespace {

const base::Error kNotOpen{"the session store could not be opened again after a failure"};

}  // namespace

std::string_view RecordClassName(RecordClass record_class) {
  switch (record_class) {
    case RecordClass::kSession:
      return "session";
    case RecordClass::kLogin:
      return "login";
    case RecordClass::kFinding:
      return "finding";
    case RecordClass::kHealth:
      return "health";
  }
  return "";
}

void Batch::Clear() {
  sessions.clear();
  findings.clear();
  health.clear();
  logins.clear();
  position.clear();
}

// Readers share `gate`; only Recover() takes it alone, after `abandon` has asked them to leave.
class RocksStore::Impl {
 public:
  explicit Impl(const Options& options)
      : db({options.dir, options.memtable_bytes, options.cache_bytes, options.outbox}),
        writer(db, {options.dir, options.sensor, options.retention_days, options.sync,
                    options.open_sessions_cached_max, options.outbox}) {}

  base::Status Open() {
    auto status = db.Open();
    if (status.ok()) status = writer.Load();
    if (!status.ok()) db.Close();
    return status;
  }

  bool is_open() const { return db.db() != nullptr; }

  SessionReader::Source source() const { return {db, writer.state(), writer.sensors(), abandon}; }

  // Runs `read(value)` for each record of a family from `first` on, until it returns false.
  template <typename Read>
  base::Status Scan(rocksdb::ColumnFamilyHandle* family, const std::string& first,
                    const Read& read) const {
    const std::unique_ptr<rocksdb::Iterator> at(db.db()->NewIterator({}, family));
    for (at->Seek(first); at->Valid(); at->Next()) {
      if (abandon) return kNotOpen;
      const base::Result<bool> more = read(at->key().ToStringView(), at->value().ToStringView());
      if (!more.ok()) return more.error();
      if (!*more) return {};
    }
    if (at->status().ok()) return {};
    return base::Error{"session store: cannot read: " + at->status().ToString()};
  }

  RocksDb db;
  RocksWriter writer;
  std::mutex writing;  // before `gate`
  std::shared_mutex gate;
  std::atomic<bool> abandon{false};
  RocksSpool spool{{db, writer, gate, writing}};
};

RocksStore::RocksStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RocksStore::~RocksStore() = default;

base::Result<std::unique_ptr<RocksStore>> RocksStore::Open(Options options) {
  if (options.retention_days < kRetentionDaysMin) {
    return base::Error{
        fmt::format("retention_days = {}: at least {}, for the record must be kept "
                    "six months",
                    options.retention_days, kRetentionDaysMin)};
  }
  auto impl = std::make_unique<Impl>(options);
  if (auto opened = impl->Open(); !opened.ok()) return opened.error();
  return std::unique_ptr<RocksStore>(new RocksStore(std::move(impl)));
}

base::Status RocksStore::Commit(const Batch& batch) {
  const std::lock_guard writing(impl_->writing);
  return impl_->is_open() ? impl_->writer.Commit(batch) : base::Status(kNotOpen);
}

base::Result<std::string> RocksStore::Position() {
  const std::lock_guard writing(impl_->writing);
  if (!impl_->is_open()) return kNotOpen;
  return impl_->writer.state().position;
}

base::Status RocksStore::CloseLost(uint64_t boot_id) {
  const std::lock_guard writing(impl_->writing);
  return impl_->is_open() ? impl_->writer.CloseLost(boot_id) : base::Status(kNotOpen);
}

base::Result<std::optional<uint64_t>> RocksStore::BootId() {
  const std::lock_guard writing(impl_->writing);
  if (!impl_->is_open()) return kNotOpen;
  return impl_->writer.state().boot_id;
}

base::Status RocksStore::Recover() {
  const std::lock_guard writing(impl_->writing);
  // RocksDB mends what a full disk has done by itself; after other faults it must be opened anew.
  if (impl_->is_open() && impl_->db.db()->Resume().ok()) return {};
  impl_->abandon = true;
  const std::unique_lock alone(impl_->gate);
  impl_->abandon = false;
  impl_->db.Close();
  return impl_->Open();
}

base::Result<RetentionResult> RocksStore::EnforceRetention(base::WallTime now) {
  const std::lock_guard writing(impl_->writing);
  if (!impl_->is_open()) return kNotOpen;
  return impl_->writer.EnforceRetention(now);
}

base::Result<QueryResult> RocksStore::Sessions(const Query& query, const SessionVisitor& visit) {
  const std::shared_lock shared(impl_->gate);
  if (!impl_->is_open()) return kNotOpen;
  const auto source = impl_->source();
  return SessionReader(source, query, visit).Run();
}

base::Result<QueryResult> RocksStore::SessionsOfDay(DayNumber day, const Query& query,
                                                    const SessionVisitor& visit) {
  const std::shared_lock shared(impl_->gate);
  if (!impl_->is_open()) return kNotOpen;
  const auto source = impl_->source();
  return SessionReader(source, query, visit).RunDay(day);
}

RocksSpool& RocksStore::spool() { return impl_->spool; }

base::Status RocksStore::Findings(uint64_t after, const FindingVisitor& visit) {
  const std::shared_lock shared(impl_->gate);
  if (!impl_->is_open()) return kNotOpen;
  const Sensors sensors = impl_->writer.sensors();
  std::string first;
  PutBe(first, after + 1);
  return impl_->Scan(impl_->db.findings(), first,
                     [&](std::string_view key, std::string_view value) -> base::Result<bool> {
                       const auto finding =
                           DecodeFinding(base::Cursor(AsBytes(key)).U64(), value, sensors);
                       if (!finding.ok()) return finding.error();
                       return visit(*finding);
                     });
}

base::Status RocksStore::Health(uint64_t after, const HealthVisitor& visit) {
  const std::shared_lock shared(impl_->gate);
  if (!impl_->is_open()) return kNotOpen;
  const Sensors sensors = impl_->writer.sensors();
  std::string first;
  PutBe(first, after + 1);
  return impl_->Scan(impl_->db.health(), first,
                     [&](std::string_view key, std::string_view value) -> base::Result<bool> {
                       const auto health =
                           DecodeHealth(base::Cursor(AsBytes(key)).U64(), value, sensors);
                       if (!health.ok()) return health.error();
                       return visit(*health);
                     });
}

base::Status RocksStore::Logins(base::WallTime from, base::WallTime to, const LoginVisitor& visit) {
  const std::shared_lock shared(impl_->gate);
  if (!impl_->is_open()) return kNotOpen;
  std::string first;
  PutBe(first, SortableTime(from.ns));
  return impl_->Scan(impl_->db.logins(), first,
                     [&](std::string_view, std::string_view value) -> base::Result<bool> {
                       const auto login = DecodeLogin(value);
                       if (!login.ok()) return login.error();
                       return login->login_time < to && visit(*login);
                     });
}

base::Result<StoreStats> RocksStore::Stats() {
  StoreStats stats;
  const auto of = [&](RecordClass record_class) -> ClassStats& {
    return stats.classes[static_cast<size_t>(record_class)];
  };
  Query oldest;
  oldest.limit = 1;
  auto queried = Sessions(oldest, [&](const SessionRecord& record) {
    of(RecordClass::kSession).oldest = record.event.start;
    return true;
  });
  if (!queried.ok()) return queried.error();
  auto read = Findings(0, [&](const SequencedFinding& finding) {
    of(RecordClass::kFinding).oldest = finding.event.time;
    return false;
  });
  if (!read.ok()) return read.error();
  read = Health(0, [&](const SequencedHealth& health) {
    of(RecordClass::kHealth).oldest = health.event.time;
    return false;
  });
  if (!read.ok()) return read.error();
  constexpr base::WallTime kBegin{INT64_MIN};
  constexpr base::WallTime kEnd{INT64_MAX};
  read = Logins(kBegin, kEnd, [&](const LoginRecord& login) {
    of(RecordClass::kLogin).oldest = login.login_time;
    return false;
  });
  if (!read.ok()) return read.error();

  const std::shared_lock shared(impl_->gate);
  const StoreState state = impl_->writer.state();
  const WriterCounters counters = impl_->writer.counters();
  for (const auto& [number, day] : state.days) of(RecordClass::kSession).records += day.records;
  of(RecordClass::kLogin).records = state.logins;
  of(RecordClass::kFinding).records = state.findings;
  of(RecordClass::kHealth).records = state.health;
  stats.open_sessions = state.open_sessions;
  stats.bytes_on_disk = impl_->db.BytesOnDisk();
  stats.days = state.days.size();
  stats.days_dropped = state.days_dropped;
  stats.records_dropped = state.records_dropped;
  stats.snapshots_written = counters.snapshots_written;
  stats.snapshots_stale = counters.snapshots_stale;
  stats.sessions_closed_lost = counters.sessions_closed_lost;
  return stats;
}

base::Result<IndexCheck> RocksStore::CheckIndexes() {
  const std::shared_lock shared(impl_->gate);
  if (!impl_->is_open()) return kNotOpen;
  return CheckIndexEntries(impl_->db, impl_->writer.sensors());
}

}  // namespace weir::control::audit

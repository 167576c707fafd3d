#include "control/audit/rocks_store.h"

#include <fmt/format.h>
#include <rocksdb/snapshot.h>
#include <rocksdb/utilities/checkpoint.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <utility>

#include "control/audit/bytes.h"
#include "control/audit/day_index_check.h"
#include "control/audit/index_check.h"
#include "control/audit/late_records.h"
#include "control/audit/rocks_db.h"
#include "control/audit/rocks_writer.h"
#include "control/audit/session_reader.h"

namespace weir::control::audit {
namespace {

const base::Error kNotOpen{"the session store could not be opened again after a failure"};

const base::Error kFailed{"the session store takes nothing until it is opened again"};

// The hours of the day that have a moment of the span.
DayIndexCheck::Hours HoursWithin(DayNumber number, const TimeSpan& span) {
  const auto hours = [&](base::WallTime time, bool up) -> uint32_t {
    if (DayOf(time) < number) return 0;
    if (DayOf(time) > number) return DayIndexCheck::kHours;
    const auto offset_ns =
        static_cast<uint64_t>(time.ns) - static_cast<uint64_t>(DayStart(number).ns);
    return static_cast<uint32_t>((offset_ns + (up ? kHourNs - 1 : 0)) / kHourNs);
  };
  return {hours(span.from, false), hours(span.to, true)};
}

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
  login_position.clear();
}

// Who writes holds `writing`. Readers share `gate`; only Recover() takes it alone, after `abandon`
// has asked them to leave. Whoever takes both takes `writing` first.
class RocksStore::Impl {
 public:
  explicit Impl(const Options& options)
      : db({options.dir, options.memtable_bytes, options.cache_bytes, options.outbox}),
        writer(db, {options.dir, options.sensor, options.sync, options.open_sessions_cached_max,
                    options.outbox, options.index_tail_entries_max, options.restored}) {}

  base::Status Open() {
    auto status = db.Open();
    if (status.ok()) status = writer.Load();
    if (!status.ok()) db.Close();
    return status;
  }

  bool is_open() const { return db.db() != nullptr; }

  // Runs `write(writer)`. Once one has failed, there is no other until Recover(): what it has half
  // done would be underneath.
  template <typename Work>
  std::invoke_result_t<Work, RocksWriter&> Write(const Work& work) {
    const std::lock_guard lock(writing);
    if (!is_open()) return kNotOpen;
    if (failed) return kFailed;
    auto outcome = work(writer);
    if (!outcome.ok()) failed = true;
    return outcome;
  }

  SessionReader::Source source() const {
    return {db, writer.index_tail(), writer.state(), writer.sensors(), abandon};
  }

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

  base::Result<std::vector<DayNumber>> DayNumbers() {
    const std::shared_lock shared(gate);
    if (!is_open()) return kNotOpen;
    std::vector<DayNumber> numbers;
    for (const auto& day : db.Days()) numbers.push_back(day->number);
    return numbers;
  }

  // Nothing is committed while the moment is taken to which records, index and tail are read.
  base::Status CheckDay(DayNumber number, DayIndexCheck::Hours hours,
                        const std::function<bool()>& keep_on, std::vector<IndexFault>& faults) {
    std::unique_lock lock(writing);
    const std::shared_lock shared(gate);
    if (!is_open()) return kNotOpen;
    auto day = db.FindDay(number);
    if (!day) return {};  // retention was faster
    rocksdb::ManagedSnapshot snapshot(db.db());
    const StoreState state = writer.state();
    const auto known = state.days.find(number);
    DayIndexCheck check({db, std::move(day), snapshot.snapshot(), writer.index_tail().Of(number),
                         known == state.days.end() ? std::nullopt : std::optional(known->second),
                         writer.sensors(), abandon, keep_on},
                        hours);
    lock.unlock();
    return check.Run(faults);
  }

  RocksDb db;
  RocksWriter writer;
  std::mutex writing;
  bool failed = false;  // a write, since the database was opened; guarded by writing
  std::shared_mutex gate;
  std::atomic<bool> abandon{false};
  std::atomic<bool> cancel_packing{false};  // changed under packing
  std::mutex packing;
  bool packing_ends = false;  // for good
  RocksSpool spool{{db, writer, gate, writing}};
};

RocksStore::RocksStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RocksStore::~RocksStore() = default;

base::Result<std::unique_ptr<RocksStore>> RocksStore::Open(Options options) {
  auto impl = std::make_unique<Impl>(options);
  if (auto opened = impl->Open(); !opened.ok()) return opened.error();
  std::unique_ptr<RocksStore> store(new RocksStore(std::move(impl)));
  if (options.pack_days) {
    store->packer_ = std::make_unique<DayPacker>(*store);
    store->packer_->Start();
  }
  return store;
}

base::Status RocksStore::Commit(const Batch& batch) {
  return impl_->Write([&](RocksWriter& writer) { return writer.Commit(batch); });
}

base::Result<std::string> RocksStore::Position() {
  const std::lock_guard lock(impl_->writing);
  if (!impl_->is_open()) return kNotOpen;
  return impl_->writer.state().position;
}

base::Result<std::string> RocksStore::LoginPosition() {
  const std::lock_guard lock(impl_->writing);
  if (!impl_->is_open()) return kNotOpen;
  return impl_->writer.state().login_position;
}

base::Status RocksStore::CloseLost(uint64_t boot_id) {
  return impl_->Write([&](RocksWriter& writer) { return writer.CloseLost(boot_id); });
}

base::Result<std::optional<uint64_t>> RocksStore::BootId() {
  const std::lock_guard lock(impl_->writing);
  if (!impl_->is_open()) return kNotOpen;
  return impl_->writer.state().boot_id;
}

base::Status RocksStore::Recover() {
  const std::lock_guard lock(impl_->writing);
  if (impl_->is_open()) {
    if (!impl_->failed) return {};
    // Readers keep what there is until it is worth while.
    if (auto writable = impl_->db.TryDisk(); !writable.ok()) return writable;
  }
  // Not RocksDB's own Resume(): that leaves what a failed write has half done, in the log or in the
  // list of column families, and nobody could say then whether it counts. After an opening what is
  // on the disk counts, and nothing else.
  impl_->abandon = true;
  {
    const std::lock_guard packing(impl_->packing);
    impl_->cancel_packing = true;
  }
  const std::unique_lock alone(impl_->gate);
  {
    const std::lock_guard packing(impl_->packing);
    impl_->cancel_packing = impl_->packing_ends;
  }
  impl_->abandon = false;
  impl_->failed = false;
  impl_->db.Close();
  return impl_->Open();
}

base::Result<RetentionPlan> RocksStore::PlanRetention(const RetentionLimits& limits) {
  const std::shared_lock shared(impl_->gate);
  if (!impl_->is_open()) return kNotOpen;
  return impl_->writer.PlanRetention(limits);
}

base::Result<RetentionResult> RocksStore::EnforceRetention(const RetentionPlan& plan) {
  return impl_->Write([&](RocksWriter& writer) { return writer.EnforceRetention(plan); });
}

base::Result<SealState> RocksStore::Sealed() {
  const std::shared_lock shared(impl_->gate);
  if (!impl_->is_open()) return kNotOpen;
  return impl_->writer.state().sealed;
}

base::Status RocksStore::MarkSealed(base::WallTime until) {
  return impl_->Write([&](RocksWriter& writer) { return writer.MarkSealed(until); });
}

base::Status RocksStore::SessionsAsSealed(base::WallTime from, base::WallTime to,
                                          const SessionVisitor& visit) {
  Query query;
  query.from = from;
  query.to = to;
  query.by_start = true;
  return AsSealedOver(
      {from, to}, [](DayNumber) { return false; },
      [&](const SessionVisitor& offer) -> base::Status {
        const auto read = Sessions(query, offer);
        return read.ok() ? base::Status() : base::Status(read.error());
      },
      visit);
}

base::Status RocksStore::AsSealedOver(
    const TimeSpan& span, const std::function<bool(DayNumber)>& archived,
    const std::function<base::Status(const SessionVisitor&)>& read, const SessionVisitor& visit) {
  // What is late is read once the sessions are being read, and copied: `gate` is not held while
  // somebody else reads.
  std::optional<AsSealed> as_sealed;
  const auto note = [this](const SessionOrder& order) -> base::Result<std::string> {
    const std::shared_lock shared(impl_->gate);
    if (!impl_->is_open()) return kNotOpen;
    return ReadNote(impl_->db, order);
  };
  const auto begin = [&]() -> base::Status {
    if (as_sealed) return {};
    const std::shared_lock shared(impl_->gate);
    if (!impl_->is_open()) return kNotOpen;
    auto late = ReadLate(impl_->db, span);
    if (!late.ok()) return late.error();
    as_sealed.emplace(std::move(*late), impl_->writer.sensors(), AsSealed::Archive{archived, note},
                      visit);
    return {};
  };
  base::Status begun;
  const SessionVisitor offer = [&](const SessionRecord& record) {
    begun = begin();
    return begun.ok() && as_sealed->Offer(record);
  };
  if (auto done = read(offer); !done.ok()) return done;
  if (!begun.ok()) return begun;
  if (begun = begin(); !begun.ok()) return begun;
  return as_sealed->Finish();
}

base::Result<std::vector<LateHour>> RocksStore::LateHours() {
  const std::shared_lock shared(impl_->gate);
  if (!impl_->is_open()) return kNotOpen;
  return ListLateHours(impl_->db);
}

base::Result<LateCount> RocksStore::CountLate(const TimeSpan& span) {
  const std::shared_lock shared(impl_->gate);
  if (!impl_->is_open()) return kNotOpen;
  return CountLateIn(impl_->db, span);
}

base::Status RocksStore::NoteSeal(const SealHead& head, std::optional<TimeSpan> amended) {
  return impl_->Write([&](RocksWriter& writer) { return writer.NoteSeal(head, amended); });
}

base::Status RocksStore::Amend(const TimeSpan& span,
                               const std::function<base::Result<SealHead>()>& write) {
  const std::lock_guard lock(impl_->writing);
  if (!impl_->is_open()) return kNotOpen;
  if (impl_->failed) return kFailed;
  const auto head = write();
  if (!head.ok()) return head.error();  // nothing of the store was touched
  auto noted = impl_->writer.NoteSeal(*head, span);
  impl_->failed = !noted.ok();
  return noted;
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

base::Status RocksStore::Logins(uint64_t after, const LoginVisitor& visit) {
  const std::shared_lock shared(impl_->gate);
  if (!impl_->is_open()) return kNotOpen;
  std::string first;
  PutBe(first, after + 1);
  return impl_->Scan(impl_->db.logins(), first,
                     [&](std::string_view key, std::string_view value) -> base::Result<bool> {
                       const auto login = DecodeLogin(value);
                       if (!login.ok()) return login.error();
                       return visit({base::Cursor(AsBytes(key)).U64(), *login});
                     });
}

base::Result<uint64_t> RocksStore::NewestHealth() {
  const std::shared_lock shared(impl_->gate);
  if (!impl_->is_open()) return kNotOpen;
  return impl_->writer.state().health_seq;
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
  read = Logins(0, [&](const SequencedLogin& login) {
    of(RecordClass::kLogin).oldest = login.login.login_time;
    return false;
  });
  if (!read.ok()) return read.error();

  const std::shared_lock shared(impl_->gate);
  const StoreState state = impl_->writer.state();
  const WriterCounters counters = impl_->writer.counters();
  for (const auto& [number, day] : state.days) {
    of(RecordClass::kSession).records += day.records;
    if (day.records_packed > 0) stats.days_packed++;
  }
  of(RecordClass::kLogin).records = state.logins;
  of(RecordClass::kFinding).records = state.findings;
  of(RecordClass::kHealth).records = state.health;
  stats.open_sessions = state.open_sessions;
  const auto [all_bytes, table_bytes] = impl_->db.BytesOnDisk();
  stats.bytes_on_disk = all_bytes;
  stats.table_bytes = table_bytes;
  stats.whole_days = MeasureDays(impl_->db, state);
  stats.days = state.days.size();
  stats.days_dropped = state.days_dropped;
  stats.records_dropped = state.records_dropped;
  stats.snapshots_written = counters.snapshots_written;
  stats.snapshots_stale = counters.snapshots_stale;
  stats.sessions_closed_lost = counters.sessions_closed_lost;
  return stats;
}

base::Status RocksStore::Checkpoint(const std::filesystem::path& into) {
  const std::lock_guard lock(impl_->writing);
  if (!impl_->is_open()) return kNotOpen;
  rocksdb::Checkpoint* made = nullptr;
  auto status = rocksdb::Checkpoint::Create(impl_->db.db(), &made);
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  if (status.ok()) status = checkpoint->CreateCheckpoint(into.string());
  if (status.ok()) return {};
  return StoreError(into, "cannot be made as a copy of the store", status);
}

base::Result<size_t> RocksStore::PackDaysBefore(DayNumber day) {
  size_t packed = 0;
  while (!impl_->cancel_packing) {
    DayNumber number = 0;
    uint64_t records = 0;
    {
      const std::shared_lock shared(impl_->gate);
      if (!impl_->is_open()) return kNotOpen;
      const StoreState state = impl_->writer.state();
      const auto grown = std::find_if(state.days.begin(), state.days.end(), [&](const auto& of) {
        constexpr uint64_t kPart = 8;
        const uint64_t done = of.second.records_packed;
        return of.first < day && of.second.records > done + done / kPart;
      });
      if (grown == state.days.end()) return packed;
      number = grown->first;
      records = grown->second.records;
      const auto found = impl_->db.FindDay(number);
      if (!found) return packed;
      if (auto done = impl_->db.PackDay(*found, impl_->cancel_packing); !done.ok()) {
        return done.error();
      }
    }
    const auto marked =
        impl_->Write([&](RocksWriter& writer) { return writer.MarkPacked(number, records); });
    if (!marked.ok()) return marked.error();
    packed++;
  }
  return packed;
}

void RocksStore::CancelPacking() {
  const std::lock_guard packing(impl_->packing);
  impl_->packing_ends = true;
  impl_->cancel_packing = true;
}

base::Result<std::vector<IndexFault>> RocksStore::CheckIndex(const TimeSpan& span,
                                                             const std::function<bool()>& keep_on) {
  const auto days = impl_->DayNumbers();
  if (!days.ok()) return days.error();
  std::vector<IndexFault> faults;
  for (const DayNumber number : *days) {
    const auto hours = HoursWithin(number, span);
    if (hours.from >= hours.to) continue;
    if (auto checked = impl_->CheckDay(number, hours, keep_on, faults); !checked.ok()) {
      return checked.error();
    }
  }
  return faults;
}

base::Result<IndexCheck> RocksStore::CheckIndexes() {
  const std::shared_lock shared(impl_->gate);
  if (!impl_->is_open()) return kNotOpen;
  return CheckIndexEntries(impl_->db, impl_->writer.index_tail(), impl_->writer.sensors());
}

}  // namespace weir::control::audit

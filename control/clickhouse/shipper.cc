#include "control/clickhouse/shipper.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "control/clickhouse/late_lookup.h"
#include "control/clickhouse/row_batch.h"

namespace weir::control::clickhouse {
namespace {

constexpr size_t kMigrateChunk = 50'000;

}  // namespace

Shipper::Shipper(Options options, audit::RocksSpool& spool, const ArchiveBook& book)
    : options_(std::move(options)), spool_(spool), book_(book), server_(options_.endpoint, stop_) {}

base::Status Shipper::Load() {
  auto backfill = LoadBackfill(spool_);
  if (!backfill.ok()) return backfill.error();
  const std::lock_guard lock(mutex_);
  backfill_ = std::move(*backfill);
  migrating_since_ = base::MonoNow();
  return {};
}

SchemaCheck Shipper::CheckSchema(HttpConnection& server) {
  {
    const std::lock_guard lock(mutex_);
    if (schema_) return *schema_;
  }
  SchemaCheck check = EnsureSchema(server, options_.store_id, !book_.empty());
  const std::lock_guard lock(mutex_);
  if (check.outcome == SchemaOutcome::kReady) schema_ = check;
  status_.schema_refused = check.outcome == SchemaOutcome::kRefused;
  return check;
}

void Shipper::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Shipper::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Shipper::Wait(int64_t ms) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::milliseconds(ms), [this] { return stop_.load(); });
}

void Shipper::Run() {
  int64_t retry_ms = options_.retry_ms_first;
  while (!stop_) {
    const auto more = Round();
    if (stop_) return;
    if (!more.ok()) {
      Failed(more.error());
      WatchSpool();
      Wait(retry_ms);
      retry_ms = std::min(2 * retry_ms, options_.retry_ms_max);
      continue;
    }
    retry_ms = options_.retry_ms_first;
    WatchSpool();
    if (!*more) Wait(options_.every_ms);
  }
}

base::Result<bool> Shipper::Round() {
  if (const SchemaCheck check = CheckSchema(server_); check.outcome != SchemaOutcome::kReady) {
    return base::Error{check.error};
  }
  const auto chunk = spool_.ReadOutbox(options_.batch_entries_max);
  if (!chunk.ok()) return chunk.error();
  uint64_t rows = 0;
  if (chunk->entries > 0) {
    const auto shipped = Ship(chunk->places);
    if (!shipped.ok()) return shipped.error();
    rows = *shipped;
    if (auto trimmed = spool_.Trim(chunk->through); !trimmed.ok()) return trimmed.error();
  }
  Succeeded(rows);
  if (chunk->entries == options_.batch_entries_max) return true;
  changed_.notify_all();
  return MigrateOn();
}

// The records' newest values go to the server. The rows that it has now.
base::Result<uint64_t> Shipper::Ship(std::span<const audit::RecordPlace> places) {
  if (auto settled = SettleLateOnes(spool_, book_, server_, places); !settled.ok()) {
    return settled.error();
  }
  RowBatch batch;
  if (auto read = spool_.Read(places, batch.Visitors()); !read.ok()) return read.error();
  for (const RowBatch::Table& table : batch.tables()) {
    const std::string insert = fmt::format("INSERT INTO {} ({}) FORMAT RowBinary",
                                           TableName(options_.endpoint, table.name), table.columns);
    for (const std::string& rows : table.inserts) {
      const auto inserted = server_.Insert(insert, rows);
      if (inserted.ok()) continue;
      // A table that somebody dropped is made again, or its change is refused, at the next attempt.
      const std::lock_guard lock(mutex_);
      schema_.reset();
      return inserted.error();
    }
  }
  return batch.rows();
}

// One piece of the records from before the outbox, while somebody has asked for them.
base::Result<bool> Shipper::MigrateOn() {
  Backfill next;
  {
    const std::lock_guard lock(mutex_);
    next = backfill_;
  }
  if (next.state != BackfillState::kRunning) return false;
  const audit::RecordPlace before = next.after;
  const auto places = spool_.PlacesBehind(next.after, kMigrateChunk);
  if (!places.ok()) return places.error();
  if (places->empty()) {
    next.state = BackfillState::kDone;
  } else {
    const auto shipped = Ship(*places);
    if (!shipped.ok()) return shipped.error();
    Succeeded(*shipped);
    next.after = places->back();
    next.rows_done += places->size();
    next.rows_total = std::max(next.rows_total, next.rows_done);
  }
  const std::lock_guard lock(mutex_);
  if (backfill_.after != before) return true;  // it was begun again meanwhile
  if (auto saved = SaveBackfill(spool_, next); !saved.ok()) return saved.error();
  backfill_ = next;
  migrated_ += places->size();
  if (next.state == BackfillState::kDone) {
    Log(fmt::format("archive: the migration is done, {} records", next.rows_done));
  }
  changed_.notify_all();
  return true;
}

void Shipper::Succeeded(uint64_t rows) {
  std::string mended;
  {
    const std::lock_guard lock(mutex_);
    status_.rows_shipped += rows;
    status_.last_success = base::WallNow();
    if (!status_.trouble.empty()) {
      mended =
          fmt::format("archive: goes on, nothing was lost; {} changes wait", spool_.outbox_rows());
    }
    status_.trouble.clear();
  }
  if (!mended.empty()) Log(mended);
}

void Shipper::Failed(const base::Error& error) {
  bool begins = false;
  {
    const std::lock_guard lock(mutex_);
    status_.failures++;
    begins = status_.trouble.empty();
    status_.trouble = error.message;
  }
  if (begins) {
    Log(fmt::format("archive: records wait on this machine: {}", error.message));
  }
}

void Shipper::WatchSpool() {
  const uint64_t bytes = spool_.OutboxBytes();
  const bool over = bytes > options_.spool_bytes_max;
  {
    const std::lock_guard lock(mutex_);
    if (over == status_.spool_over_limit) return;
    status_.spool_over_limit = over;
  }
  Log(over ? fmt::format("archive: ALARM: the list of changes that wait has {} bytes, above {}; no "
                         "record is lost, but the disk fills",
                         bytes, options_.spool_bytes_max)
           : "archive: the list of changes that wait is below its limit again");
}

ShipperStatus Shipper::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

base::Status Shipper::BeginMigration(bool again) {
  const std::lock_guard lock(mutex_);
  if (backfill_.state == BackfillState::kRunning && !again) return {};
  if (backfill_.state == BackfillState::kDone && !again) return {};
  Backfill next;
  next.state = BackfillState::kRunning;
  next.rows_total = RecordsOf(spool_.state());
  next.after = FirstPlace();
  if (auto saved = SaveBackfill(spool_, next); !saved.ok()) return saved;
  backfill_ = next;
  migrated_ = 0;
  migrating_since_ = base::MonoNow();
  return {};
}

MigrationStatus Shipper::migration() const {
  const std::lock_guard lock(mutex_);
  MigrationStatus status{backfill_, 0};
  const double seconds = static_cast<double>(base::MonoNow().ns - migrating_since_.ns) / 1e9;
  if (migrated_ > 0 && seconds > 0)
    status.rows_per_second = static_cast<double>(migrated_) / seconds;
  return status;
}

bool Shipper::WaitUntilShipped(std::optional<audit::DayNumber> day, int64_t timeout_ms) {
  std::unique_lock lock(mutex_);
  const auto is_shipped = [&] { return day ? !spool_.Waits(*day) : spool_.outbox_rows() == 0; };
  return changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms), [&] {
    return is_shipped() || stop_;
  }) && is_shipped();
}

}  // namespace weir::control::clickhouse

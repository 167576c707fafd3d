// The writing half of the embedded store: batches, lost sessions, retention.
//
// The writer's thread only, save state(). Everything that a call changes goes into one write of the
// database, or into several of which each is whole and may be repeated.
#pragma once

#include <rocksdb/write_batch.h>

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "control/audit/outbox.h"
#include "control/audit/part_cache.h"
#include "control/audit/recent_entries.h"
#include "control/audit/rocks_db.h"
#include "control/audit/session_store.h"
#include "control/audit/store_state.h"
#include "dataplane/base/result.h"

namespace weir::control::audit {

struct WriterCounters {
  uint64_t snapshots_written = 0;
  uint64_t snapshots_stale = 0;
  uint64_t sessions_closed_lost = 0;
};

class RocksWriter {
 public:
  struct Options {
    std::filesystem::path dir;  // for messages
    std::string sensor;
    bool sync = true;
    size_t open_sessions_cached_max = 0;
    bool outbox = false;  // every change of a record is noted there
  };

  RocksWriter(RocksDb& db, Options options);

  // Reads the store's state; again after the database was opened anew.
  base::Status Load();

  base::Status Commit(const Batch& batch);
  base::Status CloseLost(uint64_t boot_id);
  base::Result<RetentionPlan> PlanRetention(const RetentionLimits& limits) const;
  base::Result<RetentionResult> EnforceRetention(const RetentionPlan& plan);
  base::Status MarkSealed(base::WallTime until);
  base::Status NoteSeal(const SealHead& head, std::optional<TimeSpan> amended);
  // An archive has all of the day: `meta_key` says so from the same write on that makes the day's
  // count go, and then its records are dropped. They do not count as dropped by retention.
  base::Status DropArchivedDay(DayNumber day, std::string_view meta_key,
                               std::string_view meta_value);

  // Copies, for readers of any thread.
  StoreState state() const;
  Sensors sensors() const;
  WriterCounters counters() const;

  // Any thread; empty without the option.
  Outbox& outbox() { return outbox_; }

 private:
  // A session part on its way through a batch.
  struct Pending {
    PartId id;
    std::optional<StoredPart> previous;
    const events::SessionEvent* newest = nullptr;  // null: the store has this one, or a newer
    uint32_t revision = 0;
    Identity identity;
    StoredPart written;
    bool open = false;
  };
  struct Change {
    rocksdb::ColumnFamilyHandle* family = nullptr;
    std::string key;
    std::string value;
    bool is_deletion = false;
  };
  // One write in the making, and what the memory will know once it is done.
  struct Write {
    rocksdb::WriteBatch batch;
    std::vector<Change> changes;  // of session parts; not yet in `batch`
    StoreState state;
    WriterCounters counters;
    std::vector<Pending> parts;
    std::unordered_map<PartId, size_t, PartIdHash> places;  // in `parts`
    Outbox::Additions outbox;
  };

  base::Status AddSnapshot(Write& write, const Batch::Session& session);
  base::Status LoadPrevious(Pending& part, const events::SessionEvent& event);
  base::Status WritePart(Write& write, Pending& part);
  void WriteIndex(Write& write, const RocksDb::Day& day, const SessionRecord& record);
  void WriteOpenEntry(Write& write, const Pending& part, bool was_open);
  static void AddSorted(Write& write);
  void WriteEvents(Write& write, const Batch& batch);
  void NoteChange(Write& write, const RecordPlace& place) const;
  base::Status Apply(Write& write);
  base::Status CloseLostChunk(rocksdb::Iterator& at, bool& more);
  base::Status CloseLostPart(Write& write, std::string_view open_key, std::string_view open_value);
  base::Status DropDay(DayNumber day, RetentionResult& result);
  base::Status DropNumbered(const RetentionPlan& plan, RetentionResult& result);
  base::Status NoteIfSealed(Write& write, const StoredPart& part, std::string_view earlier) const;
  base::Error Failure(std::string_view doing, const rocksdb::Status& status) const;

  RocksDb& db_;
  const Options options_;
  uint32_t sensor_ = 0;  // index of options_.sensor in sensors_
  PartCache cache_;
  RecentEntries recent_;
  Outbox outbox_;

  mutable std::mutex mutex_;  // guards the rest: written by the writer, read by all
  StoreState state_;
  Sensors sensors_;
  WriterCounters counters_;
};

}  // namespace weir::control::audit

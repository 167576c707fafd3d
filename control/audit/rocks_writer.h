// The writing half of the embedded store: batches, lost sessions, retention.
//
// The writer's thread only, save what says otherwise. Everything that a call changes goes into one
// write of the database, or into several of which each is whole and may be repeated.
#pragma once

#include <rocksdb/write_batch.h>

#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "control/audit/index_tail.h"
#include "control/audit/outbox.h"
#include "control/audit/part_cache.h"
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
    size_t index_tail_entries_max = 0;
    std::optional<base::WallTime> restored{};  // see RaiseNumbers()
  };

  RocksWriter(RocksDb& db, Options options);

  // Reads the store's state; again after the database was opened anew.
  base::Status Load();

  base::Status Commit(const Batch& batch);
  base::Status CloseLost(uint64_t boot_id);
  base::Result<RetentionPlan> PlanRetention(const RetentionLimits& limits) const;  // any thread
  base::Result<RetentionResult> EnforceRetention(const RetentionPlan& plan);
  base::Status MarkSealed(base::WallTime until);
  base::Status NoteSeal(const SealHead& head, std::optional<TimeSpan> amended);
  base::Status MarkPacked(DayNumber day, uint64_t records);
  // A session that came late for a day of an archive: `earlier` is what that has of it, or null.
  base::Status SettleLate(DayNumber day, const RecordKey& key, const SessionRecord* earlier);
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
  const IndexTail& index_tail() const { return index_tail_; }

 private:
  // A session part that a batch changes.
  struct Changed {
    PartId id;
    StoredPart part;
    rocksdb::ColumnFamilyHandle* family = nullptr;
    bool open = false;
  };
  // One write in the making, and what the memory will know once it is done.
  struct Write {
    rocksdb::WriteBatch batch;
    StoreState state;
    WriterCounters counters;
    std::vector<Changed> parts;  // not yet in `batch`
    Outbox::Additions outbox;
  };
  // What the store has of a part, and what it says. Nothing, when it has none.
  struct Previous {
    const StoredPart* stored = nullptr;
    StoredPart read;  // where it was not in the cache
    std::optional<SessionRecord> record;
  };

  base::Status AddSessions(Write& write, const std::vector<Batch::Session>& sessions);
  base::Status AddPart(Write& write, std::span<const Batch::Session* const> snapshots);
  base::Status LoadPrevious(const PartId& id, const events::SessionEvent& event,
                            Previous& previous);
  base::Status WritePart(Write& write, const PartId& id, SessionRecord record,
                         const Previous& previous);
  void WriteIndex(DayNumber day, const SessionRecord& record,
                  const std::optional<SessionRecord>& before);
  void WriteOpenEntry(Write& write, const Changed& changed, bool was_open);
  static void PutSorted(Write& write);
  void WriteEvents(Write& write, const Batch& batch);
  void NoteChange(Write& write, const RecordPlace& place) const;
  base::Status Apply(Write& write);
  base::Status CloseLostChunk(rocksdb::Iterator& at, bool& more);
  base::Status CloseLostPart(Write& write, std::string_view open_key, std::string_view open_value);
  base::Status ForgetDay(Write& write, DayNumber day);
  base::Status DropDay(DayNumber day, RetentionResult& result);
  base::Status DropNumbered(const RetentionPlan& plan, RetentionResult& result);
  base::Status DropUpto(rocksdb::ColumnFamilyHandle* family, uint64_t upto,
                        uint64_t StoreState::*records, RetentionResult& result);
  base::Status GoOnAs(Write& write, DayNumber day, const RecordKey& key,
                      const SessionRecord& earlier);
  base::Status NoteIfSealed(Write& write, const StoredPart& part, std::string_view earlier) const;
  base::Error Failure(std::string_view doing, const rocksdb::Status& status) const;

  RocksDb& db_;
  const Options options_;
  uint32_t sensor_ = 0;  // index of options_.sensor in sensors_
  PartCache cache_;
  IndexTail index_tail_;
  Outbox outbox_;

  mutable std::mutex mutex_;  // guards the rest: written by the writer, read by all
  StoreState state_;
  Sensors sensors_;
  WriterCounters counters_;
};

}  // namespace weir::control::audit

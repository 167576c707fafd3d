// The index entries that are not yet in their day's index: those of the newest batches.
//
// Put into the index one by one they would cost more than all else together, for they come from all
// over it. So a batch writes its entries as one value of the family `index_tail`, in the same write
// as the records; they are kept here, in order, for look-ups; and when there are many they go into
// the indexes as one sorted file a day. An entry that a crash leaves in both places is the same
// entry.
//
// One thread writes; any thread asks.
#pragma once

#include <rocksdb/write_batch.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "control/audit/entry_run.h"
#include "control/audit/recent_entries.h"
#include "control/audit/rocks_db.h"
#include "control/audit/store_keys.h"
#include "dataplane/base/result.h"

namespace weir::control::audit {

class IndexTail {
 public:
  // Few, each several times as long as the next.
  using Runs = std::vector<std::shared_ptr<const EntryRun>>;

  // Full, and to be moved, at so many entries.
  IndexTail(RocksDb& db, size_t entries_max) : db_(db), entries_max_(entries_max) {}

  // Reads what there is; again after the database was opened anew.
  base::Status Load();

  // --- the writer ---

  // Adds the entry to those of the batch in hand, if it was not written lately.
  void Add(DayNumber day, std::string_view term, TermUse use, const Cell& cell);
  // Those in hand as part of a write, and what follows when it is done, or is not.
  void PutInto(rocksdb::WriteBatch& batch);
  void Written();
  void Abandon();

  bool full() const { return entries_ >= entries_max_ || next_ - moved_ >= kWritesMax; }
  // Moves all entries into the indexes of their days. Of days that are gone they are forgotten.
  // The next write takes them out of the family.
  base::Status MoveIntoIndexes();
  // The day is gone.
  void Forget(DayNumber day);

  // --- any thread ---

  // Ask before the day's index is opened: an entry is here or there from then on.
  Runs Of(DayNumber day) const;

 private:
  // Entries of a batch in hand, one behind the other.
  struct Gathered {
    std::string bytes;
    std::vector<uint32_t> ends;
  };

  static constexpr uint64_t kWritesMax = 4096;

  void AddRun(DayNumber day, EntryRun run);
  static EntryRun MergeAll(const Runs& runs);

  RocksDb& db_;
  const size_t entries_max_;
  RecentEntries recent_;
  std::map<DayNumber, Gathered> gathered_;
  std::map<DayNumber, EntryRun> writing_;
  std::string entry_;   // the last one added
  uint64_t first_ = 1;  // the numbers in the family, [first_, next_)
  uint64_t moved_ = 1;  // those before are in the indexes as well
  uint64_t next_ = 1;
  size_t entries_ = 0;  // in runs_

  mutable std::mutex mutex_;  // guards runs_, which the writer alone changes
  std::map<DayNumber, Runs> runs_;
};

}  // namespace weir::control::audit

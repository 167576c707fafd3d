// The RocksDB database under the embedded store: opening it, its column families, one pair a day.
//
// Whoever writes forces each write to the disk. When RocksDB closes a log it syncs it by itself,
// and should that fail, the kernel drops what waited there and says so once: a confirmed write in
// the next log would stand behind a hole, and be dropped when the logs are read. Ranges are not
// deleted as such: with a disk that fails, RocksDB 7.8 runs into assertions when it reads over
// them.
//
// Any thread may ask for days; making, dropping and reopening is the writer's. A Day that somebody
// holds stays readable after it was dropped. All Days must be let go before Close().
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/table.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "control/audit/entry_run.h"
#include "control/audit/store_keys.h"
#include "dataplane/base/result.h"

namespace weir::control::audit {

// What went wrong as one sentence for the person who can mend it.
base::Error StoreError(const std::filesystem::path& dir, std::string_view doing,
                       const rocksdb::Status& status);

class RocksDb {
 public:
  struct Options {
    std::filesystem::path dir;
    uint64_t memtable_bytes = 0;
    uint64_t cache_bytes = 0;
    bool outbox = false;  // the family of that name is there
  };

  // Closes its handle with its last owner.
  class Family {
   public:
    Family(rocksdb::DB* db, rocksdb::ColumnFamilyHandle* handle) : db_(db), handle_(handle) {}
    ~Family();
    Family(const Family&) = delete;
    Family& operator=(const Family&) = delete;
    rocksdb::ColumnFamilyHandle* handle() const { return handle_; }

   private:
    rocksdb::DB* db_;
    rocksdb::ColumnFamilyHandle* handle_;
  };

  // The records of a day and the index to them.
  struct Day {
    DayNumber number = 0;
    std::unique_ptr<Family> sessions;
    std::unique_ptr<Family> index;
  };
  using DayPointer = std::shared_ptr<const Day>;

  explicit RocksDb(Options options);
  ~RocksDb();

  base::Status Open();
  void Close();

  rocksdb::DB* db() const { return db_.get(); }
  rocksdb::ColumnFamilyHandle* meta() const { return meta_->handle(); }
  rocksdb::ColumnFamilyHandle* open_sessions() const { return open_sessions_->handle(); }
  rocksdb::ColumnFamilyHandle* findings() const { return findings_->handle(); }
  rocksdb::ColumnFamilyHandle* health() const { return health_->handle(); }
  rocksdb::ColumnFamilyHandle* logins() const { return logins_->handle(); }
  rocksdb::ColumnFamilyHandle* late() const { return late_->handle(); }
  rocksdb::ColumnFamilyHandle* index_tail() const { return index_tail_->handle(); }
  rocksdb::ColumnFamilyHandle* outbox() const { return outbox_->handle(); }  // with the option

  DayPointer FindDay(DayNumber number) const;  // null when there is none
  std::vector<DayPointer> Days() const;        // in order
  base::Result<DayPointer> MakeDay(DayNumber number);
  base::Status DropDay(DayNumber number);
  // Rewrites all of the day for good, until it is done or `canceled`.
  base::Status PackDay(const Day& day, std::atomic<bool>& canceled);
  // Puts entries into the day's index, all or none: as a file of its own, past the log.
  base::Status AddToIndex(const Day& day, const EntryRun& entries);

  // Of all its files, and of the tables among them: without the logs, which come and go.
  struct DiskBytes {
    uint64_t all = 0;
    uint64_t tables = 0;
  };
  DiskBytes BytesOnDisk() const;
  uint64_t TableBytes(const Day& day) const;

  // Whether the disk takes a small file now.
  base::Status TryDisk() const;

 private:
  // What is written for speed, or for good.
  enum class Phase { kGrowing, kPacked };
  rocksdb::ColumnFamilyOptions FamilyOptions(std::string_view name, Phase phase) const;
  Phase PhaseOf(const std::string& name) const;
  base::Result<std::vector<std::string>> ListFamilies();  // makes the folder
  base::Status Adopt(const std::string& name, std::unique_ptr<Family> family);
  base::Status MakeMissingFamilies();
  base::Result<std::unique_ptr<Family>> MakeFamily(const std::string& name);
  base::Status CompletePairs();
  base::Status MakeIndexOfEmpty(Day& day);
  base::Error Failure(std::string_view doing, const rocksdb::Status& status) const;

  const Options options_;
  rocksdb::Options db_options_;
  std::shared_ptr<rocksdb::Cache> cache_;
  std::unique_ptr<rocksdb::DB> db_;
  std::unique_ptr<Family> meta_;
  std::unique_ptr<Family> open_sessions_;
  std::unique_ptr<Family> findings_;
  std::unique_ptr<Family> health_;
  std::unique_ptr<Family> logins_;
  std::unique_ptr<Family> late_;
  std::unique_ptr<Family> index_tail_;
  std::unique_ptr<Family> outbox_;  // null: there is none
  // Of days whose sessions could not be made yet. The writer's.
  std::map<DayNumber, std::unique_ptr<Family>> lone_indexes_;

  mutable std::mutex days_mutex_;
  std::map<DayNumber, std::shared_ptr<Day>> days_;  // guarded by days_mutex_
};

}  // namespace weir::control::audit

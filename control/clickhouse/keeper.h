// Lets days go from this machine when the archive has them, and from the archive when their time
// is over.
//
// A thread of its own, for comparing a day takes as long as reading it. It works once an hour, and
// when it is told the time.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "control/audit/rocks_store.h"
#include "control/clickhouse/archive_book.h"
#include "control/clickhouse/http_connection.h"
#include "control/clickhouse/shipper.h"
#include "dataplane/base/result.h"
#include "dataplane/base/time.h"

namespace weir::control::clickhouse {

class Keeper {
 public:
  struct Options {
    Endpoint endpoint;
    uint32_t local_days = 2;  // whole days behind the present one
    // A day with a session that is still open stays so many days longer, and no more: whoever
    // could close it may never come back.
    uint32_t open_days = 7;
    int64_t merge_timeout_ms = 3'600'000;
    // This store was set back then, to what a backup had: of days up to that the archive may have
    // more.
    std::optional<base::WallTime> restored;
    std::function<void(std::string_view)> log;
  };

  Keeper(Options options, audit::RocksStore& local, ArchiveBook& book, Shipper& shipper);
  ~Keeper() { Stop(); }
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  void Start();
  void Stop();  // idempotent

  // Has the thread work, `now` being the time that days are measured by.
  void Wake(base::WallTime now);
  // The same on the caller's thread. Days that cannot go yet are no failure.
  base::Status Work(base::WallTime now);

  // Days that the archive did not have as this machine has them, when last compared.
  uint64_t days_differing() const;

 private:
  void Run();
  base::Status DropDoomed();
  base::Status DropNumbered(std::string_view table, uint64_t upto);
  base::Status DropPartition(std::string_view table, std::string_view day_name);
  base::Result<std::vector<std::string>> AskDays(const std::string& sql);
  base::Result<std::vector<audit::DayNumber>> LostDays(base::WallTime now);
  bool WasSetBack(audit::DayNumber day) const {
    return options_.restored && day <= audit::DayOf(*options_.restored);
  }
  base::Status MoveDays(base::WallTime now);
  base::Status MoveDay(audit::DayNumber day, base::WallTime now);
  base::Result<uint64_t> CountParts(std::string_view partition);
  base::Result<bool> MergeDay(audit::DayNumber day, bool rewrite);
  base::Status MergeLater();
  void NoteDifference(audit::DayNumber day, const std::string& difference);
  void Log(std::string_view line) const {
    if (options_.log) options_.log(line);
  }

  const Options options_;
  audit::RocksStore& local_;
  ArchiveBook& book_;
  Shipper& shipper_;
  std::atomic<bool> stop_{false};

  std::mutex working_;  // one Work() at a time; guards the next four
  HttpConnection server_;
  bool plain_ = false;  // as in SchemaCheck
  audit::DayNumber merged_last_ = 0;
  bool parts_refused_ = false;

  mutable std::mutex mutex_;  // guards the rest
  std::condition_variable changed_;
  std::optional<base::WallTime> due_;
  std::set<audit::DayNumber> differing_;
  std::thread thread_;
};

}  // namespace weir::control::clickhouse

// Finds the records of a day that look-ups would not find: one that lies where the index tells of
// none, put there past the store, or one whose entry was taken away.
//
// Reads the day's records by their own keys and each of its index entries, once, at one moment of
// the store; its memory is bounded, whatever the day has (EntryDifference). Entries that lead to no
// record with their term change no answer, and are passed over. One thread.
#pragma once

#include <rocksdb/db.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/audit/entry_difference.h"
#include "control/audit/index_tail.h"
#include "control/audit/record_codec.h"
#include "control/audit/rocks_db.h"
#include "control/audit/session_store.h"
#include "control/audit/store_state.h"
#include "dataplane/base/result.h"
#include "dataplane/base/siphash.h"

namespace weir::control::audit {

class DayIndexCheck {
 public:
  struct Source {
    const RocksDb& db;
    RocksDb::DayPointer day;
    const rocksdb::Snapshot* snapshot;  // of the moment of those below
    IndexTail::Runs tail;
    std::optional<DayState> state;  // none: the store does not know the day
    Sensors sensors;
    const std::atomic<bool>& abandon;      // set by who wants the database for himself
    const std::function<bool()>& keep_on;  // asked now and then
  };
  struct Hours {  // of the day, [from, to)
    uint32_t from = 0;
    uint32_t to = kHours;
  };
  static constexpr uint32_t kHours = 24;

  DayIndexCheck(Source source, Hours hours);

  // Adds what is wrong, by the hour. Fails when it is stopped, or the database cannot be read.
  base::Status Run(std::vector<IndexFault>& faults);

 private:
  using HourSet = std::array<bool, kHours>;
  struct Hour {
    uint64_t records = 0;
    uint64_t damaged = 0;     // records or keys that are not what the store writes
    uint64_t beyond_day = 0;  // how many are longer than the store knows of the day
    bool undecided = false;
    std::vector<uint64_t> missing;  // entries that records have and the index has not, in order
  };

  base::Status Compare(const HourSet& hours, size_t places);
  template <typename Visit>
  base::Status ForEachRecord(uint32_t hour, const Visit& visit);
  base::Status AddRecords(uint32_t hour, EntryDifference& difference);
  base::Status RemoveEntries(const HourSet& hours);
  template <typename Visit>
  base::Status ForEachEntry(const Visit& visit);
  base::Status Describe(uint32_t hour, std::vector<IndexFault>& faults);
  base::Result<std::string> HiddenFrom(uint32_t hour);
  base::Status Step();
  std::unique_ptr<rocksdb::Iterator> Read(const RocksDb::Family& family) const;
  uint64_t HashOf(std::string_view entry) const;

  const Source source_;
  const Hours hours_;
  const base::HashKey key_;
  std::array<Hour, kHours> of_hour_;
  std::array<std::unique_ptr<EntryDifference>, kHours> differences_;
  uint64_t steps_ = 0;
};

}  // namespace weir::control::audit

// What an archive's shipper needs of the embedded store: its outbox, records by their places, all
// places in order, and the dropping of a day that the archive has.
//
// Belongs to a RocksStore that was opened with the outbox. Any thread; calls are short, and fail
// with a sentence while the store is opened anew.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "control/audit/outbox.h"
#include "control/audit/rocks_db.h"
#include "control/audit/rocks_writer.h"
#include "control/audit/session_store.h"
#include "control/audit/store_state.h"
#include "dataplane/base/result.h"

namespace weir::control::audit {

// One for each class; what they return is not looked at.
struct RecordVisitors {
  SessionVisitor session;
  LoginVisitor login;
  FindingVisitor finding;
  HealthVisitor health;
};

class RocksSpool {
 public:
  struct Parts {
    RocksDb& db;
    RocksWriter& writer;
    std::shared_mutex& gate;  // taken alone by who closes the database
    std::mutex& writing;      // taken by every writer
  };

  explicit RocksSpool(const Parts& parts) : parts_(parts) {}

  struct Chunk {
    std::vector<RecordPlace> places;  // each once, sorted
    uint64_t entries = 0;             // of the outbox; 0: it is empty
    uint64_t through = 0;             // the number of the last of them
  };
  // The oldest entries, `entries_max` at most.
  base::Result<Chunk> ReadOutbox(size_t entries_max) const;
  // Lets entries up to `through` go: an archive has their records.
  base::Status Trim(uint64_t through);
  uint64_t outbox_rows() const;
  uint64_t OutboxBytes() const;  // about so many
  // Whether the outbox names session records of that day.
  bool Waits(DayNumber day) const;
  // As Outbox::Changes().
  uint64_t Changes(DayNumber day) const;

  // Hands out the newest value of each record; those that are gone are left out. Sorted places are
  // read fastest.
  base::Status Read(std::span<const RecordPlace> places, const RecordVisitors& visitors) const;
  // Places of records behind `after`, in order, `count_max` at most; none: that was the last.
  base::Result<std::vector<RecordPlace>> PlacesBehind(const RecordPlace& after,
                                                      size_t count_max) const;

  // A copy: the days that have session records here, and what the store holds.
  StoreState state() const;
  bool HasFamilies(DayNumber day) const;
  base::Result<bool> HasOpenSessions(DayNumber day) const;

  // Keys of the store's `default` family that begin with "archive/".
  base::Result<std::map<std::string, std::string>> Meta(std::string_view prefix) const;
  base::Status PutMeta(std::string_view key, std::string_view value);
  base::Status DeleteMeta(std::string_view key);

  // Of these places, the sessions of sealed hours that were not here when they changed, and of
  // which it is not settled whether an archive had them.
  base::Result<std::vector<RecordPlace>> UnsettledLate(std::span<const RecordPlace> places) const;
  // What an archive had before the change; null: nothing. The session goes on as that one did, with
  // its account and its place.
  base::Status SettleLateAt(const RecordPlace& place, const SessionRecord* earlier);
  // An archive has these sessions of the day, or newer ones, which this store has lost: from now on
  // they count as late, so that a sealed hour stays as it was.
  base::Status NoteFound(DayNumber day, std::span<const RecordKey> keys);

  // As RocksWriter's; false, and nothing is done, when records of the day wait in the outbox, when
  // one has changed since Changes() said `changes`, or one is open. `even_open`: that one is let go
  // too.
  base::Result<bool> DropArchivedDay(DayNumber day, uint64_t changes, std::string_view meta_key,
                                     std::string_view meta_value, bool even_open = false);

 private:
  base::Status ReadOne(const RecordPlace& place, std::string_view value, const Sensors& sensors,
                       const RecordVisitors& visitors) const;
  rocksdb::ColumnFamilyHandle* FamilyOf(const RecordPlace& place, RocksDb::DayPointer& day) const;
  bool is_open() const { return parts_.db.db() != nullptr; }

  const Parts parts_;
};

}  // namespace weir::control::audit

// Which records have changed and are not yet with an archive, in the order of their changes.
//
// An entry names a record and holds nothing of it: who ships it reads the newest value there is.
// The entries lie in the family `outbox` and come in the same write as the change. The writer adds,
// one other thread takes; both may ask at any time. Numbers have no gaps.
#pragma once

#include <rocksdb/write_batch.h>

#include <compare>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "control/audit/rocks_db.h"
#include "control/audit/session_store.h"
#include "control/audit/store_keys.h"
#include "dataplane/base/result.h"

namespace weir::control::audit {

// A record by its place. They sort as the families and keys do.
struct RecordPlace {
  RecordClass record_class = RecordClass::kSession;
  DayNumber day = 0;  // of sessions
  std::string key;    // in its family
  auto operator<=>(const RecordPlace&) const = default;
};
std::string EncodePlace(const RecordPlace& place);
std::optional<RecordPlace> DecodePlace(std::string_view bytes);

class Outbox {
 public:
  // What one write adds. It counts once the write is done.
  struct Additions {
    uint64_t count = 0;
    std::map<DayNumber, uint64_t> last_of_day;
  };

  // Reads which entries there are: all of them, some millions a second.
  base::Status Load(const RocksDb& db);

  // --- the writer ---
  void Add(const RocksDb& db, rocksdb::WriteBatch& batch, Additions& additions,
           const RecordPlace& place) const;
  void Done(const Additions& additions);

  // --- any thread ---
  uint64_t first() const;  // where the entries begin
  uint64_t rows() const;
  bool HasDay(DayNumber day) const;  // session records of it
  // Grows with each write that changes session records of the day; counts from the program's start.
  uint64_t Changes(DayNumber day) const;
  // Those up to `through` are gone.
  void Trimmed(uint64_t through);

  static std::string Key(uint64_t number);

 private:
  mutable std::mutex mutex_;  // guards the rest
  uint64_t first_ = 1;
  uint64_t next_ = 1;
  std::map<DayNumber, uint64_t> last_of_day_;
  std::map<DayNumber, uint64_t> changes_;
};

}  // namespace weir::control::audit

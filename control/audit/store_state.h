// What the embedded store knows about itself: how far it is, what it holds, what it dropped.
//
// A value, kept in the store's `default` column family and changed in the same write as the records
// it speaks of.
#pragma once

#include <rocksdb/write_batch.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "control/audit/record_codec.h"
#include "control/audit/rocks_db.h"
#include "control/audit/session_store.h"
#include "control/audit/store_keys.h"
#include "dataplane/base/result.h"

namespace weir::control::audit {

struct DayState {
  uint64_t records = 0;
  int64_t longest_ns = 0;       // of any record of the day: how far back a look-up must begin
  uint64_t records_packed = 0;  // when the day was packed last

  bool operator==(const DayState&) const = default;
};

struct StoreState {
  std::map<DayNumber, DayState> days;
  uint64_t open_sessions = 0;
  uint64_t logins = 0;  // these three: in the store now
  uint64_t findings = 0;
  uint64_t health = 0;
  uint64_t finding_seq = 0;  // of the last one ever written
  uint64_t health_seq = 0;
  uint64_t login_seq = 0;
  uint64_t days_dropped = 0;
  uint64_t records_dropped = 0;
  std::string position;
  std::string login_position;
  std::optional<uint64_t> boot_id;
  SealState sealed;
};

// A store that was restored from a backup at that time: its numbers begin above those that were
// given since the backup.
void RaiseNumbers(StoreState& state, base::WallTime restored);

// Reads the state, and finishes what a crash cut short: a day that the state knows and the database
// does not was being dropped. Fails on a store of another format.
base::Result<StoreState> LoadState(const RocksDb& db);

void PutDayState(rocksdb::WriteBatch& batch, const RocksDb& db, DayNumber number,
                 const DayState& state);
void DeleteDayState(rocksdb::WriteBatch& batch, const RocksDb& db, DayNumber number);
// All but the days and the seals.
void PutTotals(rocksdb::WriteBatch& batch, const RocksDb& db, const StoreState& state);

void PutSealState(rocksdb::WriteBatch& batch, const RocksDb& db, const SealState& state);

// What whole days take: of the newest packed ones, a week at most, and never of the store's first
// day, which began in the middle.
DayBytes MeasureDays(const RocksDb& db, const StoreState& state);

// The sensors of the store, `sensor` among them: added when it is new. `index` is its place.
base::Result<Sensors> LoadSensors(const RocksDb& db, const std::string& sensor, uint32_t& index);

}  // namespace weir::control::audit

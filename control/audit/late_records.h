// Sessions of a sealed hour that came or changed afterwards: how each was when the hour was sealed.
//
// The family `late`, by start, session and part: docs/formats/session_store.md. What is there first
// for a session stays, until the hour is sealed again.
#pragma once

#include <rocksdb/write_batch.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/audit/record_codec.h"
#include "control/audit/rocks_db.h"
#include "control/audit/session_store.h"
#include "control/audit/store_keys.h"
#include "dataplane/base/result.h"

namespace weir::control::audit {

// Adds to `batch` that the session with that key is about to change; `earlier` is its value so far,
// empty when it is new.
base::Status NoteLate(rocksdb::WriteBatch& batch, const RocksDb& db, DayNumber day,
                      std::string_view record_key, std::string_view earlier);

void ForgetLate(rocksdb::WriteBatch& batch, const RocksDb& db, const TimeSpan& span);

base::Result<std::vector<LateHour>> ListLateHours(const RocksDb& db);
base::Result<uint64_t> CountLateIn(const RocksDb& db, const TimeSpan& span);

// Turns sessions of [from, to) as they are, offered in order, into those as they were. Use on one
// thread; made before the first session is offered, it reads what is late when that one is, so
// that nothing changed in between is missed.
class AsSealed {
 public:
  AsSealed(const RocksDb& db, const Sensors& sensors, base::WallTime from, base::WallTime to,
           const SessionVisitor& visit)
      : db_(db), sensors_(sensors), from_(from), to_(to), visit_(visit) {}

  // False to stop: the visitor has enough, or status() tells why not.
  bool Offer(const SessionRecord& record);
  // After the last one.
  base::Status Finish();

 private:
  void Begin();
  bool VisitEarlier();
  std::optional<SessionOrder> Order() const;

  const RocksDb& db_;
  const Sensors& sensors_;
  const base::WallTime from_;
  const base::WallTime to_;
  const SessionVisitor& visit_;
  std::unique_ptr<rocksdb::Iterator> late_;
  bool stopped_ = false;
  base::Status status_;
};

}  // namespace weir::control::audit

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

base::Status ForgetLate(rocksdb::WriteBatch& batch, const RocksDb& db, const TimeSpan& span);

base::Result<std::vector<LateHour>> ListLateHours(const RocksDb& db);
base::Result<LateCount> CountLateIn(const RocksDb& db, const TimeSpan& span);

// What is late in a span, in order. Bounded by what came late, not by what is there.
struct LateRecord {
  SessionOrder order;
  std::string value;
};
base::Result<std::vector<LateRecord>> ReadLate(const RocksDb& db, const TimeSpan& span);

// Whether a session that was sealed as `was` can have come to be `is` by what the store takes: it
// goes on, with its ends, ports and protocol and its account if that was known, in a newer revision
// that counts no less; or it was closed as lost. One that is closed stays as it is.
bool CanHaveBecome(const SessionRecord& was, const SessionRecord& is);

// Turns the sessions of a span as they are, offered in order, into those as they were. What is late
// must have been read after the first session, so that nothing changed in between is missed. A note
// that does not agree with its session ends it: nobody else is to write them, and the store takes
// no session away.
class AsSealed {
 public:
  AsSealed(std::vector<LateRecord> late, Sensors sensors, const TimeSpan& span,
           const SessionVisitor& visit)
      : late_(std::move(late)), sensors_(std::move(sensors)), span_(span), visit_(visit) {}

  // False to stop: the visitor has enough, or Finish() tells why not.
  bool Offer(const SessionRecord& record);
  // After the last one.
  base::Status Finish();

 private:
  bool VisitEarlier(const SessionRecord* now);
  bool Fail(const SessionOrder& order, std::string_view what);

  const std::vector<LateRecord> late_;
  size_t next_ = 0;
  const Sensors sensors_;
  const TimeSpan span_;
  const SessionVisitor& visit_;
  bool stopped_ = false;
  base::Status status_;
};

}  // namespace weir::control::audit

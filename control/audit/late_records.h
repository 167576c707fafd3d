// Sessions of a sealed hour that came or changed afterwards: how each was when the hour was sealed.
//
// The family `late`, by start, session and part: docs/formats/session_store.md. What is there first
// for a session stays, until the hour is sealed again.
#pragma once

#include <rocksdb/write_batch.h>

#include <functional>
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
// empty when it is new. None: it is not here, and an archive may have it; who ships the change asks
// there first, and settles it.
base::Status NoteLate(rocksdb::WriteBatch& batch, const RocksDb& db, DayNumber day,
                      std::string_view record_key, std::optional<std::string_view> earlier);
base::Result<bool> IsUnsettled(const RocksDb& db, const SessionOrder& order);
// The note of that session as it is now; fails when there is none.
base::Result<std::string> ReadNote(const RocksDb& db, const SessionOrder& order);
void SettleLate(rocksdb::WriteBatch& batch, const RocksDb& db, const RecordKey& key,
                std::string_view earlier);

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
  // A session of a day of the archive that is not settled yet has not been shipped, and is there as
  // it was: what is offered first and has an unsettled note afterwards.
  struct Archive {
    std::function<bool(DayNumber)> has;
    std::function<base::Result<std::string>(const SessionOrder&)> note;  // as it is now
  };

  AsSealed(std::vector<LateRecord> late, Sensors sensors, Archive archive,
           const SessionVisitor& visit)
      : late_(std::move(late)),
        sensors_(std::move(sensors)),
        archive_(std::move(archive)),
        visit_(visit) {}

  // False to stop: the visitor has enough, or Finish() tells why not.
  bool Offer(const SessionRecord& record);
  // After the last one.
  base::Status Finish();

 private:
  bool VisitEarlier(const SessionRecord* now);
  bool VisitUnsettled(const LateRecord& late, const SessionRecord* now);
  bool VisitNoted(const LateRecord& late, std::string_view note, const SessionRecord* now);
  bool Visit(const SessionRecord& record);
  bool Fail(const SessionOrder& order, std::string_view what);

  const std::vector<LateRecord> late_;
  size_t next_ = 0;
  const Sensors sensors_;
  const Archive archive_;
  const SessionVisitor& visit_;
  bool stopped_ = false;
  base::Status status_;
};

}  // namespace weir::control::audit

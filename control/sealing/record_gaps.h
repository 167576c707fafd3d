// Where the record has gaps: times that no seal speaks of, times in which the sensor was not there,
// events that were lost on their way or could not be read from the journal. Found from the seals
// and the health records, never by reading sessions through.
//
// Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/audit/session_store.h"
#include "control/sealing/sealer.h"
#include "dataplane/base/result.h"

namespace weir::control::sealing {

struct RecordGap {
  enum class Kind : uint8_t {
    kNotSealed,     // of all classes: these hours have no seal, or one that cannot be read
    kNotRecording,  // of sessions, findings and health: the sensor was not running
    kEventsLost,    // of `lost_class`: `events` of them, told in these hours
    kNotReadable,   // of the same as kNotRecording: `events` that the journal could not give, told
                    // in these hours; 0: how many is not known
  };
  Kind kind = Kind::kNotSealed;
  audit::TimeSpan span;
  bool goes_on = false;  // `to` is now
  // `from` is when the last session began, or earlier: the sensor ended without a word.
  bool is_about = false;
  std::string lost_class;  // events::LossClassName: "session" "finding" "health" "detail"
  uint64_t events = 0;

  bool operator==(const RecordGap&) const = default;
};
std::string_view GapKindName(RecordGap::Kind kind);  // "not sealed" …

struct RecordGaps {
  static constexpr size_t kGapsMax = 200;          // the newest ones
  static constexpr uint64_t kHealthMax = 500'000;  // records read, the newest ones

  std::vector<RecordGap> gaps;  // by their beginning
  uint64_t older = 0;           // that have no room in `gaps`
  bool whole = true;            // false: there are more health records than are read
};

// `status` is the sealer's; hours that are over at `now` for longer than `overdue_ns` should be
// sealed. `recording`: the sensor answers; where it does not, and has not said that it ends, it is
// taken to be gone.
base::Result<RecordGaps> FindGaps(audit::SessionStore& store, const SealerStatus& status,
                                  base::WallTime now, int64_t overdue_ns, bool recording);

}  // namespace weir::control::sealing

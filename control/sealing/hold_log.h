// Legal holds as the operations log tells of them. The log is chained and sealed, the table of
// holds (legal_holds.h) is neither: what somebody has taken out of the table is still said here.
//
// Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/operations/operations_log.h"
#include "control/sealing/legal_holds.h"

namespace weir::control::sealing {

// How a hold and its release stand in the log, with the outcome "done".
inline constexpr std::string_view kHoldAction = "audit hold";
inline constexpr std::string_view kReleaseAction = "audit release";
std::string HoldTarget(int64_t id, const audit::TimeSpan& span);
std::string ReleaseTarget(int64_t id);

struct LoggedHold {
  struct Release {
    int64_t number = 0;  // of the operation
    base::WallTime time;
  };
  int64_t id = 0;
  audit::TimeSpan span;
  int64_t number = 0;  // of the operation that has made it
  std::optional<Release> release;
};

// In the order in which they were made; of those that the log still has.
base::Result<std::vector<LoggedHold>> ReadLoggedHolds(operations::OperationsLog& log);

// Those that were never released, and that the table does not have as they were made.
std::vector<LoggedHold> MissingHolds(const std::vector<LoggedHold>& logged,
                                     const std::vector<LegalHold>& table);

}  // namespace weir::control::sealing

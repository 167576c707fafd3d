// Which day's sessions go first, whichever tier has them.
//
// Pure; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "control/audit/session_store.h"
#include "control/audit/store_keys.h"

namespace weir::control::audit {

// `longest_ns`: of each day, how long its longest session lasted. The first whose sessions are all
// too old and none of which may reach into what is held.
std::optional<DayNumber> FirstDayToGo(const std::map<DayNumber, int64_t>& longest_ns,
                                      const RetentionLimits& limits);

}  // namespace weir::control::audit

// When the disk that the record lies on will be full, at the pace of the last whole days.
//
// What today adds says nothing: it lies in write-ahead logs and in tables that are written for
// speed, and goes up and down by hundreds of megabytes. A day that is over and packed is what it
// will be for a year. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>

#include "control/audit/session_store.h"

namespace weir::control::audit {

struct DiskForecast {
  bool known = false;                     // false: no whole day was packed yet
  std::optional<double> full_in_seconds;  // empty though it is known: days are dropped before
};

// Of a disk with `free_bytes` left, on which `days_kept` days stay.
DiskForecast ForecastDisk(const StoreStats& stats, uint64_t free_bytes, uint32_t days_kept);

}  // namespace weir::control::audit

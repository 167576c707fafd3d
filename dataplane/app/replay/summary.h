// The counters of a run as JSON: the fields of weir-dataplane's summary, and what became of each
// packet.
#pragma once

#include <string>

#include "dataplane/app/replay/replay.h"

namespace weir::replay {

// `elapsed_s` is the run's own time, the only figure that differs between two runs.
std::string SummaryJson(const Replay& replay, double elapsed_s);

}  // namespace weir::replay

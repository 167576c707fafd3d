#include "dataplane/app/replay/capture_clock.h"

namespace weir::replay {
namespace {

// Files of one rotated recording may overlap by a burst that two threads wrote.
constexpr int64_t kOverlapNs = base::kNsPerSecond;

}  // namespace

bool CaptureClock::BeginInput(base::WallTime first) {
  if (!started_) {
    // Begins above zero, so that no time the pipeline computes from it is negative.
    started_ = true;
    mono_.ns = base::kNsPerSecond;
    SetDate(first);
    return false;
  }
  if (first.ns >= wall().ns - kOverlapNs) return false;
  SetDate(first);
  return true;
}

void CaptureClock::Advance(base::WallTime record) {
  if (record < wall()) {
    ++records_back_in_time_;
    return;
  }
  mono_.ns = record.ns - wall_minus_mono_ns_;
}

}  // namespace weir::replay

#include "control/audit/day_packer.h"

#include <chrono>

#include "control/audit/rocks_store.h"
#include "dataplane/base/time.h"

namespace weir::control::audit {
namespace {

constexpr std::chrono::minutes kEvery{10};
// By then nearly all of its sessions have ended.
constexpr int64_t kAfterMidnightNs = 2 * kHourNs;

}  // namespace

void DayPacker::Start() {
  thread_.Start(kEvery, [this] {
    // What fails here is tried again; the store says so itself when it cannot be written.
    static_cast<void>(store_.PackDaysBefore(DayOf({base::WallNow().ns - kAfterMidnightNs})));
  });
}

void DayPacker::Stop() {
  thread_.AskToStop();
  store_.CancelPacking();
  thread_.Stop();
}

}  // namespace weir::control::audit

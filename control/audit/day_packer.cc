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
  thread_ = std::thread([this] { Run(); });
}

void DayPacker::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wakes_.notify_all();
  store_.CancelPacking();
  if (thread_.joinable()) thread_.join();
}

void DayPacker::Run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    // What fails here is tried again; the store says so itself when it cannot be written.
    static_cast<void>(store_.PackDaysBefore(DayOf({base::WallNow().ns - kAfterMidnightNs})));
    lock.lock();
    wakes_.wait_for(lock, kEvery, [this] { return stopping_; });
  }
}

}  // namespace weir::control::audit

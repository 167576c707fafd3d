#include "dataplane/base/repeating_thread.h"

#include <utility>

namespace weir::base {

void RepeatingThread::Start(std::chrono::milliseconds pause, std::function<void()> work) {
  thread_ = std::thread([this, pause, work = std::move(work)] {
    while (!stopping_) {
      work();
      WaitFor(pause);
    }
  });
}

void RepeatingThread::AskToStop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wakes_.notify_all();
}

void RepeatingThread::Stop() {
  AskToStop();
  if (thread_.joinable()) thread_.join();
}

bool RepeatingThread::WaitFor(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  return !wakes_.wait_for(lock, time, [this] { return stopping_.load(); });
}

}  // namespace weir::base

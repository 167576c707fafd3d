// A thread that does something, waits, and does it again, until it is told to stop.
//
// Start() once; Stop() from any thread but this one, as often as one likes.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace weir::base {

class RepeatingThread {
 public:
  RepeatingThread() = default;
  ~RepeatingThread() { Stop(); }
  RepeatingThread(const RepeatingThread&) = delete;
  RepeatingThread& operator=(const RepeatingThread&) = delete;

  // Does `work` at once, and again whenever `pause` has passed since its end.
  void Start(std::chrono::milliseconds pause, std::function<void()> work);

  // Waits for the work in progress. Long work looks at stopping() now and then.
  void Stop();
  // The first half of that, for who has to wake the work himself.
  void AskToStop();

  bool stopping() const { return stopping_; }
  // The same, for whoever can be handed a flag.
  const std::atomic<bool>& stop_flag() const { return stopping_; }

  // Waits within the work. False: Stop() came before the time was over.
  bool WaitFor(std::chrono::milliseconds time);

 private:
  std::mutex mutex_;
  std::condition_variable wakes_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace weir::base

#include "dataplane/base/repeating_thread.h"

#include <gtest/gtest.h>

namespace weir::base {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

// What another thread counts.
class Count {
 public:
  void Add() {
    const std::lock_guard lock(mutex_);
    count_++;
    changes_.notify_all();
  }
  void WaitUntil(int wanted) {
    std::unique_lock lock(mutex_);
    changes_.wait(lock, [&] { return count_ >= wanted; });
  }
  int value() {
    const std::lock_guard lock(mutex_);
    return count_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changes_;
  int count_ = 0;
};

TEST(RepeatingThread, WorksAtOnceAndAgain) {
  Count count;
  RepeatingThread thread;
  thread.Start(milliseconds(1), [&] { count.Add(); });
  count.WaitUntil(3);
  thread.Stop();
  const int after = count.value();
  EXPECT_GE(after, 3);
  thread.Stop();
  EXPECT_EQ(count.value(), after);
}

TEST(RepeatingThread, StopEndsThePause) {
  Count count;
  {
    RepeatingThread thread;
    thread.Start(hours(1), [&] { count.Add(); });
    count.WaitUntil(1);
  }
  EXPECT_EQ(count.value(), 1);
}

TEST(RepeatingThread, WorkIsToldToEnd) {
  Count begun;
  bool whole = true;
  RepeatingThread thread;
  thread.Start(hours(1), [&] {
    begun.Add();
    whole = thread.WaitFor(hours(1));
  });
  begun.WaitUntil(1);
  EXPECT_FALSE(thread.stopping());
  thread.AskToStop();
  thread.Stop();
  EXPECT_TRUE(thread.stop_flag());
  EXPECT_FALSE(whole);
  EXPECT_FALSE(thread.WaitFor(hours(1))) << "nobody waits any more";
}

TEST(RepeatingThread, NeedNotHaveBegun) {
  RepeatingThread thread;
  EXPECT_TRUE(thread.WaitFor(milliseconds(1)));
  thread.Stop();
  thread.Stop();
}

}  // namespace
}  // namespace weir::base

#include "control/app/poller.h"

#include <chrono>
#include <string>

namespace weir::control::app {
namespace {

constexpr auto kEvery = std::chrono::seconds(1);
constexpr int64_t kRetentionEveryNs = 3600 * base::kNsPerSecond;

}  // namespace

void Poller::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Poller::Stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wakes_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Poller::Run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    Poll();
    if (base::MonoNow() >= retention_due_) EnforceRetention();
    lock.lock();
    wakes_.wait_for(lock, kEvery, [this] { return stopping_; });
  }
}

void Poller::Poll() {
  const auto stats = sources_.policy.dataplane().Call({{"cmd", "stats"}});
  if (stats.ok()) {
    sources_.metrics.TakeDataplane(stats.body);
  } else {
    sources_.metrics.TakeDataplaneAway();
  }
  sources_.metrics.TakePolicy(sources_.policy.status());
  sources_.metrics.TakeLists(sources_.policy.lists().States());
  sources_.metrics.TakeIngest(sources_.ingest.counters());
  if (const auto store = sources_.store.Stats(); store.ok()) sources_.metrics.TakeStore(*store);
  if (const auto totals = sources_.incidents.CountOpen(); totals.ok()) {
    sources_.metrics.TakeIncidents(*totals);
  }
}

void Poller::EnforceRetention() {
  retention_due_ = {base::MonoNow().ns + kRetentionEveryNs};
  const auto result = sources_.store.EnforceRetention(base::WallNow());
  if (!result) {
    sources_.log("retention: " + result.error().message);
    return;
  }
  for (const std::string& day : result->days_dropped) {
    sources_.log("retention: the records of " + day + " are dropped, their time is over");
  }
}

}  // namespace weir::control::app

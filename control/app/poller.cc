#include "control/app/poller.h"

#include <chrono>
#include <string>
#include <system_error>

#include "control/audit/disk_forecast.h"

namespace weir::control::app {
namespace {

constexpr auto kEvery = std::chrono::seconds(1);

}  // namespace

void Poller::Start() {
  thread_.Start(kEvery, [this] { Poll(); });
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
  PollStore();
  PollLeases();
  PollLogins();
  sources_.metrics.TakeSeals(sources_.sealer.status());
  if (sources_.backup != nullptr) sources_.metrics.TakeBackup(sources_.backup->status());
  if (sources_.radius != nullptr) sources_.metrics.TakeRadius(sources_.radius->counters());
  if (sources_.syslog != nullptr) sources_.metrics.TakeSyslog(sources_.syslog->counters());
  if (sources_.anchor_mail != nullptr) {
    sources_.metrics.TakeAnchorMail(sources_.anchor_mail->status());
  }
  if (const auto totals = sources_.incidents.CountOpen(); totals.ok()) {
    sources_.metrics.TakeIncidents(*totals);
  }
}

void Poller::PollLeases() {
  if (sources_.leases == nullptr) return;
  const base::WallTime now = base::WallNow();
  const auto expired = sources_.leases->Expire(now, {now.ns - sources_.logins_kept_ns});
  const std::string trouble = expired.ok() ? "" : expired.error().message;
  if (!trouble.empty() && trouble != lease_trouble_) {
    sources_.log("leases: what is over cannot be ended: " + trouble);
  }
  lease_trouble_ = trouble;
  sources_.metrics.TakeLeases(*sources_.leases);
}

void Poller::PollLogins() {
  if (sources_.logins == nullptr) return;
  const base::WallTime now = base::WallNow();
  const auto forgotten = sources_.logins->Forget(now, {now.ns - sources_.logins_kept_ns});
  const std::string trouble = forgotten.ok() ? "" : forgotten.error().message;
  if (!trouble.empty() && trouble != login_trouble_) {
    sources_.log("log-ins: what is old cannot be forgotten: " + trouble);
  }
  login_trouble_ = trouble;
  sources_.metrics.TakeLogins(*sources_.logins);
}

void Poller::PollStore() {
  const auto store = sources_.store.Stats();
  if (!store.ok()) return;
  sources_.metrics.TakeStore(*store);
  std::error_code failed;
  const auto disk = std::filesystem::space(sources_.data_dir, failed);
  if (failed) return;
  const auto forecast = audit::ForecastDisk(*store, disk.available, sources_.days_kept_here);
  sources_.metrics.TakeDisk(forecast.full_in_seconds);
}

}  // namespace weir::control::app

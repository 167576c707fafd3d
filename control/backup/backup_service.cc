#include "control/backup/backup_service.h"

#include <fmt/format.h>

#include <chrono>
#include <ctime>
#include <system_error>
#include <utility>

#include "control/backup/backup_sets.h"
#include "control/backup/image.h"

namespace weir::control::backup {
namespace {

constexpr auto kEvery = std::chrono::seconds(30);
constexpr int64_t kRetryNs = 3600 * base::kNsPerSecond;
constexpr const char* kBusy = "a backup is being made or read already";

bool GoOn(const Progress&) { return true; }

}  // namespace

base::WallTime LastDue(base::WallTime now, uint32_t at_minute) {
  const auto at_day = [&](int days_back) {
    const std::time_t seconds = now.ns / base::kNsPerSecond;
    std::tm local{};
    localtime_r(&seconds, &local);
    local.tm_mday -= days_back;
    local.tm_hour = static_cast<int>(at_minute / 60);
    local.tm_min = static_cast<int>(at_minute % 60);
    local.tm_sec = 0;
    local.tm_isdst = -1;  // as it is on that day
    return base::WallTime{std::mktime(&local) * base::kNsPerSecond};
  };
  const base::WallTime today = at_day(0);
  return today <= now ? today : at_day(1);
}

base::Result<std::unique_ptr<BackupService>> BackupService::Open(Options options) {
  bool made = false;
  auto key = Key::LoadOrMake(options.key_file, made);
  if (!key.ok()) return key.error();
  if (made) {
    options.log("backup: a new key was made in " + options.key_file.string() +
                ". Keep a copy of it elsewhere, and not with the backups: without it they cannot "
                "be read, by nobody");
  }
  std::unique_ptr<BackupService> service(new BackupService(std::move(options), std::move(*key)));
  service->status_.dir = service->options_.dir;
  service->status_.key = service->key_.name_hex();
  service->Measure();
  return service;
}

void BackupService::Start() {
  // The status has what went wrong, and the log.
  thread_.Start(kEvery, [this] { static_cast<void>(Work(base::WallNow())); });
}

OnProgress BackupService::UntilStopped(const OnProgress& progress) const {
  return
      [this, &progress](const Progress& so_far) { return !thread_.stopping() && progress(so_far); };
}

BackupStatus BackupService::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

base::Status BackupService::Work(base::WallTime now) {
  {
    const std::lock_guard lock(mutex_);
    // One of the future is looked at, so that it is told.
    const bool made = status_.newest && *status_.newest >= LastDue(now, options_.at_minute) &&
                      status_.newest->ns - now.ns <= kFutureMaxNs;
    const bool tried = failed_ && *failed_ <= now && now.ns - failed_->ns < kRetryNs;
    if (made || tried) return {};
  }
  const std::unique_lock work(work_, std::try_to_lock);
  if (!work) return {};  // somebody has asked for one
  const auto outcome = Make(false, now, GoOn);
  if (!outcome.ok()) {
    if (outcome.error().message == kCancelled) return {};
    options_.record("audit backup", options_.dir.string(), "failed: " + outcome.error().message);
    return outcome.error();
  }
  options_.record("audit backup", outcome->set + "/" + outcome->name,
                  fmt::format("done: {}, {} of {} files are new, {} bytes", KindName(outcome->kind),
                              outcome->new_files, outcome->files, outcome->new_bytes));
  if (outcome->kind == Kind::kFull) VerifyLastOfSetBefore(now);
  return {};
}

base::Result<BackupOutcome> BackupService::Backup(bool full, base::WallTime now,
                                                  const OnProgress& progress) {
  const std::unique_lock work(work_, std::try_to_lock);
  if (!work) return base::Error{kBusy};
  return Make(full, now, progress);
}

base::Result<ReadOutcome> BackupService::Verify(base::WallTime now, const OnProgress& progress) {
  const std::unique_lock work(work_, std::try_to_lock);
  if (!work) return base::Error{kBusy};
  const auto newest = FindBackup(options_.dir, "", "");
  if (!newest.ok()) return newest.error();
  return VerifyOne(*newest, now, progress);
}

// Holds work_, as do all below.
base::Result<BackupOutcome> BackupService::Make(bool full, base::WallTime now,
                                                const OnProgress& progress) {
  const OnProgress until_stopped = UntilStopped(progress);
  const auto make = [&]() -> base::Result<BackupOutcome> {
    std::error_code failed;
    std::filesystem::create_directories(options_.dir, failed);
    if (failed) {
      return base::Error{options_.dir.string() + ": cannot be made: " + failed.message()};
    }
    const auto lock = LockSets(options_.dir);
    if (!lock.ok()) return lock.error();
    if (auto cleaned = Clean(key_, options_.dir); !cleaned.ok()) return cleaned.error();
    // By the newest backup's time, if that is less: a clock that jumps ahead removes nothing today.
    const auto sets = ListSets(options_.dir);
    if (!sets.ok()) return sets.error();
    const base::WallTime newest = NewestBackup(*sets).value_or(now);
    const auto pruned = Prune(options_.dir, std::min(now, newest), options_.keep_days);
    if (!pruned.ok()) return pruned.error();
    for (const std::string& set : *pruned) {
      options_.record("audit backup remove", set,
                      fmt::format("done: older than {} days", options_.keep_days));
    }
    if (auto taken = options_.take_image(); !taken.ok()) return taken.error();
    const BackupOptions backup{options_.dir, key_, options_.sensor, options_.weir, full};
    return MakeBackup(backup, ImageFolder(options_.data_dir), now, until_stopped);
  };
  auto outcome = make();
  auto removed = RemoveImage(options_.data_dir);
  if (outcome.ok() && !outcome->why_full.empty()) {
    options_.log("backup: a whole one was made, the set before cannot be added to: " +
                 outcome->why_full);
  }
  Measure();
  if (!outcome.ok()) {
    Finished(outcome.error(), now);
  } else {
    Finished(removed, now);
  }
  return outcome;
}

base::Result<ReadOutcome> BackupService::VerifyOne(const FoundBackup& backup, base::WallTime now,
                                                   const OnProgress& progress) {
  auto outcome = VerifyBackup(key_, backup, UntilStopped(progress));
  if (!outcome.ok()) return outcome;
  const std::string error = outcome->faults.empty() ? "" : outcome->faults.front();
  std::string before;
  {
    const std::lock_guard lock(mutex_);
    before = std::exchange(status_.verify_error, error);
    if (error.empty()) status_.verified = now;
    if (!error.empty()) status_.failures++;
  }
  if (!error.empty() && error != before) options_.log("backup: one is damaged: " + error);
  if (error.empty() && !before.empty()) options_.log("backup: one was read back, and is good");
  return outcome;
}

// It has lain for days: what the disk has done to it shows.
void BackupService::VerifyLastOfSetBefore(base::WallTime now) {
  const auto backups = ListBackups(options_.dir);
  if (!backups.ok() || backups->size() < 2) return;
  const FoundBackup& last = (*backups)[backups->size() - 2];
  const auto outcome = VerifyOne(last, now, GoOn);
  if (!outcome.ok()) return;
  options_.record("audit backup verify", last.set_dir.filename().string() + "/" + last.name,
                  outcome->fault_count == 0 ? "done: nothing is wrong"
                                            : fmt::format("done: {} faults", outcome->fault_count));
}

// One line when trouble begins, and one when it is over.
void BackupService::Finished(const base::Status& status, base::WallTime now) {
  const std::string error = status.ok() ? "" : status.error().message;
  if (error == kCancelled) return;
  std::string before;
  {
    const std::lock_guard lock(mutex_);
    before = std::exchange(status_.error, error);
    failed_ = error.empty() ? std::nullopt : std::optional(now);
    if (!error.empty()) status_.failures++;
  }
  if (!error.empty() && error != before) options_.log("backup: " + error);
  if (error.empty() && !before.empty()) options_.log("backup: made again");
}

void BackupService::Measure() {
  const auto sets = ListSets(options_.dir);
  if (!sets.ok()) return;  // the attempt that follows or preceded says so
  const uint64_t bytes = BytesOf(*sets);
  const std::lock_guard lock(mutex_);
  status_.sets = 0;
  status_.backups = 0;
  for (const BackupSet& set : *sets) {
    if (!set.backups.empty()) status_.sets++;
    status_.backups += set.backups.size();
  }
  status_.bytes = bytes;
  status_.newest = NewestBackup(*sets);
}

}  // namespace weir::control::backup

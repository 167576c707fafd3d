// Backups by themselves: once a day, whole once a week, old sets removed, and once a week one that
// has lain for a while read back. And at once when somebody asks.
//
// Start() runs one thread; every call may come from any thread. One backup at a time: who asks
// while one is made is refused. What it is given must outlive it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "control/backup/backup_reader.h"
#include "control/backup/backup_writer.h"
#include "dataplane/base/repeating_thread.h"
#include "dataplane/base/result.h"
#include "dataplane/base/time.h"

namespace weir::control::backup {

struct BackupStatus {
  std::filesystem::path dir;
  std::string key;  // Key::name_hex()
  uint64_t sets = 0;
  uint64_t backups = 0;
  uint64_t bytes = 0;                      // of all sets, on disk
  std::optional<base::WallTime> newest;    // when it was made
  std::optional<base::WallTime> verified;  // a whole one was read back and good, by this process
  uint64_t failures = 0;                   // since the program's start
  std::string error;                       // of the last attempt; empty: it went well
  std::string verify_error;                // of the last one read back as a whole
};

class BackupService {
 public:
  struct Options {
    std::filesystem::path dir;  // made when missing
    std::filesystem::path key_file;
    std::filesystem::path data_dir;
    std::string sensor;
    std::string weir;
    uint32_t at_minute = 120;  // of the local day
    uint32_t keep_days = 183;
    // Makes ImageFolder(data_dir).
    std::function<base::Status()> take_image;
    std::function<void(std::string_view)> log = [](std::string_view) {};
    // For the operations log: what the service did unasked.
    std::function<void(std::string_view action, std::string_view target, std::string_view outcome)>
        record = [](auto, auto, auto) {};
  };

  // Fails when there is no key to use: a backup nobody can be asked for is worse than none. A
  // folder that is not there is the concern of the next backup.
  static base::Result<std::unique_ptr<BackupService>> Open(Options options);
  ~BackupService() { Stop(); }
  BackupService(const BackupService&) = delete;
  BackupService& operator=(const BackupService&) = delete;

  void Start();
  void Stop() { thread_.Stop(); }  // idempotent; ends a backup in progress

  // What is due at `now`.
  base::Status Work(base::WallTime now);
  // At once.
  base::Result<BackupOutcome> Backup(bool full, base::WallTime now, const OnProgress& progress);
  // Reads the newest one back as a whole.
  base::Result<ReadOutcome> Verify(base::WallTime now, const OnProgress& progress);

  BackupStatus status() const;

 private:
  BackupService(Options options, Key key)
      : options_(std::move(options)), key_(std::move(key)), status_{} {}

  base::Result<BackupOutcome> Make(bool full, base::WallTime now, const OnProgress& progress);
  base::Result<ReadOutcome> VerifyOne(const FoundBackup& backup, base::WallTime now,
                                      const OnProgress& progress);
  void VerifyLastOfSetBefore(base::WallTime now);
  void Finished(const base::Status& status, base::WallTime now);
  void Measure();
  OnProgress UntilStopped(const OnProgress& progress) const;

  const Options options_;
  const Key key_;

  std::mutex work_;  // held while a backup is made or read

  mutable std::mutex mutex_;  // guards the rest
  BackupStatus status_;
  std::optional<base::WallTime> failed_;  // when last, since the last success

  base::RepeatingThread thread_;
};

// The last moment at or before `now` when a backup was to be made, in the machine's time zone.
base::WallTime LastDue(base::WallTime now, uint32_t at_minute);

}  // namespace weir::control::backup

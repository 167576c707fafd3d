// Makes one backup of a folder that nothing changes meanwhile.
//
// One thread, which holds LockSets().
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "control/backup/backup_key.h"
#include "control/backup/manifest.h"
#include "dataplane/base/result.h"
#include "dataplane/base/time.h"

namespace weir::control::backup {

// A backup whose name is further ahead of the clock stops all others: one of the two is wrong.
inline constexpr int64_t kFutureMaxNs = 86'400 * base::kNsPerSecond;

struct Progress {
  uint64_t done = 0;  // bytes, of all that is read and read back
  uint64_t of = 0;    // grows while it is found out what is new
};
// Called now and then; false ends the work with kCancelled.
using OnProgress = std::function<bool(const Progress&)>;

struct BackupOutcome {
  std::string set;
  std::string name;
  Kind kind = Kind::kFull;
  uint64_t files = 0;
  uint64_t bytes = 0;  // of all files, in plain
  uint64_t new_files = 0;
  uint64_t new_bytes = 0;
  std::string why_full;  // an incremental one would have been next; empty: it was its turn
};

struct BackupOptions {
  std::filesystem::path dir;  // of the sets
  Key key;
  std::string sensor;
  std::string weir;
  bool full = false;  // even where an incremental one would be next
};

// A full one begins a new set: when it is asked for, when there is none, when the newest is seven
// days old, and when the newest set cannot be read. Every file that is written is read back. A
// failure leaves nothing behind but what a death of the process would.
base::Result<BackupOutcome> MakeBackup(const BackupOptions& options,
                                       const std::filesystem::path& image, base::WallTime now,
                                       const OnProgress& progress);

}  // namespace weir::control::backup

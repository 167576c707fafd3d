// Reads backups: which there are, whether one is whole, and restoring it. Needs the folder and the
// key, and nothing else: no weir-control, no configuration.
//
// One thread a call; nothing in the sets' folder is changed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "control/backup/backup_key.h"
#include "control/backup/backup_writer.h"
#include "control/backup/manifest.h"
#include "dataplane/base/result.h"

namespace weir::control::backup {

struct FoundBackup {
  std::filesystem::path set_dir;
  std::string name;
};

// Oldest first.
base::Result<std::vector<FoundBackup>> ListBackups(const std::filesystem::path& dir);
// `set` and `name` may be empty: the newest that there is.
base::Result<FoundBackup> FindBackup(const std::filesystem::path& dir, const std::string& set,
                                     const std::string& name);

struct ReadOutcome {
  static constexpr size_t kFaultsMax = 100;

  FoundBackup backup;
  uint64_t files = 0;
  uint64_t bytes = 0;
  uint64_t fault_count = 0;
  std::vector<std::string> faults;  // the first ones; each names the file
};
// Reads every file of it. The error is that it could not be done; faults are in the outcome.
base::Result<ReadOutcome> VerifyBackup(const Key& key, const FoundBackup& backup,
                                       const OnProgress& progress);

struct RestoreOutcome {
  std::string set;
  std::string name;
  base::WallTime made;
  std::string sensor;
  uint64_t files = 0;
  uint64_t bytes = 0;
  uint64_t kept = 0;  // files that were there already, by a restore that was cut short
};
// While it is there, what a folder holds is not whole; the file holds "SET/NAME".
inline constexpr const char* kUnfinishedFile = "restore.unfinished";
// It says of a folder that a backup was restored into it, and stays: the time when that was done,
// RFC 3339, and "SET/NAME".
inline constexpr const char* kRestoredFile = "restored";
// The time that it says; empty: there is none.
base::Result<std::optional<base::WallTime>> RestoredAt(const std::filesystem::path& data_dir);

// `into` is made, or is empty, or holds what a restore of the same backup has left when it was cut
// short. Stops at the first file that is not good.
base::Result<RestoreOutcome> Restore(const Key& key, const FoundBackup& backup,
                                     const std::filesystem::path& into, const OnProgress& progress);

}  // namespace weir::control::backup

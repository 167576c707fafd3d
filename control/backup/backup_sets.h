// The folder that backups lie in: a set for each full backup, with the incremental ones after it.
//
//     DIR/lock
//     DIR/2026-11-29T020000Z-full/2026-11-29T020000Z.1.enc …
//     DIR/2026-11-29T020000Z-full/2026-11-29T020000Z.manifest     the full one
//     DIR/2026-11-29T020000Z-full/2026-11-30T020000Z.manifest     an incremental one
//
// What is not named like this is never touched. A backup is what has a manifest, which is written
// last; what a backup cut short leaves has none, and Clean() removes it.
//
// Any thread may list; one process at a time changes something, and holds LockSets().
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "control/backup/backup_key.h"
#include "dataplane/base/result.h"
#include "dataplane/base/time.h"
#include "dataplane/base/unique_fd.h"

namespace weir::control::backup {

struct BackupSet {
  std::filesystem::path dir;
  std::vector<std::string> backups;  // their names, oldest first; none: it was cut short
};

// A backup's name is when it was made: "2026-11-29T020000Z".
std::string BackupName(base::WallTime time);
std::optional<base::WallTime> ParseBackupName(std::string_view name);

// Oldest first. A folder that is not there holds none.
base::Result<std::vector<BackupSet>> ListSets(const std::filesystem::path& dir);

// Of the sets' backups; nullopt: there is none.
std::optional<base::WallTime> NewestBackup(const std::vector<BackupSet>& sets);
std::optional<base::WallTime> NewestFull(const std::vector<BackupSet>& sets);

// Bytes on disk, of everything in the sets' folders.
uint64_t BytesOf(const std::vector<BackupSet>& sets);

// Fails when somebody else holds it. Given back when the descriptor is closed.
base::Result<base::UniqueFd> LockSets(const std::filesystem::path& dir);

// Removes the sets without a backup, and of the newest set what none of its backups names. A set
// whose manifests cannot all be read is left alone.
base::Status Clean(const Key& key, const std::filesystem::path& dir);

// Removes the sets whose newest backup is older than `keep_days` before `now`, never the newest
// two. Their names.
base::Result<std::vector<std::string>> Prune(const std::filesystem::path& dir, base::WallTime now,
                                             uint32_t keep_days);

}  // namespace weir::control::backup

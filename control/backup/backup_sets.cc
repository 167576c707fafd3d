#include "control/backup/backup_sets.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <algorithm>
#include <set>
#include <system_error>

#include "control/backup/files.h"
#include "control/backup/manifest.h"

namespace weir::control::backup {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSetEnding = "-full";
constexpr std::string_view kManifestEnding = ".manifest";
constexpr int64_t kNsPerDay = 86'400 * base::kNsPerSecond;
constexpr size_t kSetsKept = 2;

// The name without the ending, when it is a backup's.
std::optional<std::string> NameBefore(std::string_view text, std::string_view ending) {
  if (!text.ends_with(ending)) return std::nullopt;
  text.remove_suffix(ending.size());
  if (!ParseBackupName(text)) return std::nullopt;
  return std::string(text);
}

base::Error Failed(const fs::path& path, const char* doing, const std::error_code& why) {
  return base::Error{path.string() + ": cannot be " + doing + ": " + why.message()};
}

base::Result<std::vector<std::string>> Names(const fs::path& dir) {
  std::vector<std::string> names;
  std::error_code failed;
  for (fs::directory_iterator at(dir, failed), end; !failed && at != end; at.increment(failed)) {
    names.push_back(at->path().filename());
  }
  if (failed) return Failed(dir, "read", failed);
  std::ranges::sort(names);
  return names;
}

base::Status Remove(const fs::path& path) {
  std::error_code failed;
  fs::remove_all(path, failed);
  return failed ? base::Status(Failed(path, "removed", failed)) : base::Status();
}

// First the manifests: without one, the rest is no set, whatever cuts this short.
base::Status RemoveSet(const BackupSet& set) {
  for (const std::string& name : set.backups) {
    if (auto removed = Remove(ManifestFile(set.dir, name)); !removed.ok()) return removed;
  }
  if (auto synced = SyncFolder(set.dir); !synced.ok()) return synced;
  return Remove(set.dir);
}

base::Status CleanSet(const Key& key, const BackupSet& set) {
  std::set<std::string> named;
  for (const std::string& name : set.backups) {
    const auto manifest = ReadManifest(key, set.dir, name);
    if (!manifest.ok()) return {};
    named.insert(ManifestFile(set.dir, name).filename());
    for (const Manifest::File& file : manifest->files) named.insert(file.stored);
  }
  const auto names = Names(set.dir);
  if (!names.ok()) return names.error();
  for (const std::string& name : *names) {
    // Ours are called after a backup.
    const bool ours = ParseBackupName(name.substr(0, name.find('.'))).has_value();
    if (!ours || named.contains(name)) continue;
    if (auto removed = Remove(set.dir / name); !removed.ok()) return removed;
  }
  return {};
}

}  // namespace

std::string BackupName(base::WallTime time) {
  // "2026-11-29T02:00:00.000000Z" without colons and fraction.
  std::string text = base::FormatRfc3339(time);
  text = text.substr(0, text.find('.')) + "Z";
  std::erase(text, ':');
  return text;
}

std::optional<base::WallTime> ParseBackupName(std::string_view name) {
  constexpr size_t kMinutesAt = 13;
  constexpr size_t kSecondsAt = 15;
  constexpr size_t kLength = 18;
  if (name.size() != kLength) return std::nullopt;
  std::string text(name);
  text.insert(kSecondsAt, ":").insert(kMinutesAt, ":");
  const auto time = base::ParseRfc3339(text);
  if (!time.ok() || BackupName(*time) != name) return std::nullopt;
  return *time;
}

base::Result<std::vector<BackupSet>> ListSets(const fs::path& dir) {
  std::vector<BackupSet> sets;
  std::error_code missing;
  if (!fs::exists(dir, missing) && !missing) return sets;
  const auto names = Names(dir);
  if (!names.ok()) return names.error();
  for (const std::string& name : *names) {
    if (!NameBefore(name, kSetEnding) || !fs::is_directory(dir / name, missing)) continue;
    BackupSet& set = sets.emplace_back();
    set.dir = dir / name;
    const auto files = Names(set.dir);
    if (!files.ok()) return files.error();
    for (const std::string& file : *files) {
      if (const auto backup = NameBefore(file, kManifestEnding)) set.backups.push_back(*backup);
    }
  }
  return sets;
}

std::optional<base::WallTime> NewestBackup(const std::vector<BackupSet>& sets) {
  std::optional<base::WallTime> newest;
  for (const BackupSet& set : sets) {
    if (!set.backups.empty()) newest = std::max(newest, ParseBackupName(set.backups.back()));
  }
  return newest;
}

std::optional<base::WallTime> NewestFull(const std::vector<BackupSet>& sets) {
  std::optional<base::WallTime> newest;
  for (const BackupSet& set : sets) {
    // The set is called after it, whatever became of its manifest.
    if (set.backups.empty()) continue;
    const auto name = NameBefore(set.dir.filename().string(), kSetEnding);
    if (name) newest = std::max(newest, ParseBackupName(*name));
  }
  return newest;
}

uint64_t BytesOf(const std::vector<BackupSet>& sets) {
  uint64_t bytes = 0;
  for (const BackupSet& set : sets) {
    std::error_code failed;
    for (fs::directory_iterator at(set.dir, failed), end; !failed && at != end;
         at.increment(failed)) {
      std::error_code gone;
      const uint64_t size = at->file_size(gone);
      if (!gone) bytes += size;
    }
  }
  return bytes;
}

base::Result<base::UniqueFd> LockSets(const fs::path& dir) {
  const fs::path file = dir / "lock";
  base::UniqueFd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return SystemError(file, "opened");
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) {
      return base::Error{dir.string() + ": another program is making a backup there"};
    }
    return SystemError(file, "locked");
  }
  return fd;
}

base::Status Clean(const Key& key, const fs::path& dir) {
  const auto sets = ListSets(dir);
  if (!sets.ok()) return sets.error();
  for (const BackupSet& set : *sets) {
    if (!set.backups.empty()) continue;
    if (auto removed = Remove(set.dir); !removed.ok()) return removed;
  }
  const auto newest = std::find_if(sets->rbegin(), sets->rend(),
                                   [](const BackupSet& set) { return !set.backups.empty(); });
  return newest == sets->rend() ? base::Status() : CleanSet(key, *newest);
}

base::Result<std::vector<std::string>> Prune(const fs::path& dir, base::WallTime now,
                                             uint32_t keep_days) {
  auto sets = ListSets(dir);
  if (!sets.ok()) return sets.error();
  std::erase_if(*sets, [](const BackupSet& set) { return set.backups.empty(); });
  std::vector<std::string> removed;
  for (size_t i = 0; i + kSetsKept < sets->size(); i++) {
    const BackupSet& set = (*sets)[i];
    const auto newest = ParseBackupName(set.backups.back());
    if (!newest || now.ns - newest->ns <= keep_days * kNsPerDay) continue;
    if (auto gone = RemoveSet(set); !gone.ok()) return gone.error();
    removed.push_back(set.dir.filename());
  }
  return removed;
}

}  // namespace weir::control::backup

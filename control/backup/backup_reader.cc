#include "control/backup/backup_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <system_error>

#include "control/backup/backup_sets.h"
#include "control/backup/encrypted_file.h"

namespace weir::control::backup {
namespace {

namespace fs = std::filesystem;

base::Error Failed(const fs::path& path, const char* doing, const std::error_code& why) {
  return base::Error{path.string() + ": cannot be " + doing + ": " + why.message()};
}

// Decrypts one file of a backup into `sink`, and checks that it is the one.
base::Status ReadStored(const Key& key, const Manifest& manifest, const fs::path& set_dir,
                        const Manifest::File& file, const Sink& sink) {
  const fs::path path = set_dir / file.stored;
  const auto read = Decrypt(key, StoredPurpose(manifest.set, file.stored), path, sink);
  if (!read.ok() && read.error().message == kCancelled) return read.error();
  if (!read.ok()) return base::Error{read.error().message + " (" + file.path + ")"};
  if (*read == file.digest) return {};
  return base::Error{path.string() + ": is not what the backup had of " + file.path};
}

class Restorer {
 public:
  Restorer(const Key& key, const FoundBackup& backup, const fs::path& into,
           const OnProgress& progress)
      : key_(key), backup_(backup), into_(into), progress_(progress) {}

  base::Result<RestoreOutcome> Run() {
    auto manifest = ReadManifest(key_, backup_.set_dir, backup_.name);
    if (!manifest.ok()) return manifest.error();
    manifest_ = std::move(*manifest);
    total_.of = manifest_.bytes();
    if (auto begun = Begin(); !begun.ok()) return begun.error();
    for (const Manifest::File& file : manifest_.files) {
      if (auto restored = RestoreFile(file); !restored.ok()) return restored.error();
    }
    if (auto finished = Finish(); !finished.ok()) return finished.error();
    outcome_.set = manifest_.set;
    outcome_.name = manifest_.name;
    outcome_.made = manifest_.made;
    outcome_.sensor = manifest_.sensor;
    outcome_.files = manifest_.files.size();
    outcome_.bytes = manifest_.bytes();
    return outcome_;
  }

 private:
  base::Status Begin() {
    std::error_code failed;
    fs::create_directories(into_, failed);
    if (failed) return Failed(into_, "made", failed);
    const bool empty = fs::is_empty(into_, failed);
    if (failed) return Failed(into_, "read", failed);
    const std::string mark = manifest_.set + "/" + manifest_.name + "\n";
    const fs::path unfinished = into_ / kUnfinishedFile;
    if (empty) return WriteNewFile(unfinished, mark, 0600);
    std::ifstream in(unfinished);
    std::string line;
    std::getline(in, line);
    if (!in.is_open()) {
      return base::Error{into_.string() +
                         ": is not empty; a backup is restored into an empty folder"};
    }
    if (line + "\n" != mark) {
      return base::Error{into_.string() + ": holds part of another backup, " + line +
                         ": restore that one, or empty the folder"};
    }
    return RefuseStrangers();
  }

  // Only what the earlier attempt can have left.
  base::Status RefuseStrangers() {
    std::set<std::string> ours{kUnfinishedFile, kRestoredFile, std::string(kRestoredFile) + ".tmp"};
    for (const Manifest::File& file : manifest_.files) {
      ours.insert(file.path);
      ours.insert(file.path + ".tmp");
    }
    std::error_code failed;
    for (fs::recursive_directory_iterator at(into_, failed), end; !failed && at != end;
         at.increment(failed)) {
      if (at->is_directory(failed) || ours.contains(at->path().lexically_relative(into_))) continue;
      return base::Error{at->path().string() +
                         ": is not of the backup; restore into an empty folder"};
    }
    return failed ? base::Status(Failed(into_, "read", failed)) : base::Status();
  }

  base::Status RestoreFile(const Manifest::File& file) {
    const fs::path to = into_ / file.path;
    if (IsThere(file, to)) {
      outcome_.kept++;
      return Count(file.digest.bytes);
    }
    std::error_code failed;
    fs::create_directories(to.parent_path(), failed);
    if (failed) return Failed(to.parent_path(), "made", failed);
    auto out = NewFile::Make(to, static_cast<mode_t>(file.mode));
    if (!out.ok()) return out.error();
    const auto read =
        ReadStored(key_, manifest_, backup_.set_dir, file, [&](std::string_view piece) {
          auto written = out->Write(piece);
          return written.ok() ? Count(piece.size()) : written;
        });
    return read.ok() ? out->Commit() : read;
  }

  // As it is to be: of an earlier attempt.
  static bool IsThere(const Manifest::File& file, const fs::path& to) {
    std::error_code missing;
    const uint64_t size = fs::file_size(to, missing);
    if (missing || size != file.digest.bytes) return false;
    const auto digest = DigestFile(to, [](uint64_t) { return true; });
    if (!digest.ok() || *digest != file.digest) return false;
    return ::chmod(to.c_str(), static_cast<mode_t>(file.mode)) == 0;
  }

  base::Status Count(uint64_t bytes) {
    total_.done += bytes;
    if (progress_(total_)) return {};
    return base::Error{kCancelled};
  }

  // What was written since the backup may be known elsewhere: who goes on from here must know that
  // he was set back.
  base::Status Mark() const {
    auto out = NewFile::Make(into_ / kRestoredFile, 0644);
    if (!out.ok()) return out.error();
    const auto written = out->Write(fmt::format("{} {}/{}\n", base::FormatRfc3339(base::WallNow()),
                                                manifest_.set, manifest_.name));
    return written.ok() ? out->Commit() : written;
  }

  base::Status Finish() {
    if (auto marked = Mark(); !marked.ok()) return marked;
    std::set<fs::path> folders{into_};
    for (const Manifest::File& file : manifest_.files) {
      folders.insert((into_ / file.path).parent_path());
      std::error_code ignored;  // of an earlier attempt; it is usually not there
      fs::remove(into_ / (file.path + ".tmp"), ignored);
    }
    for (const fs::path& folder : folders) {
      if (auto synced = SyncFolder(folder); !synced.ok()) return synced;
    }
    std::error_code failed;
    fs::remove(into_ / kUnfinishedFile, failed);
    if (failed) return Failed(into_ / kUnfinishedFile, "removed", failed);
    return SyncFolder(into_);
  }

  const Key& key_;
  const FoundBackup& backup_;
  const fs::path& into_;
  const OnProgress& progress_;
  Manifest manifest_;
  RestoreOutcome outcome_;
  Progress total_;
};

}  // namespace

base::Result<std::optional<base::WallTime>> RestoredAt(const fs::path& data_dir) {
  const fs::path file = data_dir / kRestoredFile;
  std::error_code unreadable;
  if (!fs::exists(file, unreadable)) return std::optional<base::WallTime>();
  std::ifstream in(file);
  std::string word;
  in >> word;
  const auto time = base::ParseRfc3339(word);
  if (time.ok()) return std::optional<base::WallTime>(*time);
  return base::Error{file.string() +
                     ": does not say when the backup was restored: " + time.error().message};
}

base::Result<std::vector<FoundBackup>> ListBackups(const fs::path& dir) {
  std::error_code missing;
  if (!fs::is_directory(dir, missing)) return base::Error{dir.string() + ": is no folder"};
  const auto sets = ListSets(dir);
  if (!sets.ok()) return sets.error();
  std::vector<FoundBackup> found;
  for (const BackupSet& set : *sets) {
    for (const std::string& name : set.backups) found.push_back({set.dir, name});
  }
  return found;
}

base::Result<FoundBackup> FindBackup(const fs::path& dir, const std::string& set,
                                     const std::string& name) {
  auto found = ListBackups(dir);
  if (!found.ok()) return found.error();
  std::erase_if(*found, [&](const FoundBackup& backup) {
    return (!set.empty() && backup.set_dir.filename() != set) ||
           (!name.empty() && backup.name != name);
  });
  if (!found->empty()) return found->back();
  std::string which;
  if (!set.empty()) which += " in the set " + set;
  if (!name.empty()) which += " called " + name;
  return base::Error{dir.string() + ": holds no backup" + which};
}

base::Result<ReadOutcome> VerifyBackup(const Key& key, const FoundBackup& backup,
                                       const OnProgress& progress) {
  ReadOutcome outcome;
  outcome.backup = backup;
  const auto add_fault = [&outcome](const std::string& fault) {
    outcome.fault_count++;
    if (outcome.faults.size() < ReadOutcome::kFaultsMax) outcome.faults.push_back(fault);
  };
  const auto manifest = ReadManifest(key, backup.set_dir, backup.name);
  if (!manifest.ok()) {
    add_fault(manifest.error().message);
    return outcome;
  }
  Progress total{0, manifest->bytes()};
  bool cancelled = false;
  for (const Manifest::File& file : manifest->files) {
    const auto read = ReadStored(key, *manifest, backup.set_dir, file,
                                 [&](std::string_view piece) -> base::Status {
                                   total.done += piece.size();
                                   cancelled = !progress(total);
                                   if (cancelled) return base::Error{kCancelled};
                                   return {};
                                 });
    if (cancelled) return base::Error{kCancelled};
    outcome.files++;
    outcome.bytes += file.digest.bytes;
    if (!read.ok()) add_fault(read.error().message);
  }
  return outcome;
}

base::Result<RestoreOutcome> Restore(const Key& key, const FoundBackup& backup,
                                     const fs::path& into, const OnProgress& progress) {
  return Restorer(key, backup, into, progress).Run();
}

}  // namespace weir::control::backup

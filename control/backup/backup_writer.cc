#include "control/backup/backup_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <system_error>
#include <utility>
#include <vector>

#include "control/backup/backup_sets.h"
#include "control/backup/encrypted_file.h"

namespace weir::control::backup {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kNsPerHour = 3600 * base::kNsPerSecond;
// Half a day less than a week: the hour of the day varies by what was done before.
constexpr int64_t kFullEveryNs = (7 * 24 - 12) * kNsPerHour;

// What the set's backups hold, by content.
using Known = std::map<std::pair<std::string, uint64_t>, std::string>;

struct Source {
  std::string path;  // in the image
  uint64_t bytes = 0;
  uint32_t mode = 0;
};

base::Result<std::vector<Source>> ListImage(const fs::path& image) {
  std::vector<Source> sources;
  std::error_code failed;
  for (fs::recursive_directory_iterator at(image, failed), end; !failed && at != end;
       at.increment(failed)) {
    if (!at->is_regular_file(failed) || failed) continue;
    const uint64_t bytes = at->file_size(failed);
    if (failed) break;
    const auto mode = static_cast<uint32_t>(at->status(failed).permissions());
    sources.push_back({at->path().lexically_relative(image), bytes, mode & 0777});
  }
  if (failed) return base::Error{image.string() + ": cannot be read: " + failed.message()};
  std::ranges::sort(sources, {}, &Source::path);
  return sources;
}

class Writer {
 public:
  Writer(const BackupOptions& options, fs::path image, const OnProgress& progress)
      : options_(options), image_(std::move(image)), progress_(progress) {}

  base::Result<BackupOutcome> Run(base::WallTime now) {
    if (auto planned = Plan(now); !planned.ok()) return planned.error();
    auto written = Write();
    if (!written.ok()) Undo();
    return written;
  }

 private:
  // Which set, which name, and what the set has already.
  base::Status Plan(base::WallTime now) {
    const auto sets = ListSets(options_.dir);
    if (!sets.ok()) return sets.error();
    base::WallTime made = now;
    if (const auto newest = NewestBackup(*sets)) {
      if (newest->ns - now.ns > kFutureMaxNs) {
        return base::Error{options_.dir.string() + ": its newest backup is of " +
                           base::FormatRfc3339(*newest) +
                           ", which is in the future: set the clock right, or move it away"};
      }
      made = std::max(made, base::WallTime{newest->ns + base::kNsPerSecond});
    }
    manifest_.made = made;
    manifest_.name = BackupName(made);
    const auto full = NewestFull(*sets);
    bool incremental = !options_.full && full && now.ns - full->ns < kFullEveryNs;
    if (incremental) {
      const auto newest = std::find_if(sets->rbegin(), sets->rend(),
                                       [](const BackupSet& set) { return !set.backups.empty(); });
      incremental = LearnSet(*newest);
    }
    if (!incremental) {
      known_.clear();
      set_dir_ = options_.dir / (manifest_.name + "-full");
    }
    manifest_.kind = incremental ? Kind::kIncremental : Kind::kFull;
    manifest_.set = set_dir_.filename();
    manifest_.sensor = options_.sensor;
    manifest_.weir = options_.weir;
    return {};
  }

  // False: it is no set to add to.
  bool LearnSet(const BackupSet& set) {
    set_dir_ = set.dir;
    for (const std::string& name : set.backups) {
      const auto manifest = ReadManifest(options_.key, set.dir, name);
      if (!manifest.ok()) {
        outcome_.why_full = manifest.error().message;
        return false;
      }
      for (const Manifest::File& file : manifest->files) {
        std::error_code missing;
        const uint64_t size = fs::file_size(set.dir / file.stored, missing);
        // What is gone or cut short is written anew.
        if (missing || size != EncryptedBytes(file.digest.bytes)) continue;
        known_[{file.digest.sha256, file.digest.bytes}] = file.stored;
      }
    }
    return true;
  }

  base::Result<BackupOutcome> Write() {
    const auto sources = ListImage(image_);
    if (!sources.ok()) return sources.error();
    if (manifest_.kind == Kind::kFull) {
      std::error_code failed;
      fs::create_directory(set_dir_, failed);
      if (failed) {
        return base::Error{set_dir_.string() + ": cannot be made: " + failed.message()};
      }
    }
    for (const Source& source : *sources) total_.of += source.bytes;
    if (known_.empty()) total_.of *= 2;  // each is read back
    for (const Source& source : *sources) {
      if (auto added = Add(source); !added.ok()) return added.error();
    }
    if (auto synced = SyncFolder(set_dir_); !synced.ok()) return synced.error();
    for (const Manifest::File& file : new_) {
      if (auto read = ReadBack(file); !read.ok()) return read.error();
    }
    if (auto written = WriteManifest(options_.key, set_dir_, manifest_); !written.ok()) {
      return written.error();
    }
    if (auto synced = SyncFolder(options_.dir); !synced.ok()) return synced.error();
    outcome_.set = manifest_.set;
    outcome_.name = manifest_.name;
    outcome_.kind = manifest_.kind;
    outcome_.files = manifest_.files.size();
    outcome_.bytes = manifest_.bytes();
    outcome_.new_files = new_.size();
    for (const Manifest::File& file : new_) outcome_.new_bytes += file.digest.bytes;
    return outcome_;
  }

  base::Status Add(const Source& source) {
    const fs::path path = image_ / source.path;
    Manifest::File file;
    file.path = source.path;
    file.mode = source.mode;
    if (!known_.empty()) {
      const auto digest = DigestFile(path, step_);
      if (!digest.ok()) return digest.error();
      if (const auto found = known_.find({digest->sha256, digest->bytes}); found != known_.end()) {
        file.digest = *digest;
        file.stored = found->second;
        manifest_.files.push_back(std::move(file));
        return {};
      }
      total_.of += 2 * source.bytes;
    }
    file.stored = fmt::format("{}.{}.enc", manifest_.name, new_.size() + 1);
    auto digest = EncryptFile(options_.key, StoredPurpose(manifest_.set, file.stored), path,
                              set_dir_ / file.stored, step_);
    if (!digest.ok()) return digest.error();
    file.digest = std::move(*digest);
    new_.push_back(file);
    manifest_.files.push_back(std::move(file));
    return {};
  }

  base::Status ReadBack(const Manifest::File& file) {
    const fs::path path = set_dir_ / file.stored;
    const auto read = Decrypt(options_.key, StoredPurpose(manifest_.set, file.stored), path,
                              [this](std::string_view piece) -> base::Status {
                                if (step_(piece.size())) return {};
                                return base::Error{kCancelled};
                              });
    if (!read.ok()) return read.error();
    if (*read != file.digest) {
      return base::Error{path.string() +
                         ": is not what was written: the disk is not to be trusted"};
    }
    return {};
  }

  // Nobody knows of it yet. What cannot be removed now, the next backup's Clean() removes.
  void Undo() const {
    std::error_code ignored;
    if (manifest_.kind == Kind::kFull) {
      fs::remove_all(set_dir_, ignored);
      return;
    }
    fs::remove(ManifestFile(set_dir_, manifest_.name), ignored);
    for (size_t i = 1; i <= new_.size() + 1; i++) {
      fs::remove(set_dir_ / fmt::format("{}.{}.enc", manifest_.name, i), ignored);
    }
  }

  const BackupOptions& options_;
  const fs::path image_;
  const OnProgress& progress_;
  fs::path set_dir_;
  Known known_;
  Manifest manifest_;
  std::vector<Manifest::File> new_;
  BackupOutcome outcome_;
  Progress total_;
  const Step step_ = [this](uint64_t bytes) {
    total_.done += bytes;
    return progress_(total_);
  };
};

}  // namespace

base::Result<BackupOutcome> MakeBackup(const BackupOptions& options, const fs::path& image,
                                       base::WallTime now, const OnProgress& progress) {
  return Writer(options, image, progress).Run(now);
}

}  // namespace weir::control::backup

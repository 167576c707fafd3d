#include "control/backup/image.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <system_error>

#include "control/database/copy_database.h"

namespace weir::control::backup {
namespace {

namespace fs = std::filesystem;

constexpr const char* kImageFolder = "backup.image";

base::Error Failed(const fs::path& path, const char* doing, const std::error_code& why) {
  return base::Error{path.string() + ": cannot be " + doing + ": " + why.message()};
}

bool IsPassing(const std::string& name) {
  constexpr std::array<std::string_view, 4> kEndings{".tmp", "-wal", "-shm", "-journal"};
  return std::ranges::any_of(kEndings,
                             [&](std::string_view ending) { return name.ends_with(ending); });
}

class ImageTaker {
 public:
  explicit ImageTaker(const ImageSources& sources)
      : sources_(sources), into_(ImageFolder(sources.data_dir)) {}

  base::Status Take() {
    std::error_code failed;
    fs::create_directory(into_, failed);
    if (failed) return Failed(into_, "made", failed);
    fs::permissions(into_, fs::perms::owner_all, failed);
    if (failed) return Failed(into_, "given its mode", failed);
    if (auto taken = sources_.checkpoint(into_ / sources_.store); !taken.ok()) return taken;
    // The databases before what is beside them.
    for (const bool databases : {true, false}) {
      if (auto taken = TakeFiles(databases); !taken.ok()) return taken;
    }
    return {};
  }

 private:
  base::Status TakeFiles(bool databases) const {
    std::error_code failed;
    fs::recursive_directory_iterator at(sources_.data_dir,
                                        fs::directory_options::follow_directory_symlink, failed);
    for (; !failed && at != fs::recursive_directory_iterator(); at.increment(failed)) {
      const fs::path& path = at->path();
      if (IsLeftOut(path)) {
        at.disable_recursion_pending();
        continue;
      }
      std::error_code gone;
      if (!at->is_regular_file(gone) || IsPassing(path.filename())) continue;
      if ((path.extension() == ".db") != databases) continue;
      if (auto taken = TakeFile(path); !taken.ok()) return taken;
    }
    if (failed) return Failed(sources_.data_dir, "read", failed);
    return {};
  }

  bool IsLeftOut(const fs::path& path) const {
    if (path == into_ || path == sources_.data_dir / sources_.store) return true;
    return std::ranges::any_of(sources_.left_out, [&](const fs::path& other) {
      std::error_code missing;
      return path == other || fs::equivalent(path, other, missing);
    });
  }

  base::Status TakeFile(const fs::path& path) const {
    const fs::path inside = path.lexically_relative(sources_.data_dir);
    const fs::path to = into_ / inside;
    std::error_code failed;
    fs::create_directories(to.parent_path(), failed);
    if (failed) return Failed(to.parent_path(), "made", failed);
    if (path.extension() == ".db") return database::CopyDatabase(path, to);
    if (std::ranges::find(sources_.growing, *inside.begin()) == sources_.growing.end()) {
      fs::create_hard_link(path, to, failed);
      if (!failed) return {};
    }
    failed.clear();
    fs::copy_file(path, to, failed);
    if (failed == std::errc::no_such_file_or_directory) return {};  // it went meanwhile
    return failed ? base::Status(Failed(path, "copied", failed)) : base::Status();
  }

  const ImageSources& sources_;
  const fs::path into_;
};

}  // namespace

fs::path ImageFolder(const fs::path& data_dir) { return data_dir / kImageFolder; }

base::Status RemoveImage(const fs::path& data_dir) {
  std::error_code failed;
  fs::remove_all(ImageFolder(data_dir), failed);
  if (failed) return Failed(ImageFolder(data_dir), "removed", failed);
  return {};
}

base::Status TakeImage(const ImageSources& sources) {
  if (auto removed = RemoveImage(sources.data_dir); !removed.ok()) return removed;
  return ImageTaker(sources).Take();
}

}  // namespace weir::control::backup

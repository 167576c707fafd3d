#include "control/accounts/registry_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "dataplane/base/unique_fd.h"

namespace weir::control::accounts {
namespace {

constexpr mode_t kFileMode = 0640;

// Beside the file, then in its place, so that at any moment there is a whole one.
base::Status Replace(const std::filesystem::path& path, std::string_view text) {
  const std::string fresh = path.string() + ".new";
  const auto fail = [&fresh] {
    const base::Error error{fmt::format("{}: {}", fresh, std::strerror(errno))};
    ::unlink(fresh.c_str());
    return error;
  };
  const base::UniqueFd fd(
      ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, kFileMode));
  if (!fd) return fail();
  while (!text.empty()) {
    const ssize_t written = ::write(fd.get(), text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail();
    text.remove_prefix(static_cast<size_t>(written));
  }
  if (::fsync(fd.get()) != 0 || ::rename(fresh.c_str(), path.c_str()) != 0) return fail();
  return {};
}

ImportCounts Compare(const std::vector<Present>& before, const std::vector<Present>& after) {
  ImportCounts counts;
  ForEachDifference(before, after, [&](const Present* was, const Present* is) {
    if (was == nullptr) {
      ++counts.added;
    } else if (is == nullptr) {
      ++counts.removed;
    } else {
      ++counts.changed;
    }
  });
  return counts;
}

}  // namespace

RegistryFile::RegistryFile(std::filesystem::path path, Directory& directory, Log log)
    : path_(std::move(path)), directory_(directory), log_(std::move(log)) {}

void RegistryFile::Take(const std::optional<base::FileStamp>& stamp, const base::Status& outcome) {
  read_ = seen_ = stamp;
  if (outcome) status_.loaded = base::WallNow();
  status_.error = outcome ? "" : outcome.error().message;
}

base::Status RegistryFile::Load() {
  const std::scoped_lock lock(mutex_);
  // The stamp before the text: what is written in between is read again.
  const auto stamp = base::StampOf(path_);
  auto outcome = directory_.LoadRegistry(path_);
  Take(stamp, outcome);
  return outcome;
}

void RegistryFile::Look() {
  const std::scoped_lock lock(mutex_);
  const auto stamp = base::StampOf(path_);
  const bool is_still = std::exchange(seen_, stamp) == stamp;
  if (stamp == read_ || !is_still) return;
  const auto outcome = directory_.LoadRegistry(path_);
  Take(stamp, outcome);
  log_(outcome
           ? fmt::format("{} is read again: {} rows", path_.string(), directory_.registry_rows())
           : "the registry as it was before stays in use: " +
                 status_.error.substr(0, status_.error.find('\n')));
}

base::Result<ImportCounts> RegistryFile::Import(std::string_view text) {
  auto parsed = Registry::Parse(text, "import");
  if (!parsed) return parsed.error();
  const std::scoped_lock lock(mutex_);
  if (auto written = Replace(path_, text); !written) return written.error();
  const auto before = directory_.PresentBindings();
  directory_.InstallRegistry(std::move(*parsed));
  Take(base::StampOf(path_), {});
  ImportCounts counts = Compare(before, directory_.PresentBindings());
  counts.rows = directory_.registry_rows();
  log_(fmt::format("{} is imported: {} rows", path_.string(), counts.rows));
  return counts;
}

RegistryFile::Status RegistryFile::status() const {
  const std::scoped_lock lock(mutex_);
  return status_;
}

}  // namespace weir::control::accounts

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
constexpr int64_t kKeepAgainNs = 10 * base::kNsPerSecond;
constexpr int64_t kPruneEveryNs = int64_t{3600} * base::kNsPerSecond;

std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

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

// Puts the registry in use and then into the past, which must not keep it from being used.
RegistryPast::Kept RegistryFile::Install(Registry registry, RegistryOrigin origin) {
  origin.time.ns -= origin.time.ns % base::kNsPerUs;  // as the past has it
  RegistryPast::Kept kept{.since = origin.time};
  if (past_ == nullptr) {
    directory_.InstallRegistry(std::move(registry));
    return kept;
  }
  directory_.InstallRegistry(std::move(registry), origin.time);
  const auto in_use = directory_.registry();
  if (unkept_) ++status_.past_unkept;
  unkept_.reset();
  status_.past_error.clear();
  if (const auto done = past_->Keep(*in_use, origin)) {
    kept = *done;
    if (kept.since != origin.time) directory_.InstallRegistry(*in_use, kept.since);
  } else {
    status_.past_error = done.error().message;
    log_("the registry in use cannot be kept for look-ups of earlier times: " + status_.past_error);
    unkept_ = std::move(origin);
    tried_ = base::MonoNow();
  }
  return kept;
}

void RegistryFile::KeepAgain(base::MonoTime now) {
  if (!unkept_ || now.ns - tried_.ns < kKeepAgainNs) return;
  tried_ = now;
  if (const auto kept = past_->Keep(*directory_.registry(), *unkept_); !kept) {
    status_.past_error = kept.error().message;
    return;
  }
  unkept_.reset();
  status_.past_error.clear();
  log_("the registry in use is kept for look-ups of earlier times");
}

void RegistryFile::PruneNowAndThen(base::MonoTime now) {
  if (past_ == nullptr || now.ns - pruned_.ns < kPruneEveryNs) return;
  if (!past_->Prune(base::WallNow())) pruned_ = now;
}

// Of a file that nobody has imported.
base::Status RegistryFile::Read(bool at_start) {
  // The stamp before the text: what is written in between is read again.
  const auto stamp = base::StampOf(path_);
  auto registry = Directory::ReadRegistry(path_);
  const base::Status outcome = registry ? base::Status() : registry.error();
  Take(stamp, outcome);
  if (!registry) {
    if (record_) record_("refused: " + FirstLine(status_.error));
    return outcome;
  }
  const size_t rows = registry->rows();
  const auto kept = Install(std::move(*registry), {base::WallNow(), "file", ""});
  // A start with the registry of the time before is no news.
  if (record_ && (kept.changed() || !at_start)) {
    record_(
        fmt::format("done: {} rows; {} came, {} went", rows, kept.rows_added, kept.rows_removed));
  }
  return outcome;
}

base::Status RegistryFile::Load() {
  const std::scoped_lock lock(mutex_);
  return Read(true);
}

void RegistryFile::Look() {
  const std::scoped_lock lock(mutex_);
  const base::MonoTime now = base::MonoNow();
  KeepAgain(now);
  PruneNowAndThen(now);
  const auto stamp = base::StampOf(path_);
  const bool is_still = std::exchange(seen_, stamp) == stamp;
  if (stamp == read_ || !is_still) return;
  const auto outcome = Read(false);
  log_(outcome
           ? fmt::format("{} is read again: {} rows", path_.string(), directory_.registry_rows())
           : "the registry as it was before stays in use: " + FirstLine(status_.error));
}

base::Result<ImportCounts> RegistryFile::Import(std::string_view text, std::string_view actor) {
  auto parsed = Registry::Parse(text, "import");
  if (!parsed) return parsed.error();
  const std::scoped_lock lock(mutex_);
  if (auto written = Replace(path_, text); !written) return written.error();
  const auto before = directory_.PresentBindings();
  Install(std::move(*parsed), {base::WallNow(), "import", std::string(actor)});
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

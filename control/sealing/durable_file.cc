#include "control/sealing/durable_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "dataplane/base/unique_fd.h"

namespace weir::control::sealing {
namespace {

base::Error Failed(const std::filesystem::path& file, const char* doing) {
  return base::Error{file.string() + ": cannot be " + doing + ": " +
                     std::generic_category().message(errno)};
}

base::Status WriteAndSync(int fd, const std::filesystem::path& file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Failed(file, "written");
    text.remove_prefix(static_cast<size_t>(written));
  }
  return ::fsync(fd) == 0 ? base::Status() : Failed(file, "synced");
}

base::Status SyncFolderOf(const std::filesystem::path& file) {
  const auto folder = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
  const base::UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) return Failed(folder, "opened");
  return ::fsync(fd.get()) == 0 ? base::Status() : Failed(folder, "synced");
}

}  // namespace

base::Status WriteNewFile(const std::filesystem::path& file, std::string_view text, mode_t mode) {
  const base::UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (fd.get() < 0) return Failed(file, "made");
  if (auto written = WriteAndSync(fd.get(), file, text); !written.ok()) {
    ::unlink(file.c_str());  // half of it would stand in the way of the next attempt
    return written;
  }
  return SyncFolderOf(file);
}

base::Status ReplaceFile(const std::filesystem::path& file, std::string_view text, mode_t mode) {
  const std::filesystem::path fresh = file.string() + ".tmp";
  if (::unlink(fresh.c_str()) != 0 && errno != ENOENT) return Failed(fresh, "removed");
  if (auto written = WriteNewFile(fresh, text, mode); !written.ok()) return written;
  return MoveFile(fresh, file);
}

base::Status MoveFile(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return Failed(from, "moved");
  return SyncFolderOf(to);
}

base::Status OverwriteFile(const std::filesystem::path& file) {
  const base::UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  if (fd.get() < 0) return errno == ENOENT ? base::Status() : Failed(file, "opened");
  const off_t size = ::lseek(fd.get(), 0, SEEK_END);
  if (size < 0 || ::lseek(fd.get(), 0, SEEK_SET) != 0) return Failed(file, "measured");
  return WriteAndSync(fd.get(), file, std::string(static_cast<size_t>(size), '\0'));
}

base::Status DestroyFile(const std::filesystem::path& file) {
  if (auto overwritten = OverwriteFile(file); !overwritten.ok()) return overwritten;
  if (::unlink(file.c_str()) == 0) return SyncFolderOf(file);
  return errno == ENOENT ? base::Status() : Failed(file, "removed");
}

base::Status AppendDurably(const std::filesystem::path& file, std::string_view text, mode_t mode) {
  const bool fresh = !std::filesystem::exists(file);
  const base::UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, mode));
  if (fd.get() < 0) return Failed(file, "opened");
  if (auto written = WriteAndSync(fd.get(), file, text); !written.ok()) return written;
  return fresh ? SyncFolderOf(file) : base::Status();
}

}  // namespace weir::control::sealing

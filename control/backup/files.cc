#include "control/backup/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include "dataplane/base/sha256.h"

namespace weir::control::backup {

base::Error SystemError(const std::filesystem::path& file, std::string_view doing) {
  return base::Error{file.string() + ": cannot be " + std::string(doing) + ": " +
                     std::generic_category().message(errno)};
}

base::Status WriteAll(int fd, std::string_view bytes, const std::filesystem::path& file) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return SystemError(file, "written");
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

base::Result<size_t> ReadUpTo(int fd, char* buffer, size_t bytes,
                              const std::filesystem::path& file) {
  size_t got = 0;
  while (got < bytes) {
    const ssize_t piece = ::read(fd, buffer + got, bytes - got);
    if (piece < 0 && errno == EINTR) continue;
    if (piece < 0) return SystemError(file, "read");
    if (piece == 0) break;
    got += static_cast<size_t>(piece);
  }
  return got;
}

base::Status SyncFolder(const std::filesystem::path& folder) {
  const base::UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return SystemError(folder, "opened");
  return ::fsync(fd.get()) == 0 ? base::Status() : SystemError(folder, "synced");
}

base::Status WriteNewFile(const std::filesystem::path& file, std::string_view text, mode_t mode) {
  const base::UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!fd) return SystemError(file, "made");
  auto written = WriteAll(fd.get(), text, file);
  if (written.ok() && ::fsync(fd.get()) != 0) written = SystemError(file, "synced");
  if (!written.ok()) {
    ::unlink(file.c_str());  // half of it would stand in the way of the next attempt
    return written;
  }
  return SyncFolder(file.has_parent_path() ? file.parent_path() : ".");
}

base::Result<NewFile> NewFile::Make(const std::filesystem::path& file, mode_t mode) {
  std::filesystem::path temporary = file.string() + ".tmp";
  base::UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd) return SystemError(temporary, "made");
  NewFile made(file, std::move(temporary), std::move(fd));
  // Not as the umask has it, nor as one that was left behind had it.
  if (::fchmod(made.fd_.get(), mode) != 0) return SystemError(made.temporary_, "given its mode");
  return made;
}

NewFile::~NewFile() {
  if (fd_) ::unlink(temporary_.c_str());
}

base::Status NewFile::Commit() {
  if (::fsync(fd_.get()) != 0) return SystemError(temporary_, "synced");
  // What is read back is to come from the disk, and other files' pages are wanted more.
  ::posix_fadvise(fd_.get(), 0, 0, POSIX_FADV_DONTNEED);
  if (::rename(temporary_.c_str(), file_.c_str()) != 0) return SystemError(file_, "put in place");
  fd_.Reset();
  return {};
}

base::Result<FileDigest> DigestFile(const std::filesystem::path& file, const Step& step) {
  const base::UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return SystemError(file, "read");
  constexpr size_t kPieceBytes = 1 << 20;
  std::vector<char> piece(kPieceBytes);
  base::Sha256 sha256;
  FileDigest digest;
  for (;;) {
    const auto got = ReadUpTo(fd.get(), piece.data(), piece.size(), file);
    if (!got.ok()) return got.error();
    if (*got == 0) break;
    sha256.Add({piece.data(), *got});
    digest.bytes += *got;
    if (!step(*got)) return base::Error{kCancelled};
  }
  digest.sha256 = sha256.Hex();
  return digest;
}

}  // namespace weir::control::backup

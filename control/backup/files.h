// Files as backups need them: there after a power cut once a call has returned, and errors that
// name the file. Any thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "dataplane/base/result.h"
#include "dataplane/base/unique_fd.h"

namespace weir::control::backup {

// "FILE: cannot be DOING: No such file or directory", from errno.
base::Error SystemError(const std::filesystem::path& file, std::string_view doing);

base::Status WriteAll(int fd, std::string_view bytes, const std::filesystem::path& file);
// Fills the buffer unless the file ends; how much there was.
base::Result<size_t> ReadUpTo(int fd, char* buffer, size_t bytes,
                              const std::filesystem::path& file);
base::Status SyncFolder(const std::filesystem::path& folder);

// Makes a file with that content; fails where there is one already.
base::Status WriteNewFile(const std::filesystem::path& file, std::string_view text, mode_t mode);

// A file that comes into being as a whole: its bytes go to "FILE.tmp", which Commit() syncs and
// renames. What was not committed is removed.
class NewFile {
 public:
  static base::Result<NewFile> Make(const std::filesystem::path& file, mode_t mode);
  NewFile(NewFile&& other) noexcept = default;
  NewFile& operator=(NewFile&&) = delete;
  ~NewFile();

  base::Status Write(std::string_view bytes) { return WriteAll(fd_.get(), bytes, temporary_); }
  base::Status Commit();

 private:
  NewFile(std::filesystem::path file, std::filesystem::path temporary, base::UniqueFd fd)
      : file_(std::move(file)), temporary_(std::move(temporary)), fd_(std::move(fd)) {}

  std::filesystem::path file_;
  std::filesystem::path temporary_;
  base::UniqueFd fd_;
};

struct FileDigest {
  uint64_t bytes = 0;
  std::string sha256;  // 64 hex digits

  bool operator==(const FileDigest&) const = default;
};

// Called with each piece's bytes as work goes on; false ends it with kCancelled.
using Step = std::function<bool(uint64_t bytes)>;
inline constexpr const char* kCancelled = "cancelled";

base::Result<FileDigest> DigestFile(const std::filesystem::path& file, const Step& step);

}  // namespace weir::control::backup

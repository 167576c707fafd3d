// Tells when a file has become another one and keeps still, so that nobody reads what is still
// being written. One thread.
#pragma once

#include <filesystem>
#include <optional>
#include <utility>

#include "dataplane/base/file_stamp.h"

namespace weir::control::radius {

class FileWatch {
 public:
  // The file was read just now. Empty: there is none, and it never changes.
  explicit FileWatch(std::filesystem::path path) : path_(std::move(path)) {
    if (!path_.empty()) read_ = seen_ = base::StampOf(path_);
  }

  // To be asked now and then: whether it is another file than the one read last, and the same as
  // when this was asked last. It counts as read then.
  bool Changed() {
    if (path_.empty()) return false;
    const auto stamp = base::StampOf(path_);
    const bool is_still = std::exchange(seen_, stamp) == stamp;
    if (!is_still || stamp == read_) return false;
    read_ = stamp;
    return true;
  }

  const std::filesystem::path& path() const { return path_; }

 private:
  const std::filesystem::path path_;
  std::optional<base::FileStamp> read_;
  std::optional<base::FileStamp> seen_;
};

}  // namespace weir::control::radius

// Files that are there after a power cut once a call has returned. Any thread.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string_view>

#include "dataplane/base/result.h"

namespace weir::control::sealing {

// Makes a file with that content; fails where there is one already. Syncs it and its folder.
base::Status WriteNewFile(const std::filesystem::path& file, std::string_view text, mode_t mode);

// Puts a file with that content in the place of `file`, as a whole: nobody sees half of it.
base::Status ReplaceFile(const std::filesystem::path& file, std::string_view text, mode_t mode);

// Puts `from` in the place of `to`.
base::Status MoveFile(const std::filesystem::path& from, const std::filesystem::path& to);

// Overwrites the file's bytes where they lie, syncs, and removes it. On a disk that writes
// elsewhere (flash, copy on write) the old bytes may outlive it. Nothing when there is no file.
base::Status DestroyFile(const std::filesystem::path& file);
// The first half: the file stays, as zeros.
base::Status OverwriteFile(const std::filesystem::path& file);

// Adds to the end of the file, which is made when it is missing, and syncs it.
base::Status AppendDurably(const std::filesystem::path& file, std::string_view text, mode_t mode);

}  // namespace weir::control::sealing

// Files that are there after a power cut once a call has returned. Any thread.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string_view>

#include "dataplane/base/result.h"

namespace weir::control::sealing {

// Makes a file with that content; fails where there is one already. Syncs it and its folder.
base::Status WriteNewFile(const std::filesystem::path& file, std::string_view text, mode_t mode);

// Adds to the end of the file, which is made when it is missing, and syncs it.
base::Status AppendDurably(const std::filesystem::path& file, std::string_view text, mode_t mode);

}  // namespace weir::control::sealing

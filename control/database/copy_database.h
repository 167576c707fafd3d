// A copy of a SQLite file while others read and write it: page by page, as of one moment.
//
// Any thread. Writers are not held up.
#pragma once

#include <filesystem>

#include "dataplane/base/result.h"

namespace weir::control::database {

// `to` must not exist.
base::Status CopyDatabase(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace weir::control::database

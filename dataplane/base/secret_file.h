// Files with passwords and the like: refused when everybody on the machine may read them.
//
// Any thread. No error holds anything of the file's content.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "dataplane/base/result.h"

namespace weir::base {

// All of the file, of `bytes_max` at most.
Result<std::string> ReadSecretFile(const std::filesystem::path& file, size_t bytes_max);

// Its first `count` lines, without their ends: each of 1 to `bytes_max` bytes and without control
// characters. `expected` says what they are: "a password".
Result<std::vector<std::string>> ReadSecretLines(const std::filesystem::path& file, size_t count,
                                                 size_t bytes_max, std::string_view expected);

}  // namespace weir::base

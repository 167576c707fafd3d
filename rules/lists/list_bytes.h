// Whether bytes can be a list at all, before any format is asked. Pure.
#pragma once

#include <string_view>

#include "dataplane/base/result.h"

namespace weir::rules {

// `text` without its UTF-8 byte order mark.
std::string_view WithoutByteOrderMark(std::string_view text);

// Fails with what it is instead: empty, compressed, UTF-16 or UTF-32, binary, a page.
base::Status CheckListBytes(std::string_view text);

}  // namespace weir::rules

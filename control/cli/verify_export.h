// The text of scripts/verify_export, which every export brings along.
#pragma once

#include <string_view>

namespace weir::control::cli {

extern const std::string_view kVerifyExport;

}  // namespace weir::control::cli

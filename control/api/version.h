// The version that programs and metrics tell.
#pragma once

#include <string_view>

namespace weir::control {

inline constexpr std::string_view kVersion = WEIR_VERSION;  // of the CMake project

}  // namespace weir::control

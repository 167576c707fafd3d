// Whether bytes are well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates).
#pragma once

#include <string_view>

namespace weir::control::accounts {

bool IsUtf8(std::string_view text);

}  // namespace weir::control::accounts

// What devices send as text, made into text that can be shown, stored and compared.
//
// Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir::control::accounts {

// As the data plane takes it.
inline constexpr size_t kAccountBytesMax = 255;

// UTF-8 as it is; else GB18030 (GBK and GB2312 are parts of it) as UTF-8; else each byte that is
// not ASCII as "\xNN". Control characters are written like that in any case, and zeros at the end,
// which some devices send, are left out. At most `bytes_max` bytes, cut between characters.
std::string ReadableText(std::string_view bytes, size_t bytes_max = SIZE_MAX);

}  // namespace weir::control::accounts

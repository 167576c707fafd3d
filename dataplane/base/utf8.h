// UTF-8, one code point at a time. Pure; any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir::base {

// Takes one code point off the front of `text`, which must not be empty; false, and nothing taken,
// when the bytes are not well-formed (The Unicode Standard, table 3-7).
inline bool TakeUtf8(std::string_view& text, char32_t& out) {
  const auto lead = static_cast<uint8_t>(text[0]);
  if (lead < 0x80) {
    out = lead;
    text.remove_prefix(1);
    return true;
  }
  const size_t more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
  if (lead < 0xc2 || lead > 0xf4 || text.size() <= more) return false;
  char32_t c = lead & (0x3fU >> more);
  for (size_t i = 1; i <= more; ++i) {
    const auto next = static_cast<uint8_t>(text[i]);
    if ((next & 0xc0) != 0x80) return false;
    c = (c << 6) | (next & 0x3fU);
  }
  constexpr char32_t kLeast[] = {0, 0x80, 0x800, 0x10000};
  if (c < kLeast[more] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) return false;
  text.remove_prefix(more + 1);
  out = c;
  return true;
}

}  // namespace weir::base

// UTF-8, one code point at a time. Pure; any thread.
#pragma once

#include <cstddef>
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

inline constexpr size_t kUtf8BytesMax = 4;

// Writes one code point, and returns how many bytes it took.
inline size_t PutUtf8(char32_t c, char* out) {
  const auto more = [&](unsigned shift) { return static_cast<char>(0x80 | ((c >> shift) & 0x3f)); };
  if (c < 0x80) {
    out[0] = static_cast<char>(c);
    return 1;
  }
  if (c < 0x800) {
    out[0] = static_cast<char>(0xc0 | (c >> 6));
    out[1] = more(0);
    return 2;
  }
  if (c < 0x10000) {
    out[0] = static_cast<char>(0xe0 | (c >> 12));
    out[1] = more(6);
    out[2] = more(0);
    return 3;
  }
  out[0] = static_cast<char>(0xf0 | (c >> 18));
  out[1] = more(12);
  out[2] = more(6);
  out[3] = more(0);
  return 4;
}

}  // namespace weir::base

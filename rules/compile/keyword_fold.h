// The one form in which keywords and the text that is searched for them are compared.
//
// What people read as one word is sent in many ways. Folding takes off what HTTP and its payloads
// put around it: "%E5%8D%9A" (RFC 3986 §2.1), "%u535A", "\u535A" and "\/" (RFC 8259 §7) become
// UTF-8, capital letters of ASCII small ones, a plus (WHATWG URL, urlencoded) and each blank a
// space. Once: "%2565" is "%65". Both the keyword and the text go through it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir::rules {

// Of a text that may come in pieces. No allocation; a few bytes of state.
class KeywordFold {
 public:
  // What Fold() may write beyond the bytes that it is given.
  static constexpr size_t kMoreBytesMax = 16;

  // Writes to `out`, which has room for text.size() + kMoreBytesMax, and returns how many bytes.
  // The beginning of an escape at the end is held back.
  size_t Fold(std::string_view text, char* out);
  // The text is at its end: what was held back, as it stands. Ready for another text.
  size_t Finish(char* out);

 private:
  static constexpr size_t kEscapeBytesMax = 6;  // \u535a

  size_t Take(char c, char* out);
  size_t TakePlain(char c, char* out);
  size_t TakeCodePoint(char32_t point, char* out);
  size_t EndPair(char* out);

  std::array<char, kEscapeBytesMax> held_{};
  uint8_t held_count_ = 0;
  uint16_t high_surrogate_ = 0;  // 0: none
};

std::string Folded(std::string_view text);

}  // namespace weir::rules

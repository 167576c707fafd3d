#include "rules/compile/keyword_fold.h"

#include <algorithm>

#include "dataplane/base/hex.h"
#include "dataplane/base/utf8.h"

namespace weir::rules {
namespace {

using base::HexDigit;

constexpr char32_t kReplacement = 0xfffd;

uint32_t HexNumber(std::string_view digits) {
  uint32_t number = 0;
  for (const char c : digits) number = number << 4 | static_cast<uint32_t>(HexDigit(c));
  return number;
}

enum class Escape : uint8_t { kNone, kBegun, kWhole };

// What begins with % or a backslash.
Escape Recognise(std::string_view text) {
  if (text.size() == 1) return Escape::kBegun;
  const bool percent = text[0] == '%';
  if (!percent && text[1] == '/') return Escape::kWhole;
  const bool wide = text[1] == 'u' || (percent && text[1] == 'U');
  if (!wide && !percent) return Escape::kNone;
  const std::string_view digits = text.substr(wide ? 2 : 1);
  if (!std::ranges::all_of(digits, [](char c) { return HexDigit(c) >= 0; })) return Escape::kNone;
  return digits.size() == (wide ? 4 : 2) ? Escape::kWhole : Escape::kBegun;
}

char FoldedByte(char c) {
  if (c >= 'A' && c <= 'Z') return static_cast<char>(c | 0x20);
  return c == '+' || c == '\t' || c == '\r' || c == '\n' ? ' ' : c;
}

}  // namespace

size_t KeywordFold::Fold(std::string_view text, char* out) {
  size_t bytes = 0;
  for (const char c : text) bytes += Take(c, out + bytes);
  return bytes;
}

size_t KeywordFold::Finish(char* out) {
  size_t bytes = 0;
  for (size_t i = 0; i < held_count_; ++i) bytes += TakePlain(held_[i], out + bytes);
  held_count_ = 0;
  return bytes + EndPair(out + bytes);
}

size_t KeywordFold::Take(char c, char* out) {
  if (held_count_ == 0) {
    if (c != '%' && c != '\\') return TakePlain(c, out);
    held_[held_count_++] = c;
    return 0;
  }
  held_[held_count_++] = c;
  const std::string_view held(held_.data(), held_count_);
  const Escape escape = Recognise(held);
  if (escape == Escape::kBegun) return 0;
  held_count_ = 0;
  if (escape == Escape::kWhole) {
    if (held.size() == 2) return TakePlain('/', out);
    if (held.size() == 3) return TakePlain(static_cast<char>(HexNumber(held.substr(1))), out);
    return TakeCodePoint(HexNumber(held.substr(2)), out);
  }
  // No escape: all of it but the last byte is plain, and that one may begin another.
  size_t bytes = 0;
  for (const char before : held.substr(0, held.size() - 1)) bytes += TakePlain(before, out + bytes);
  return bytes + Take(c, out + bytes);
}

size_t KeywordFold::TakePlain(char c, char* out) {
  const size_t bytes = EndPair(out);
  out[bytes] = FoldedByte(c);
  return bytes + 1;
}

size_t KeywordFold::TakeCodePoint(char32_t point, char* out) {
  if (point < 0x80) return TakePlain(static_cast<char>(point), out);
  const bool is_low = point >= 0xdc00 && point <= 0xdfff;
  if (is_low && high_surrogate_ != 0) {
    point = 0x10000 + ((char32_t{high_surrogate_} - 0xd800) << 10) + (point - 0xdc00);
    high_surrogate_ = 0;
    return base::PutUtf8(point, out);
  }
  const size_t bytes = EndPair(out);
  if (point >= 0xd800 && point <= 0xdbff) {
    high_surrogate_ = static_cast<uint16_t>(point);
    return bytes;
  }
  return bytes + base::PutUtf8(is_low ? kReplacement : point, out + bytes);
}

// The first half of a pair without the second.
size_t KeywordFold::EndPair(char* out) {
  if (high_surrogate_ == 0) return 0;
  high_surrogate_ = 0;
  return base::PutUtf8(kReplacement, out);
}

std::string Folded(std::string_view text) {
  std::string out(text.size() + 2 * KeywordFold::kMoreBytesMax, '\0');
  KeywordFold fold;
  const size_t bytes = fold.Fold(text, out.data());
  out.resize(bytes + fold.Finish(out.data() + bytes));
  return out;
}

}  // namespace weir::rules

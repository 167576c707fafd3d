#include "rules/lists/line_text.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>

#include "dataplane/base/utf8.h"

namespace weir::rules {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsHexLetter(char c) { return (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
char LowerCase(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

}  // namespace

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && IsBlank(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsBlank(text.back())) text.remove_suffix(1);
  return text;
}

std::string_view TakeWord(std::string_view& text) {
  size_t begin = 0;
  while (begin < text.size() && IsBlank(text[begin])) ++begin;
  size_t end = begin;
  while (end < text.size() && !IsBlank(text[end])) ++end;
  const std::string_view word = text.substr(begin, end - begin);
  text.remove_prefix(end);
  return word;
}

std::string_view TakeLine(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::string_view Before(std::string_view text, char mark) {
  return Trimmed(text.substr(0, text.find(mark)));
}

bool IsUtf8(std::string_view text) {
  constexpr uint64_t kHighBits = 0x8080808080808080;
  while (!text.empty()) {
    uint64_t eight = 0;
    if (text.size() >= sizeof eight) {
      std::memcpy(&eight, text.data(), sizeof eight);
      if ((eight & kHighBits) == 0) {
        text.remove_prefix(sizeof eight);
        continue;
      }
    }
    char32_t c = 0;
    if (!base::TakeUtf8(text, c)) return false;
  }
  return true;
}

bool SameWord(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return LowerCase(x) == LowerCase(y); });
}

bool EndsWithWord(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && SameWord(text.substr(text.size() - end.size()), end);
}

bool LooksLikeAddress(std::string_view word) {
  bool colon = false;
  bool letter = false;
  for (const char c : word) {
    if (IsDigit(c) || c == '.' || c == '/' || c == '-') continue;
    if (c == ':') {
      colon = true;
    } else if (IsHexLetter(c)) {
      letter = true;
    } else {
      return false;
    }
  }
  return !word.empty() && (colon || (!letter && IsDigit(word[0])));
}

std::string Shown(std::string_view text, size_t bytes_max) {
  std::string out;
  while (!text.empty()) {
    const std::string_view before = text;
    char32_t c = 0;
    const bool good = base::TakeUtf8(text, c);
    if (!good) text.remove_prefix(1);
    if (good && (c < ' ' || (c >= 0x7f && c < 0xa0))) continue;
    const std::string_view taken =
        good ? before.substr(0, before.size() - text.size()) : std::string_view("?");
    if (out.size() + taken.size() > bytes_max) break;
    out += taken;
  }
  return out;
}

bool ParseNumber(std::string_view word, unsigned& out) {
  constexpr size_t kDigitsMax = 9;
  if (word.empty() || word.size() > kDigitsMax || !IsDigit(word[0])) return false;
  const auto [end, fault] = std::from_chars(word.data(), word.data() + word.size(), out);
  return fault == std::errc() && end == word.data() + word.size();
}

}  // namespace weir::rules

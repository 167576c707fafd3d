#include "control/accounts/readable_text.h"

#include <fmt/format.h>
#include <iconv.h>

#include <optional>

#include "control/accounts/utf8.h"

namespace weir::control::accounts {
namespace {

// Empty: it is no GB18030.
std::optional<std::string> FromGb18030(std::string_view bytes) {
  const iconv_t converter = ::iconv_open("UTF-8", "GB18030");
  // NOLINTNEXTLINE(performance-no-int-to-ptr): iconv_open(3)'s own way to say that it failed
  if (converter == iconv_t(-1)) return std::nullopt;
  std::string from(bytes);
  std::string text(from.size() * 4, '\0');  // no character takes more
  char* in = from.data();
  char* out = text.data();
  size_t in_bytes = from.size();
  size_t out_bytes = text.size();
  const bool failed = ::iconv(converter, &in, &in_bytes, &out, &out_bytes) != 0;
  ::iconv_close(converter);
  if (failed || in_bytes != 0) return std::nullopt;
  text.resize(text.size() - out_bytes);
  return text;
}

bool IsControl(char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7f; }

bool IsAscii(char c) { return static_cast<uint8_t>(c) < 0x80; }

bool ContinuesCharacter(char c) { return (static_cast<uint8_t>(c) & 0xc0) == 0x80; }

}  // namespace

std::string ReadableText(std::string_view bytes, size_t bytes_max) {
  while (bytes.ends_with('\0')) bytes.remove_suffix(1);
  std::optional<std::string> converted;
  bool is_text = IsUtf8(bytes);
  if (!is_text) {
    converted = FromGb18030(bytes);
    is_text = converted.has_value();
  }
  std::string out;
  for (const char c : converted ? std::string_view(*converted) : bytes) {
    const bool is_plain = !IsControl(c) && (is_text || IsAscii(c));
    const std::string piece =
        is_plain ? std::string(1, c) : fmt::format("\\x{:02x}", static_cast<uint8_t>(c));
    if (out.size() + piece.size() > bytes_max) {
      // Not in the middle of a character.
      const bool splits = is_text && ContinuesCharacter(c);
      while (splits && !out.empty() && ContinuesCharacter(out.back())) out.pop_back();
      if (splits && !out.empty() && !IsAscii(out.back())) out.pop_back();
      break;
    }
    out += piece;
  }
  return out;
}

}  // namespace weir::control::accounts

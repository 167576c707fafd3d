#include "control/api/log_text.h"

#include <array>

namespace weir::control::api {
namespace {

bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

// The bytes of a character behind ASCII that shows as a blank, or not at all; 0 when it is none.
size_t UnseenBytes(std::string_view text) {
  constexpr std::array<std::string_view, 3> kBlanks{"\xe1\x9a\x80", "\xe3\x80\x80", "\xef\xbb\xbf"};
  for (const std::string_view blank : kBlanks) {
    if (text.starts_with(blank)) return blank.size();
  }
  const auto byte = [text](size_t at) { return static_cast<unsigned char>(text[at]); };
  // U+0080 to U+00A0: more control characters, and the blank that does not break.
  if (text.size() >= 2 && byte(0) == 0xc2 && byte(1) <= 0xa0) return 2;
  // U+2000 to U+206F: blanks, joiners, line ends and what turns the direction of writing.
  const bool general = text.size() >= 3 && byte(0) == 0xe2;
  return general && (byte(1) == 0x80 || (byte(1) == 0x81 && byte(2) <= 0xaf)) ? 3 : 0;
}

void AddEncoded(std::string& out, std::string_view bytes) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
}

std::string EncodeReason(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '(' || c == ')' || c == '%' || IsControl(c)) {
      AddEncoded(out, {&c, 1});
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

std::string LogValue(std::string_view value) {
  std::string out;
  while (!value.empty()) {
    const char c = value.front();
    const bool marks = c == '%' || c == '=' || c == ' ' || IsControl(c);
    const size_t encoded = marks ? 1 : UnseenBytes(value);
    if (encoded > 0) {
      AddEncoded(out, value.substr(0, encoded));
    } else {
      out += c;
    }
    value.remove_prefix(encoded > 0 ? encoded : 1);
  }
  return out;
}

std::string LogQuery(const Request& request) {
  std::string out;
  for (const auto& [name, value] : request.query) {
    if (name == "reason" || name == "request" || name == "format" || value.empty()) continue;
    out += (out.empty() ? "" : " ") + LogValue(name) + "=" + LogValue(value);
  }
  return out;
}

std::string LogReason(std::string_view reason, std::string_view request) {
  std::string out = EncodeReason(reason);
  if (request.empty()) return out;
  return out + (out.empty() ? "(" : " (") + EncodeReason(request) + ")";
}

std::string LogReason(const Request& request) {
  const auto text = [&request](const char* name) {
    std::string of_query = request.QueryText(name);
    return of_query.empty() ? request.BodyText(name) : of_query;
  };
  return LogReason(text("reason"), text("request"));
}

}  // namespace weir::control::api

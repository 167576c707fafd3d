#include "rules/lists/list_bytes.h"

#include <algorithm>
#include <string>

#include "rules/lists/line_text.h"

namespace weir::rules {
namespace {

using namespace std::string_view_literals;

struct Magic {
  std::string_view bytes;
  std::string_view program;
};

constexpr Magic kCompressed[] = {
    {"\x1f\x8b"sv, "gzip"},
    {"\x28\xb5\x2f\xfd"sv, "zstd"},
    {"\xfd\x37zXZ\0"sv, "xz"},
    {"BZh"sv, "bzip2"},
    {"PK\x03\x04"sv, "zip"},
    {"PK\x05\x06"sv, "zip"},
    {"\x37\x7a\xbc\xaf\x27\x1c"sv, "7-Zip"},
};

constexpr size_t kLookedAtBytes = 4096;

bool IsUtf16Or32(std::string_view text) {
  if (text.starts_with("\xff\xfe"sv) || text.starts_with("\xfe\xff"sv)) return true;
  if (text.starts_with("\0\0\xfe\xff"sv)) return true;
  // Without a mark: a zero byte beside each of the first characters.
  constexpr size_t kPairs = 4;
  if (text.size() < 2 * kPairs) return false;
  size_t low_zeros = 0, high_zeros = 0;
  for (size_t i = 0; i < 2 * kPairs; i += 2) {
    if (text[i] == '\0' && text[i + 1] != '\0') ++high_zeros;
    if (text[i] != '\0' && text[i + 1] == '\0') ++low_zeros;
  }
  return low_zeros == kPairs || high_zeros == kPairs;
}

// Zero bytes, or more control characters than a text has by mistake.
bool IsBinary(std::string_view text) {
  const std::string_view head = text.substr(0, kLookedAtBytes);
  const auto control = [](char c) {
    return static_cast<unsigned char>(c) < ' ' && "\t\n\v\f\r\x1b"sv.find(c) == ""sv.npos;
  };
  const auto controls = static_cast<size_t>(std::count_if(head.begin(), head.end(), control));
  return head.find('\0') != head.npos || controls > head.size() / 10;
}

}  // namespace

std::string_view WithoutByteOrderMark(std::string_view text) {
  constexpr std::string_view kMark = "\xef\xbb\xbf";
  return text.starts_with(kMark) ? text.substr(kMark.size()) : text;
}

base::Status CheckListBytes(std::string_view text) {
  for (const Magic& magic : kCompressed) {
    if (!text.starts_with(magic.bytes)) continue;
    return base::Error{"it is compressed with " + std::string(magic.program) + ": unpack it first"};
  }
  if (IsUtf16Or32(text)) return base::Error{"it is UTF-16 or UTF-32: store it as UTF-8"};
  if (IsBinary(text)) return base::Error{"it is binary, and no text"};
  text = WithoutByteOrderMark(text);
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == text.npos) return base::Error{"it is empty"};
  if (text[begin] == '<') {
    return base::Error{"it is an HTML page, perhaps an error page, and no list"};
  }
  return {};
}

}  // namespace weir::rules

#include "control/cli/text.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <ctime>

#include "control/policy/block.h"

namespace weir::control::cli {
namespace {

constexpr size_t kColumnsWithoutTerminal = 100;
constexpr std::string_view kReplacement = "\xef\xbf\xbd";
constexpr std::string_view kEllipsis = "\xe2\x80\xa6";

struct CharacterRange {
  char32_t first;
  char32_t last;
};

// East Asian Wide and Fullwidth, by block (Unicode 15, UAX 11), and emoji.
constexpr std::array<CharacterRange, 15> kWide{{{0x1100, 0x115f},
                                                {0x2e80, 0x303e},
                                                {0x3041, 0x33ff},
                                                {0x3400, 0x4dbf},
                                                {0x4e00, 0x9fff},
                                                {0xa000, 0xa4cf},
                                                {0xa960, 0xa97c},
                                                {0xac00, 0xd7a3},
                                                {0xf900, 0xfaff},
                                                {0xfe30, 0xfe6f},
                                                {0xff00, 0xff60},
                                                {0xffe0, 0xffe6},
                                                {0x1f300, 0x1f64f},
                                                {0x1f900, 0x1f9ff},
                                                {0x20000, 0x3fffd}}};
constexpr std::array<CharacterRange, 5> kNoWidth{
    {{0x0300, 0x036f}, {0x200b, 0x200f}, {0x202a, 0x202e}, {0x2060, 0x2064}, {0xfe00, 0xfe0f}}};

template <size_t N>
bool IsIn(const std::array<CharacterRange, N>& ranges, char32_t character) {
  return std::any_of(ranges.begin(), ranges.end(), [character](const CharacterRange& range) {
    return range.first <= character && character <= range.last;
  });
}

struct Decoded {
  char32_t character = 0xfffd;
  size_t bytes = 1;
  bool good = false;
};

// The first character of a text that is not empty.
Decoded DecodeUtf8(std::string_view text) {
  const auto byte = [&text](size_t at) { return static_cast<unsigned char>(text[at]); };
  if (byte(0) < 0x80) return {byte(0), 1, true};
  size_t bytes = 0;
  char32_t character = 0;
  char32_t least = 0;
  if (byte(0) >= 0xc2 && byte(0) <= 0xdf) {
    bytes = 2, character = byte(0) & 0x1fU, least = 0x80;
  } else if (byte(0) >= 0xe0 && byte(0) <= 0xef) {
    bytes = 3, character = byte(0) & 0x0fU, least = 0x800;
  } else if (byte(0) >= 0xf0 && byte(0) <= 0xf4) {
    bytes = 4, character = byte(0) & 0x07U, least = 0x10000;
  }
  if (bytes == 0 || text.size() < bytes) return {};
  for (size_t at = 1; at < bytes; ++at) {
    if ((byte(at) & 0xc0) != 0x80) return {};
    character = (character << 6) | (byte(at) & 0x3fU);
  }
  const bool surrogate = character >= 0xd800 && character <= 0xdfff;
  if (character < least || character > 0x10ffff || surrogate) return {};
  return {character, bytes, true};
}

// Also the marks that turn the direction of writing: with them a name can pretend to be another.
bool IsUnsafe(char32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e) ||
         (c >= 0x2066 && c <= 0x2069);
}

std::optional<size_t> EnvironmentColumns() {
  const char* text = std::getenv("COLUMNS");
  if (text == nullptr) return std::nullopt;
  size_t columns = 0;
  const std::string_view view(text);
  const auto [after, failed] = std::from_chars(view.data(), view.data() + view.size(), columns);
  if (failed != std::errc() || after != view.data() + view.size()) return std::nullopt;
  return columns;
}

std::optional<base::WallTime> ParseLocal(const std::string& text) {
  for (const char* form : {"%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"}) {
    std::tm parts{};
    const char* end = ::strptime(text.c_str(), form, &parts);
    if (end == nullptr || *end != '\0') continue;
    parts.tm_isdst = -1;
    const std::time_t seconds = std::mktime(&parts);
    if (seconds != -1) return base::WallTime{seconds * base::kNsPerSecond};
  }
  return std::nullopt;
}

}  // namespace

int CharacterColumns(char32_t character) {
  if (IsIn(kNoWidth, character)) return 0;
  return IsIn(kWide, character) ? 2 : 1;
}

size_t TextColumns(std::string_view utf8) {
  size_t columns = 0;
  while (!utf8.empty()) {
    const Decoded decoded = DecodeUtf8(utf8);
    columns += static_cast<size_t>(CharacterColumns(decoded.character));
    utf8.remove_prefix(decoded.bytes);
  }
  return columns;
}

std::string Printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const Decoded decoded = DecodeUtf8(text);
    if (decoded.good && !IsUnsafe(decoded.character)) {
      out += text.substr(0, decoded.bytes);
    } else {
      out += kReplacement;
    }
    text.remove_prefix(decoded.bytes);
  }
  return out;
}

std::string FitColumns(std::string_view text, size_t columns) {
  if (TextColumns(text) <= columns) return std::string(text);
  if (columns == 0) return {};
  std::string out;
  size_t used = 1;  // of the ellipsis
  while (!text.empty()) {
    const Decoded decoded = DecodeUtf8(text);
    const auto width = static_cast<size_t>(CharacterColumns(decoded.character));
    if (used + width > columns) break;
    used += width;
    out += text.substr(0, decoded.bytes);
    text.remove_prefix(decoded.bytes);
  }
  return out + std::string(kEllipsis);
}

size_t TerminalColumns() {
  if (const auto columns = EnvironmentColumns()) return *columns == 0 ? SIZE_MAX : *columns;
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return kColumnsWithoutTerminal;
}

std::string LocalTime(std::string_view rfc3339) {
  const auto time = base::ParseRfc3339(rfc3339);
  if (!time) return std::string(rfc3339);
  const std::time_t seconds = time->ns / base::kNsPerSecond;
  std::tm parts{};
  if (::localtime_r(&seconds, &parts) == nullptr) return std::string(rfc3339);
  std::array<char, 64> text;
  const size_t bytes = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  const long offset_min = parts.tm_gmtoff / 60;
  const long absolute = offset_min < 0 ? -offset_min : offset_min;
  return fmt::format("{}{}{:02}:{:02}", std::string_view(text.data(), bytes),
                     offset_min < 0 ? '-' : '+', absolute / 60, absolute % 60);
}

std::string TableTime(std::string_view rfc3339) {
  const std::string full = LocalTime(rfc3339);
  constexpr size_t kYearBytes = 5;
  constexpr size_t kShortBytes = 14;
  if (TerminalColumns() >= kWideColumns || full.size() < kYearBytes + kShortBytes) return full;
  return full.substr(kYearBytes, kShortBytes);
}

base::Result<base::WallTime> ParseUserTime(std::string_view text, base::WallTime now) {
  if (const auto exact = base::ParseRfc3339(text); exact.ok()) return *exact;
  if (const auto ago = policy::ParseDuration(text); ago.ok()) {
    return base::WallTime{now.ns - *ago * base::kNsPerSecond};
  }
  if (const auto local = ParseLocal(std::string(text))) return *local;
  return base::Error{
      "'" + std::string(text) +
      "' is not a time; write 2026-11-22T17:30:00+08:00, '2026-11-22 17:30' in local "
      "time, or 2h for two hours ago"};
}

std::string ShortBytes(uint64_t bytes) {
  constexpr std::string_view kUnits = "kMGTPE";
  if (bytes < 1000) return std::to_string(bytes);
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  for (value /= 1000; value >= 999.5 && unit + 1 < kUnits.size(); ++unit) value /= 1000;
  return value < 9.95 ? fmt::format("{:.1f}{}", value, kUnits[unit])
                      : fmt::format("{:.0f}{}", value, kUnits[unit]);
}

std::string ShortSeconds(int64_t seconds) {
  const std::string sign = seconds < 0 ? "-" : "";
  const int64_t left = seconds < 0 ? -seconds : seconds;
  if (left < 60) return fmt::format("{}{}s", sign, left);
  if (left < 3600) return fmt::format("{}{}m", sign, left / 60);
  if (left < 100 * 3600) return fmt::format("{}{}h{:02}m", sign, left / 3600, left % 3600 / 60);
  return fmt::format("{}{}d", sign, left / 86'400);
}

}  // namespace weir::control::cli

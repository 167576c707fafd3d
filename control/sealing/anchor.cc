#include "control/sealing/anchor.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

#include "control/sealing/durable_file.h"

namespace weir::control::sealing {
namespace {

constexpr std::string_view kBegin = "weir anchor 1";

constexpr std::string_view kSoftBreaks[] = {"=\r\n", "=\n"};
constexpr size_t kNumberDigitsMax = 20;
constexpr size_t kRecordDigits = 32;

// Takes digits of [0-9a-f]; a mail program that has wrapped the line, or marked it as an answer's,
// leaves blanks and '>' before them.
std::string_view TakeDigits(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(" \t\r\n>"), rest.size()));
  const size_t end = std::min(rest.find_first_not_of("0123456789abcdef"), rest.size());
  const std::string_view digits = rest.substr(0, end);
  rest.remove_prefix(end);
  return digits;
}

bool TakeAnchor(std::string_view& rest, Anchor& anchor) {
  anchor.record = TakeDigits(rest);
  const std::string_view number = TakeDigits(rest);
  anchor.digest = TakeDigits(rest);
  const auto parsed = std::from_chars(number.data(), number.data() + number.size(), anchor.number);
  return parsed.ec == std::errc() && parsed.ptr == number.data() + number.size() &&
         number.size() <= kNumberDigitsMax && anchor.record.size() == kRecordDigits &&
         anchor.digest.size() == 64;
}

// Without the ends of lines that quoted-printable puts in (RFC 2045 §6.7).
std::string Unbroken(std::string_view text) {
  std::string unbroken;
  while (!text.empty()) {
    size_t at = text.npos;
    size_t size = 0;
    for (const std::string_view soft : kSoftBreaks) {
      const size_t found = text.find(soft);
      if (found >= at) continue;
      at = found;
      size = soft.size();
    }
    unbroken += text.substr(0, at);
    text.remove_prefix(at == text.npos ? text.size() : at + size);
  }
  return unbroken;
}

// None when there is no file, or no anchor in it.
base::Result<std::vector<Anchor>> ReadAnchors(const std::filesystem::path& file) {
  std::error_code failed;
  if (!std::filesystem::exists(file, failed) && !failed) return std::vector<Anchor>();
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  if (in.peek() != std::ifstream::traits_type::eof()) text << in.rdbuf();
  if (in.bad() || !in.is_open()) return base::Error{file.string() + ": cannot be read"};
  auto anchors = ParseAnchors(text.str());
  return anchors.ok() ? std::move(*anchors) : std::vector<Anchor>();
}

bool IsBase64Mail(std::string_view text) {
  std::string lower(text.substr(0, std::min<size_t>(text.size(), 64 << 10)));
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
  });
  return lower.find("content-transfer-encoding: base64") != lower.npos;
}

}  // namespace

std::string AnchorLine(const Anchor& anchor) {
  return fmt::format("{} {} {} {}\n", kBegin, anchor.record, anchor.number, anchor.digest);
}

base::Result<std::vector<Anchor>> ParseAnchors(std::string_view text) {
  std::vector<Anchor> anchors;
  const std::string unbroken = Unbroken(text);
  std::string_view rest(unbroken);
  for (size_t at = rest.find(kBegin); at != rest.npos; at = rest.find(kBegin)) {
    rest.remove_prefix(at + kBegin.size());
    std::string_view behind = rest;
    Anchor anchor;
    if (!TakeAnchor(behind, anchor)) continue;
    anchors.push_back(std::move(anchor));
    rest = behind;
  }
  if (anchors.empty() && IsBase64Mail(text)) {
    return base::Error{"the mail is in Base64: save its line 'weir anchor 1 …' alone"};
  }
  if (anchors.empty()) {
    return base::Error{"there is no anchor in it: no line with 'weir anchor 1 …'"};
  }
  return anchors;
}

base::Result<std::optional<Anchor>> FindOtherAnchor(const std::filesystem::path& file,
                                                    std::string_view record) {
  const auto anchors = ReadAnchors(file);
  if (!anchors.ok()) return anchors.error();
  const auto other = std::find_if(anchors->rbegin(), anchors->rend(),
                                  [&](const Anchor& anchor) { return anchor.record != record; });
  return other == anchors->rend() ? std::optional<Anchor>() : *other;
}

base::Result<std::optional<Anchor>> FindLastAnchor(const std::filesystem::path& file) {
  const auto anchors = ReadAnchors(file);
  if (!anchors.ok()) return anchors.error();
  return anchors->empty() ? std::optional<Anchor>() : anchors->back();
}

bool IsRecordName(std::string_view text) {
  return text.size() == kRecordDigits && text.find_first_not_of("0123456789abcdef") == text.npos;
}

base::Status AppendAnchor(const std::filesystem::path& file, const Anchor& anchor) {
  return AppendDurably(file, AnchorLine(anchor), 0644);
}

}  // namespace weir::control::sealing

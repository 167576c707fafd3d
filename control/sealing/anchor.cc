#include "control/sealing/anchor.h"

#include <fmt/format.h>

#include <charconv>

#include "control/sealing/durable_file.h"

namespace weir::control::sealing {
namespace {

constexpr std::string_view kBegin = "weir anchor 1 ";

std::string_view TakeWord(std::string_view& rest) {
  const size_t space = std::min(rest.find(' '), rest.size());
  const std::string_view word = rest.substr(0, space);
  rest.remove_prefix(std::min(space + 1, rest.size()));
  return word;
}

bool ParseLine(std::string_view line, Anchor& anchor) {
  const size_t begin = line.find(kBegin);
  if (begin == line.npos) return false;
  std::string_view rest = line.substr(begin + kBegin.size());
  if (rest.ends_with('\r')) rest.remove_suffix(1);
  anchor.record = TakeWord(rest);
  const std::string_view number = TakeWord(rest);
  anchor.digest = TakeWord(rest);
  const auto parsed = std::from_chars(number.data(), number.data() + number.size(), anchor.number);
  return parsed.ec == std::errc() && parsed.ptr == number.data() + number.size() &&
         anchor.record.size() == 32 && anchor.digest.size() == 64;
}

}  // namespace

std::string AnchorLine(const Anchor& anchor) {
  return fmt::format("{}{} {} {}\n", kBegin, anchor.record, anchor.number, anchor.digest);
}

base::Result<std::vector<Anchor>> ParseAnchors(std::string_view text) {
  std::vector<Anchor> anchors;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    Anchor anchor;
    if (ParseLine(text.substr(0, end), anchor)) anchors.push_back(std::move(anchor));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (anchors.empty()) {
    return base::Error{"there is no anchor in it: no line with 'weir anchor 1 …'"};
  }
  return anchors;
}

base::Status AppendAnchor(const std::filesystem::path& file, const Anchor& anchor) {
  return AppendDurably(file, AnchorLine(anchor), 0644);
}

}  // namespace weir::control::sealing

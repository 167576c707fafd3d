// A list that was read, as lines of text to compare with.
#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/lists/read_list.h"

namespace weir::rules {

using Lines = std::vector<std::string>;

inline base::WallTime TestNow() { return base::ParseRfc3339("2026-11-30T12:00:00Z").value(); }

inline std::string RangeText(const AddressRange& range) {
  return range.first == range.last ? range.first.ToString()
                                   : range.first.ToString() + "-" + range.last.ToString();
}

// "1 a.example", "1 *.a.example" (kBelow), "1 .a.example" (kDomain), "1 pass .a.example",
// "1 192.0.2.1", "1 6/192.0.2.1:80", and what is skipped: "1 bad_name: a..example".
inline Lines Entries(const ListContent& content) {
  constexpr std::string_view kReach[] = {"", ".", "*."};
  Lines lines;
  content.ForEachName([&](const ListName& name) {
    lines.push_back(fmt::format("{} {}{}{}", name.line, name.pass ? "pass " : "",
                                kReach[static_cast<size_t>(name.reach)], name.name));
  });
  for (const ListRange& range : content.ranges) {
    lines.push_back(fmt::format("{} {}", range.line, RangeText(range.range)));
  }
  for (const ListEndpoint& endpoint : content.endpoints) {
    lines.push_back(fmt::format("{} {}/{}:{}", endpoint.line, endpoint.ip_protocol,
                                endpoint.address.ToString(), endpoint.port));
  }
  for (size_t i = 0; i < static_cast<size_t>(SkipReason::kCount); ++i) {
    const auto reason = static_cast<SkipReason>(i);
    for (const auto& line : content.skipped(reason).first) {
      lines.push_back(fmt::format("{} {}: {}", line.line, SkipReasonName(reason), line.text));
    }
    const auto& skipped = content.skipped(reason);
    if (skipped.count > skipped.first.size()) {
      lines.push_back(fmt::format("{} {}", SkipReasonName(reason), skipped.count));
    }
  }
  return lines;
}

// Its format found out: the format's name comes first.
inline Lines Read(std::string_view text) {
  const auto content = ReadList(text, {.format = std::nullopt, .now = TestNow()});
  if (!content) return {"refused: " + content.error().message};
  Lines lines = Entries(*content);
  lines.insert(lines.begin(), std::string(ListFormatName(content->format)));
  return lines;
}

inline Lines ReadAs(ListFormat format, std::string_view text) {
  const auto content = ReadList(text, {.format = format, .now = TestNow()});
  return content ? Entries(*content) : Lines{"refused: " + content.error().message};
}

}  // namespace weir::rules

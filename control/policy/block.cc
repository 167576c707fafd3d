#include "control/policy/block.h"

#include <array>
#include <charconv>

namespace weir::control::policy {
namespace {

constexpr std::array<std::string_view, 4> kStates{"typed", "installed", "removing", "removed"};
constexpr int64_t kDurationSecondsMax = int64_t{3653} * 86'400;

int64_t UnitSeconds(char unit) {
  switch (unit) {
    case 's':
      return 1;
    case 'm':
      return 60;
    case 'h':
      return 3600;
    case 'd':
      return 86'400;
    default:
      return 0;
  }
}

}  // namespace

std::string_view BlockStateName(BlockState state) { return kStates.at(static_cast<size_t>(state)); }

std::optional<double> Block::installed_in_ms() const {
  if (!installed) return std::nullopt;
  return static_cast<double>(installed->ns - typed.ns) / static_cast<double>(base::kNsPerMs);
}

base::Result<int64_t> ParseDuration(std::string_view text) {
  int64_t count = 0;
  const char* const end = text.data() + text.size();
  const auto [after, failed] = std::from_chars(text.data(), end, count);
  const int64_t unit = after + 1 == end ? UnitSeconds(*after) : 0;
  if (failed != std::errc() || unit == 0 || count < 1 || count > kDurationSecondsMax / unit) {
    return base::Error{
        "'" + std::string(text) +
        "' is not a duration; write a number and s, m, h or d, such as 2h, up to ten years"};
  }
  return count * unit;
}

}  // namespace weir::control::policy

#include "dataplane/base/suggest.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace weir::base {
namespace {

constexpr size_t kWordBytesMax =
    64;  // longer ones are not typing errors, and the work is quadratic

size_t EditDistance(std::string_view a, std::string_view b) {
  const size_t width = b.size() + 1;
  std::vector<size_t> cells((a.size() + 1) * width);
  for (size_t j = 0; j < width; ++j) cells[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t* row = &cells[i * width];
    const size_t* above = row - width;
    row[0] = i;
    for (size_t j = 1; j < width; ++j) {
      const size_t changed = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, changed});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], cells[(i - 2) * width + j - 2] + 1);
    }
  }
  return cells.back();
}

}  // namespace

std::string_view ClosestWord(std::string_view word, std::span<const std::string_view> candidates) {
  if (word.size() > kWordBytesMax) return {};
  size_t best_distance = std::max<size_t>(1, word.size() / 3) + 1;
  std::string_view best;
  for (const std::string_view candidate : candidates) {
    if (candidate.size() > kWordBytesMax) continue;
    const size_t distance = EditDistance(word, candidate);
    if (distance >= best_distance) continue;
    best_distance = distance;
    best = candidate;
  }
  return best;
}

std::string DidYouMean(std::string_view word, std::span<const std::string_view> candidates) {
  const std::string_view closest = ClosestWord(word, candidates);
  return closest.empty() ? "" : fmt::format("; did you mean '{}'?", closest);
}

}  // namespace weir::base

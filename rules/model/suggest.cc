#include "rules/model/suggest.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "dataplane/base/suggest.h"

namespace weir::rules {
namespace {

std::string Lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

template <typename Text>
std::optional<std::string> NearestOf(std::string_view word, std::span<const Text> candidates) {
  std::vector<std::string> lower;
  for (const Text& candidate : candidates) lower.push_back(Lower(candidate));
  const std::vector<std::string_view> views(lower.begin(), lower.end());
  const std::string_view nearest = base::ClosestWord(Lower(word), views);
  if (nearest.empty()) return std::nullopt;
  const auto index =
      std::find_if(views.begin(), views.end(),
                   [&](std::string_view view) { return view.data() == nearest.data(); }) -
      views.begin();
  return std::string(candidates[static_cast<size_t>(index)]);
}

}  // namespace

std::optional<std::string> Nearest(std::string_view word, std::span<const std::string> candidates) {
  return NearestOf(word, candidates);
}

std::optional<std::string> Nearest(std::string_view word,
                                   std::span<const std::string_view> candidates) {
  return NearestOf(word, candidates);
}

std::string Advice(std::string_view word, std::span<const std::string_view> candidates,
                   std::string_view otherwise) {
  const std::optional<std::string> nearest = Nearest(word, candidates);
  return nearest ? fmt::format("'{}' would do", *nearest) : std::string(otherwise);
}

}  // namespace weir::rules

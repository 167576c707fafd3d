#include "dataplane/base/config_value.h"

#include <sys/un.h>

namespace weir::base {
namespace {

constexpr uint32_t kTimeoutMaxS = 30 * 24 * 3600;

}  // namespace

Place PlaceOf(const toml::source_region& source) {
  return {std::max(source.begin.line, 1U), std::max(source.begin.column, 1U)};
}

Error Problems::ToError() {
  std::stable_sort(found_.begin(), found_.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string text;
  for (const auto& [place, what] : found_) {
    if (!text.empty()) text += '\n';
    text += fmt::format("{}:{}:{}: {}", file_, place.line, place.column, what);
  }
  return Error{text};
}

std::string_view TypeName(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a section";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "a whole number";
    case toml::node_type::floating_point:
      return "a number with a fraction";
    case toml::node_type::boolean:
      return "true or false";
    default:
      return "a date or time";
  }
}

void Value::Expected(std::string_view what, const toml::node& at) const {
  problems.Add(PlaceOf(at.source()), fmt::format("{}: expected {}", name, what));
}

void Value::WrongType(std::string_view what) const {
  Expected(fmt::format("{}, found {}", what, TypeName(node)));
}

std::optional<std::string> TakeText(const Value& value, std::string_view what) {
  const auto text = value.node.value_exact<std::string>();
  if (!text) {
    value.WrongType(what);
    return std::nullopt;
  }
  if (text->empty()) {
    value.Expected(fmt::format("{}, found an empty string", what));
    return std::nullopt;
  }
  return text;
}

void TakeSeconds(const Value& value, uint32_t& out) {
  TakeInteger<uint32_t>(value, 1, kTimeoutMaxS, out);
}

void TakeShare(const Value& value, double& out) {
  constexpr std::string_view kWhat = "a share from 0.01 to 1.0";
  const auto share = value.node.value<double>();
  if (!value.node.is_number() || !share) return value.WrongType(kWhat);
  if (!(*share >= 0.01 && *share <= 1.0)) {  // the form that refuses NaN too
    return value.Expected(fmt::format("{}, found {}", kWhat, *share));
  }
  out = *share;
}

void TakeYesOrNo(const Value& value, bool& out) {
  const auto answer = value.node.value_exact<bool>();
  if (!answer) return value.WrongType("true or false");
  out = *answer;
}

void TakePath(const Value& value, std::filesystem::path& out) {
  const auto text = TakeText(value, "a path");
  if (text) out = (value.folder / *text).lexically_normal();
}

void TakeSocketPath(const Value& value, std::filesystem::path& out) {
  constexpr size_t kPathBytesMax = sizeof(sockaddr_un::sun_path) - 1;
  TakePath(value, out);
  if (out.native().size() > kPathBytesMax) {
    value.Expected(fmt::format("a path of at most {} bytes, found one of {}", kPathBytesMax,
                               out.native().size()));
  }
}

}  // namespace weir::base

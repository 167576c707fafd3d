// The kinds of value that a configuration key may have: each Take… writes a good value to `out`
// and reports any other, with its place and what was expected.
//
// Inside of config.cc only, while it reads a file.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <compare>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// toml++ then returns its faults as values.
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include "dataplane/base/result.h"
#include "dataplane/base/suggest.h"

namespace weir::base {

struct Place {
  uint32_t line = 1;
  uint32_t column = 1;
  auto operator<=>(const Place&) const = default;
};

Place PlaceOf(const toml::source_region& source);

// Collects the file's problems, to give them all at once in the order of the file.
class Problems {
 public:
  explicit Problems(std::string file) : file_(std::move(file)) {}

  void Add(Place place, std::string what) { found_.emplace_back(place, std::move(what)); }
  bool empty() const { return found_.empty(); }
  Error ToError();

 private:
  std::string file_;
  std::vector<std::pair<Place, std::string>> found_;
};

// "a string", "a list": what a value is, for messages.
std::string_view TypeName(const toml::node& node);

// One key's value with what is needed to judge it.
struct Value {
  const toml::node& node;
  std::string name;  // "journal.max_bytes"
  const std::filesystem::path& folder;
  Problems& problems;

  void Expected(std::string_view what, const toml::node& at) const;
  void Expected(std::string_view what) const { Expected(what, node); }
  void WrongType(std::string_view what) const;
};

// Not empty.
std::optional<std::string> TakeText(const Value& value, std::string_view what);
void TakeSeconds(const Value& value, uint32_t& out);
void TakeShare(const Value& value, double& out);
void TakeYesOrNo(const Value& value, bool& out);
void TakePath(const Value& value, std::filesystem::path& out);
void TakeSocketPath(const Value& value, std::filesystem::path& out);

template <typename T>
void TakeInteger(const Value& value, T min, T max, T& out) {
  const std::string what = fmt::format("a whole number from {} to {}", min, max);
  const auto number = value.node.value_exact<int64_t>();
  if (!number) return value.WrongType(what);
  if (*number < 0 || static_cast<uint64_t>(*number) < min || static_cast<uint64_t>(*number) > max) {
    return value.Expected(fmt::format("{}, found {}", what, *number));
  }
  out = static_cast<T>(*number);
}

template <typename T>
struct Choice {
  std::string_view word;
  T meaning;
};

template <typename T>
void TakeWord(const Value& value, std::span<const Choice<T>> choices, T& out) {
  std::string what;
  std::vector<std::string_view> words;
  for (const Choice<T>& choice : choices) {
    const bool last = &choice == &choices.back();
    what += fmt::format("{}\"{}\"", what.empty() ? "" : last ? " or " : ", ", choice.word);
    words.push_back(choice.word);
  }
  const auto text = value.node.value_exact<std::string>();
  if (!text) return value.WrongType(what);
  const auto found = std::find(words.begin(), words.end(), *text);
  if (found == words.end()) {
    return value.Expected(fmt::format("{}, found \"{}\"{}", what, *text, DidYouMean(*text, words)));
  }
  out = choices[static_cast<size_t>(found - words.begin())].meaning;
}

// Calls `take(node, text)` for each string of a list; everything else is reported.
template <typename Take>
void TakeTexts(const Value& value, std::string_view what, Take take) {
  const toml::array* list = value.node.as_array();
  if (list == nullptr) return value.WrongType(what);
  for (const toml::node& node : *list) {
    const auto text = node.value_exact<std::string>();
    if (text && !text->empty()) {
      take(node, *text);
      continue;
    }
    const std::string_view found = text ? "an empty string" : TypeName(node);
    value.Expected(fmt::format("{}, found {} in it", what, found), node);
  }
}

}  // namespace weir::base

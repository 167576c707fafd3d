// "Did you mean": the known word nearest to one that is not known.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace weir::rules {

// The closest candidate by dataplane/base/suggest.h, case apart; nullopt when none is close.
std::optional<std::string> Nearest(std::string_view word, std::span<const std::string> candidates);
std::optional<std::string> Nearest(std::string_view word,
                                   std::span<const std::string_view> candidates);

// "'host' would do" when a candidate is near, else `otherwise`.
std::string Advice(std::string_view word, std::span<const std::string_view> candidates,
                   std::string_view otherwise);

}  // namespace weir::rules

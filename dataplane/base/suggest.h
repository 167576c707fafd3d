// "Did you mean": the known word that a mistyped one was probably meant to be.
//
// For messages to people; any thread, allocates.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace weir::base {

// The candidate with the fewest edits (insert, delete, change, swap of neighbours), when these are
// at most a third of the word's length and at least one is allowed; the earliest of equals. Empty:
// none.
std::string_view ClosestWord(std::string_view word, std::span<const std::string_view> candidates);

// "; did you mean 'ports'?", or "" when no candidate is close.
std::string DidYouMean(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace weir::base

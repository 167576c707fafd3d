// Judging an outcome: in words what is wrong, or nothing.
#pragma once

#include <optional>
#include <string>

#include "tests/property/conversation.h"

namespace weir::property {

// Of an exchange to which nothing happened: is it what the policy says, by the test's own reading?
std::optional<std::string> PlainFault(const Case& of, const Outcome& outcome);

std::optional<std::string> HonestFault(const Case& of, const Outcome& plain,
                                       const Outcome& outcome);

std::optional<std::string> HostileFault(const Case& of, const Outcome& outcome);

}  // namespace weir::property

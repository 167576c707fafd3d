// Text to PolicyText. Pure: no file is opened, any thread.
#pragma once

#include <span>

#include "dataplane/base/result.h"
#include "rules/model/policy_text.h"

namespace weir::rules {

inline constexpr size_t kLineBytesMax = 65'536;
inline constexpr size_t kRulesMax = 100'000;  // names by the million belong into lists
inline constexpr size_t kErrorsShownMax = 50;
inline constexpr size_t kReasonBytesMax = 200;
inline constexpr size_t kIdentifierBytesMax =
    64;  // ids, classes, names of sets, lists, groups, times

// Parses all sources as one policy: definitions may stand in any of them and in any order.
// Fails on the first bad line or a thousand of them: the message then has a line for each fault, up
// to kErrorsShownMax, each "file:line:column: 'word': what would do".
base::Result<PolicyText> ParsePolicy(std::span<const PolicySource> sources);

}  // namespace weir::rules

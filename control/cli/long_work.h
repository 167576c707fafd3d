// A call that tells its progress in lines of JSON and ends with its result. One thread.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "control/cli/context.h"

namespace weir::control::cli {

// Shows a bar of `what` while the work goes on; `count_key` names the member of "progress" that the
// rate is of. The "result"; nullopt when it failed, which has been said, and then the context's
// exit_code() tells how.
std::optional<nlohmann::json> FollowLongWork(Context& context, const HttpCall& call,
                                             std::string what, const char* count_key);

}  // namespace weir::control::cli

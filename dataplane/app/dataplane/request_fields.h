// The members of a request of the control socket, and its replies. Pure; any thread.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/app/dataplane/statistics.h"
#include "dataplane/base/result.h"
#include "rules/model/policy_text.h"

namespace weir::appliance {

using Request = nlohmann::json;

// Text from outside may be no UTF-8: it is shown all the same.
std::string Line(const Json& json);

Json Refusal(const std::string& error);

// What is told of a word from outside: its first 80 bytes.
std::string Shown(std::string_view text);

// A member that is a string, "" when there is none.
base::Result<std::string> Text(const Request& request, const char* key);

// A member from 0 to `most`; `otherwise` when there is none.
base::Result<uint64_t> Number(const Request& request, const char* key, uint64_t otherwise,
                              uint64_t most);

// "sources" and "mode" of a policy.
base::Result<std::vector<rules::PolicySource>> PolicySources(const Request& request);
base::Result<std::optional<rules::Mode>> PolicyMode(const Request& request);

}  // namespace weir::appliance

// Lists as the JSON that the API answers with and weirctl prints. Pure; any thread.
#pragma once

#include <nlohmann/json.hpp>

#include "control/policy/list_keeper.h"

namespace weir::control::policy {

nlohmann::json ToJson(const rules::ListContent& content);  // counts, and what was skipped
nlohmann::json ToJson(const ListState& state);
nlohmann::json ToJson(const ListLook& look);

}  // namespace weir::control::policy

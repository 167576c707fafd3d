// What the parts know, as the JSON that the API answers with. Pure; any thread.
//
// Times are RFC 3339 in UTC with microseconds; what is not known is left out.
#pragma once

#include <nlohmann/json.hpp>
#include <span>

#include "control/audit/session_store.h"
#include "control/incidents/incident.h"
#include "control/ingest/ingest.h"
#include "control/policy/policy_service.h"

namespace weir::control::api {

nlohmann::json ToJson(const incidents::Incident& incident, base::WallTime now);
nlohmann::json ToJson(std::span<const incidents::LogEntry> log);
nlohmann::json ToJson(const policy::Block& block);
nlohmann::json ToJson(const policy::PolicyCheck& check);
nlohmann::json ToJson(const policy::PolicyStatus& status);
nlohmann::json ToJson(const policy::Waiting& waiting);
nlohmann::json ToJson(const policy::RulesDiff& diff);
nlohmann::json ToJson(const ingest::Counters& counters);
nlohmann::json ToJson(const audit::StoreStats& stats);

}  // namespace weir::control::api

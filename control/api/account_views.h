// Accounts and what they had, as the JSON that the API answers with. Any thread.
//
// Times are RFC 3339 in UTC with microseconds.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "control/accounts/directory.h"
#include "control/accounts/login_changes.h"
#include "control/registry/registry_history.h"

namespace weir::control::api {

nlohmann::json ToJson(const accounts::RegistryRow& row);
nlohmann::json ToJson(const registry::KeptRow& kept);
nlohmann::json ToJson(const accounts::Login& login);
nlohmann::json ToJson(const accounts::Lease& lease);

// An array of who had what at `at`: of an IP address or prefix; of an account; of a MAC address, by
// the registry, leases, log-ins from that station, and log-ins with the address for a name.
nlohmann::json BindingsOf(const accounts::Directory& directory, const std::string& what,
                          base::WallTime at);

}  // namespace weir::control::api

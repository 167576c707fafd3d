// Who had an address, and what an account had, over a time: the registry's rows, the log-ins and
// the leases. Any thread.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "control/accounts/directory.h"
#include "control/dhcp/lease_book.h"
#include "control/radius/login_book.h"
#include "control/registry/registry_history.h"

namespace weir::control::api {

// Null: there is none.
struct HistorySources {
  const accounts::Directory& directory;  // whose the machine of a lease was
  const registry::RegistryHistory* registry = nullptr;
  const radius::LoginBook* logins = nullptr;
  const dhcp::LeaseBook* leases = nullptr;

  bool empty() const { return registry == nullptr && logins == nullptr && leases == nullptr; }
};

struct HistoryQuestion {
  std::string what;  // an IP address or prefix, a MAC address or an account
  accounts::Period time;
  size_t limit = 1000;  // of each kind
};

// {"rows", "logins", "leases", "more"}, each the newest first; "more": a list was cut. Fails when
// one of them cannot be read: half a history would name the wrong one.
base::Result<nlohmann::json> HistoryOf(const HistorySources& sources,
                                       const HistoryQuestion& question);

}  // namespace weir::control::api

// Which rows of a registry are not the same in another.
//
// Pure functions; any thread.
#pragma once

#include <optional>
#include <vector>

#include "control/accounts/registry.h"

namespace weir::control::accounts {

// A row that is in one of two registries only. Both sides: the address has another row.
struct RowChange {
  std::optional<RegistryRow> before;
  std::optional<RegistryRow> after;

  bool operator==(const RowChange&) const = default;
};

// By address: the IP address, or the MAC address of a row without one. The order of rows, and a row
// that comes twice, are no difference.
std::vector<RowChange> Diff(const Registry& before, const Registry& after);

}  // namespace weir::control::accounts

// The registries that were in use before the present one: what a Directory asks about moments from
// before that.
//
// Any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/accounts/binding.h"
#include "control/accounts/registry.h"
#include "dataplane/base/ip_address.h"
#include "dataplane/base/mac_address.h"
#include "dataplane/base/result.h"
#include "dataplane/base/time.h"

namespace weir::control::accounts {

// How a registry came into use.
struct RegistryOrigin {
  base::WallTime time;
  std::string how;    // "file": it had changed, or was there at the start; "import"
  std::string actor;  // who imported; empty: nobody asked
};

class RegistryPast {
 public:
  virtual ~RegistryPast() = default;

  // As Directory::Lookup(), by the registry of that time. Nobody where it cannot be read: a name
  // that may be wrong is worse than none.
  virtual std::optional<Binding> BindingAt(const base::IpAddress& ip, const base::MacAddress& mac,
                                           base::WallTime at) const = 0;
  virtual std::vector<base::IpAddress> AddressesOf(std::string_view account,
                                                   base::WallTime at) const = 0;
  virtual std::vector<base::MacAddress> MacsOf(std::string_view account,
                                               base::WallTime at) const = 0;

  // What Keep() has found.
  struct Kept {
    base::WallTime since;   // when these rows came into use
    size_t rows_added = 0;  // a row with any other field is another row
    size_t rows_removed = 0;
    bool changed() const { return rows_added + rows_removed > 0; }
  };
  // The registry is in use from now on. Where it has the same rows as the last one it goes on being
  // that. Fails when it cannot be written; then nothing has changed.
  virtual base::Result<Kept> Keep(const Registry& registry, const RegistryOrigin& origin) = 0;

  // Lets go of some of what nobody has to know any more at `now`; true when there is more of it.
  virtual bool Prune(base::WallTime now) = 0;
};

}  // namespace weir::control::accounts

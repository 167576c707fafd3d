// Whoever knows of log-ins as they come and go: what a Directory asks before its registry.
//
// Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "control/accounts/binding.h"
#include "dataplane/base/ip_address.h"
#include "dataplane/base/mac_address.h"
#include "dataplane/base/time.h"

namespace weir::control::accounts {

class LoginSource {
 public:
  virtual ~LoginSource() = default;

  // Who was logged in there at that moment, or with the longest prefix which holds it.
  virtual std::optional<Bound> BindingAt(const base::IpPrefix& ip, base::WallTime at) const = 0;
  virtual std::vector<base::IpPrefix> AddressesOf(std::string_view account,
                                                  base::WallTime at) const = 0;
  // Where the machine was logged in.
  virtual std::vector<base::IpPrefix> AddressesOf(const base::MacAddress& mac,
                                                  base::WallTime at) const = 0;
  // Every address and prefix at which somebody is logged in, by address.
  virtual std::vector<Present> PresentBindings() const = 0;
  // Rises whenever PresentBindings() may have become another one.
  virtual uint64_t generation() const = 0;
};

}  // namespace weir::control::accounts

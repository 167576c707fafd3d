// Answers "who had this address at this moment", from every source of bindings there is.
//
// Any number of threads look up while one loads: each look-up works on an immutable snapshot, and a
// load that fails leaves the running snapshot in place. Lives as long as weir-control.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "control/accounts/binding.h"
#include "control/accounts/lease_source.h"
#include "control/accounts/login_source.h"
#include "control/accounts/registry.h"
#include "control/accounts/registry_past.h"
#include "dataplane/base/ip_address.h"
#include "dataplane/base/mac_address.h"
#include "dataplane/base/result.h"
#include "dataplane/base/time.h"

namespace weir::control::accounts {

// What a lease says of the binding of its address to the machine's owner, of whom `binding` is the
// row: from then on, and until the first of both ends.
void TakeLease(const Lease& lease, Binding& binding);

class Directory {
 public:
  Directory();

  // Asked before the registry: a log-in says more than a row that holds at any time. Once, before
  // others ask; outlives this.
  void Use(const LoginSource& logins) { logins_ = &logins; }
  // Asked behind the registry's IP addresses (docs/decisions/0024). Once, before others ask;
  // outlives this.
  void Use(const LeaseSource& leases) { leases_ = &leases; }

  // Asked about moments from before the registry in use. Once, before others ask; outlives this.
  // Without it the registry in use holds at any time.
  void Use(const RegistryPast& past) { past_ = &past; }

  // Reads a registry file and puts it in the place of the present one. A file with any bad line is
  // refused as a whole; the error has one line for each ("accounts.csv:7: …").
  base::Status LoadRegistry(const std::filesystem::path& file);

  // The first half of that.
  static base::Result<Registry> ReadRegistry(const std::filesystem::path& file);

  // The second half. The registry holds from `since` on.
  void InstallRegistry(Registry registry, base::WallTime since = {});

  // The registry in use.
  std::shared_ptr<const Registry> registry() const;

  // Who had `ip`, an address or all of a prefix, at `at`: by a log-in, by the registry's IP
  // address, by the MAC address of a lease; else by the longest prefix of a log-in or a lease that
  // holds it; where none of them knows, who has `mac` in the registry (zero: not known).
  std::optional<Binding> Lookup(const base::IpPrefix& ip, const base::MacAddress& mac,
                                base::WallTime at) const;

  // Which machine had `ip` at `at` by DHCP, whoever's it is.
  std::optional<Lease> LeaseAt(const base::IpPrefix& ip, base::WallTime at) const;
  // The addresses and prefixes that the machine had at `at` by DHCP, in order.
  std::vector<base::IpPrefix> LeasedTo(const base::MacAddress& mac, base::WallTime at) const;
  // The addresses and prefixes at which the machine was logged in at `at`.
  std::vector<base::IpPrefix> LoggedInBy(const base::MacAddress& mac, base::WallTime at) const;
  // Whose the machine was at `at`, by the registry.
  std::optional<Binding> OwnerOf(const base::MacAddress& mac, base::WallTime at) const;

  // The addresses and prefixes that `account` had at `at`, in order: what a block of the account
  // must cover.
  std::vector<base::IpPrefix> AddressesOf(std::string_view account, base::WallTime at) const;

  // Every address and prefix that is somebody's now, by address. An address within a prefix may be
  // another's: of those that hold an address the longest counts.
  std::vector<Present> PresentBindings() const;

  // Rises whenever PresentBindings() may have become another one: cheap to ask.
  uint64_t generation() const {
    return generation_.load(std::memory_order_acquire) +
           (logins_ == nullptr ? 0 : logins_->generation()) +
           (leases_ == nullptr ? 0 : leases_->generation());
  }

  // Rows of the registry in use.
  size_t registry_rows() const;

 private:
  // A registry as it was at some moment: the one in use, or the past's.
  class RegistryThen;
  RegistryThen RegistryAt(base::WallTime at) const;
  std::optional<Bound> LeaseBinding(const RegistryThen& registry, const base::IpPrefix& ip,
                                    base::WallTime at) const;
  void AddLeased(const Registry& registry, std::vector<Present>& present) const;

  mutable std::mutex mutex_;  // held only to copy or swap these two
  std::shared_ptr<const Registry> registry_;
  base::WallTime since_;
  const LoginSource* logins_ = nullptr;
  const RegistryPast* past_ = nullptr;
  const LeaseSource* leases_ = nullptr;
  std::atomic<uint64_t> generation_{1};  // raised behind the change
};

}  // namespace weir::control::accounts

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
#include "control/accounts/login_source.h"
#include "control/accounts/registry.h"
#include "control/accounts/registry_past.h"
#include "dataplane/base/ip_address.h"
#include "dataplane/base/mac_address.h"
#include "dataplane/base/result.h"
#include "dataplane/base/time.h"

namespace weir::control::accounts {

class Directory {
 public:
  Directory();

  // Asked before the registry: a log-in says more than a row that holds at any time. Once, before
  // others ask; outlives this.
  void Use(const LoginSource& logins) { logins_ = &logins; }

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

  // Who had `ip` at `at`; where no source knows the address, who had `mac` (zero: not known).
  std::optional<Binding> Lookup(const base::IpAddress& ip, const base::MacAddress& mac,
                                base::WallTime at) const;

  // The addresses that `account` had at `at`, in order: what a block of the account must cover.
  std::vector<base::IpAddress> AddressesOf(std::string_view account, base::WallTime at) const;

  // Every address that is somebody's now, by address.
  std::vector<Present> PresentBindings() const;

  // Rises whenever PresentBindings() may have become another one: cheap to ask.
  uint64_t generation() const {
    return generation_.load(std::memory_order_acquire) +
           (logins_ == nullptr ? 0 : logins_->generation());
  }

  // Rows of the registry in use.
  size_t registry_rows() const;

 private:
  // The registry in use, where `at` is not from before it; else null, and past_ knows.
  std::shared_ptr<const Registry> RegistryAt(base::WallTime at) const;

  mutable std::mutex mutex_;  // held only to copy or swap these two
  std::shared_ptr<const Registry> registry_;
  base::WallTime since_;
  const LoginSource* logins_ = nullptr;
  const RegistryPast* past_ = nullptr;
  std::atomic<uint64_t> generation_{1};  // raised behind the change
};

}  // namespace weir::control::accounts

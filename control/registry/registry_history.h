// Every registry that was in use, in SQLite: which row held from when until when, and how it came
// and went.
//
// A row is kept once for as long as it stays the same; a new registry costs what it changes. The
// rows of the first registry hold for all the time before it too: nothing better is known of that.
// A row goes some days after it has ended.
//
// Any thread. Who asks does not wait for who writes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/accounts/registry_past.h"
#include "control/database/database.h"
#include "dataplane/base/counter.h"

namespace weir::control::registry {

// A row from when it came until it went.
struct KeptRow {
  accounts::RegistryRow row;
  std::optional<base::WallTime> from;  // not there: since before there was a history
  accounts::RegistryOrigin begun;
  std::optional<base::WallTime> until;  // not there: in use
  accounts::RegistryOrigin ended;       // with `until`

  bool operator==(const KeptRow&) const = default;
};

class RegistryHistory final : public accounts::RegistryPast {
 public:
  // `keep_days`: of a row behind its end.
  static base::Result<std::unique_ptr<RegistryHistory>> Open(const std::filesystem::path& file,
                                                             uint32_t keep_days);

  std::optional<accounts::Binding> BindingAt(const base::IpAddress& ip, const base::MacAddress& mac,
                                             base::WallTime at) const override;
  std::vector<base::MacAddress> MacsOf(std::string_view account, base::WallTime at) const override;
  std::vector<base::IpAddress> AddressesOf(std::string_view account,
                                           base::WallTime at) const override;
  base::Result<Kept> Keep(const accounts::Registry& registry,
                          const accounts::RegistryOrigin& origin) override;
  bool Prune(base::WallTime now) override;

  // Every row of a time of an IP address, a MAC address or an account, the newest first, up to
  // `limit`.
  base::Result<std::vector<KeptRow>> HistoryOf(std::string_view what, size_t limit,
                                               const accounts::Period& time = {}) const;

  // Look-ups that found nobody because the file could not be read.
  uint64_t unreadable() const { return unreadable_.value(); }
  uint64_t not_pruned() const { return not_pruned_.value(); }

 private:
  using Database = database::Database;

  RegistryHistory(std::unique_ptr<Database> writer, std::unique_ptr<Database> reader,
                  uint32_t keep_days)
      : keep_days_(keep_days), writer_(std::move(writer)), reader_(std::move(reader)) {}

  // The addresses of the account's rows that held at `at`.
  template <typename Address>
  std::vector<Address> OfAccount(std::string_view column, std::string_view account,
                                 base::WallTime at) const;

  struct Changes;
  Changes Compare(const accounts::Registry& registry);
  base::WallTime Write(const accounts::Registry& registry, const Changes& changes,
                       accounts::RegistryOrigin origin);

  const uint32_t keep_days_;
  std::mutex write_mutex_;
  std::unique_ptr<Database> writer_;  // guarded by write_mutex_
  mutable std::mutex read_mutex_;
  std::unique_ptr<Database> reader_;  // guarded by read_mutex_
  mutable base::Counter unreadable_;  // the same
  base::Counter not_pruned_;          // guarded by write_mutex_
};

}  // namespace weir::control::registry

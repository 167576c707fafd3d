// Leases as log-ins for the record: with the account of the machine, where the registry has one.
//
// The NAS is the relay, or else the server; the port is the circuit, or else the VLAN. Any thread.
#pragma once

#include "control/accounts/directory.h"
#include "control/accounts/login_changes.h"
#include "control/dhcp/lease_book.h"

namespace weir::control::dhcp {

class LeaseChanges final : public accounts::LoginChanges {
 public:
  LeaseChanges(LeaseBook& book, const accounts::Directory& directory)
      : book_(book), directory_(directory) {}

  accounts::BindingSource source() const override { return accounts::BindingSource::kDhcp; }
  base::Result<std::vector<accounts::LoginChange>> ChangesAfter(int64_t after,
                                                                size_t limit) const override;
  base::Status ForgetChanges(int64_t number) override { return book_.ForgetChanges(number); }

 private:
  LeaseBook& book_;
  const accounts::Directory& directory_;
};

}  // namespace weir::control::dhcp

#include "control/dhcp/lease_changes.h"

#include <fmt/format.h>

namespace weir::control::dhcp {
namespace {

using accounts::Lease;

std::string PortOf(const Lease& lease) {
  if (lease.circuit.empty() && lease.vlan != 0) return fmt::format("vlan {}", lease.vlan);
  return lease.circuit;
}

accounts::Login LoginOf(const Lease& lease, const accounts::Directory& directory) {
  accounts::Login login;
  if (auto owner = directory.OwnerOf(lease.mac, lease.since)) {
    login.account = std::move(owner->account);
    login.room = std::move(owner->room);
    login.seat = std::move(owner->seat);
  }
  login.ip = lease.ip;
  login.mac = lease.mac;
  const bool is_relayed = !lease.relay.is_unspecified();
  login.nas = login.nas_name = (is_relayed ? lease.relay : lease.server).ToString();
  login.port = PortOf(lease);
  login.login_time = lease.since;
  if (!lease.cause.empty()) login.logout_time = lease.until;
  login.cause = lease.cause;
  login.source = accounts::BindingSource::kDhcp;
  return login;
}

}  // namespace

base::Result<std::vector<accounts::LoginChange>> LeaseChanges::ChangesAfter(int64_t after,
                                                                            size_t limit) const {
  const auto changes = book_.ChangesAfter(after, limit);
  if (!changes) return changes.error();
  std::vector<accounts::LoginChange> logins;
  logins.reserve(changes->size());
  for (const LeaseChange& change : *changes) {
    logins.push_back({change.number, change.id, LoginOf(change.lease, directory_)});
  }
  return logins;
}

}  // namespace weir::control::dhcp

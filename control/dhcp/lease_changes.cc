#include "control/dhcp/lease_changes.h"

#include <fmt/format.h>

namespace weir::control::dhcp {
namespace {

using accounts::Lease;

std::string PortOf(const Lease& lease) {
  std::string port = lease.circuit;
  if (port.empty() && lease.vlan != 0) port = fmt::format("vlan {}", lease.vlan);
  const unsigned bits = lease.ip.length_bits();
  if (bits == events::kLeaseBitsMax) return port;
  return fmt::format("{}{}prefix /{}", port, port.empty() ? "" : " ", bits);
}

accounts::Login LoginOf(const Lease& lease, const accounts::Directory& directory) {
  accounts::Login login;
  if (auto owner = directory.OwnerOf(lease.mac, lease.since)) {
    login.account = std::move(owner->account);
    login.room = std::move(owner->room);
    login.seat = std::move(owner->seat);
  }
  login.ip = lease.ip.address();
  login.mac = lease.mac;
  login.nas = lease.relay.is_unspecified() ? lease.server : lease.relay;
  login.nas_name = login.nas.ToString();
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

#include "control/api/account_views.h"

#include <algorithm>
#include <vector>

#include "control/radius/login_book.h"

namespace weir::control::api {
namespace {

using nlohmann::json;

std::string MacText(const base::MacAddress& mac) { return mac.is_zero() ? "" : mac.ToString(); }

json OriginJson(const accounts::RegistryOrigin& origin) {
  return {{"time", base::FormatRfc3339(origin.time)}, {"how", origin.how}, {"by", origin.actor}};
}

json BindingJson(const std::string& address, const accounts::Binding& binding) {
  json out{{"address", address},
           {"account", binding.account},
           {"group", binding.group},
           {"room", binding.room},
           {"seat", binding.seat},
           {"source", accounts::BindingSourceName(binding.source)},
           {"confidence", accounts::ConfidenceName(binding.confidence)}};
  if (binding.login_time) out["login_time"] = base::FormatRfc3339(*binding.login_time);
  if (binding.until) out["until"] = base::FormatRfc3339(*binding.until);
  if (!binding.cause.empty()) out["cause"] = binding.cause;
  return out;
}

// Also where nobody is known whose the machine is: then without an account.
std::optional<json> BindingOf(const accounts::Directory& directory, const base::IpPrefix& ip,
                              base::WallTime at) {
  auto binding = directory.Lookup(ip, {}, at);
  const auto lease = directory.LeaseAt(ip, at);
  if (!binding && !lease) return std::nullopt;
  if (!binding) accounts::TakeLease(*lease, binding.emplace());
  json out = BindingJson(ip.ToString(), *binding);
  if (lease) out["lease"] = ToJson(*lease);
  return out;
}

// By leases, by log-ins from the machine, and by those with `name`, as devices have that log in by
// their MAC address.
std::vector<base::IpPrefix> AddressesOf(const accounts::Directory& directory,
                                        const base::MacAddress& mac, const std::string& name,
                                        base::WallTime at) {
  std::vector<base::IpPrefix> addresses = directory.LeasedTo(mac, at);
  for (const auto& more : {directory.LoggedInBy(mac, at), directory.AddressesOf(name, at)}) {
    addresses.insert(addresses.end(), more.begin(), more.end());
  }
  std::sort(addresses.begin(), addresses.end());
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  return addresses;
}

}  // namespace

json ToJson(const accounts::RegistryRow& row) {
  return {{"ip", row.ip.is_unspecified() ? "" : row.ip.ToString()},
          {"mac", MacText(row.mac)},
          {"account", row.binding.account},
          {"group", row.binding.group},
          {"room", row.binding.room},
          {"seat", row.binding.seat}};
}

json ToJson(const registry::KeptRow& kept) {
  json out = ToJson(kept.row);
  out["begun"] = OriginJson(kept.begun);
  if (kept.from) out["from"] = base::FormatRfc3339(*kept.from);
  if (kept.until) {
    out["until"] = base::FormatRfc3339(*kept.until);
    out["ended"] = OriginJson(kept.ended);
  }
  return out;
}

json ToJson(const accounts::Login& login) {
  json out{{"ip", login.ip.ToString()},
           {"mac", MacText(login.mac)},
           {"account", login.account},
           {"nas", login.nas_name},
           {"port", login.port},
           {"session", login.session},
           {"source", accounts::BindingSourceName(login.source)},
           {"login_time", base::FormatRfc3339(login.login_time)},
           {"last_seen", base::FormatRfc3339(login.last_seen)},
           {"confidence", accounts::ConfidenceName(radius::ConfidenceOf(login))}};
  if (login.logout_time) out["logout_time"] = base::FormatRfc3339(*login.logout_time);
  if (!login.cause.empty()) out["cause"] = login.cause;
  return out;
}

json ToJson(const accounts::Lease& lease) {
  json out{{"ip", lease.ip.ToString()},
           {"mac", lease.mac.is_zero() ? json() : json(lease.mac.ToString())},
           {"duid", lease.duid.empty() ? json() : json(lease.duid)},
           {"server", lease.server.ToString()},
           {"relay", lease.relay.is_unspecified() ? json() : json(lease.relay.ToString())},
           {"vlan", lease.vlan == 0 ? json() : json(lease.vlan)},
           {"circuit", lease.circuit},
           {"remote", lease.remote},
           {"since", base::FormatRfc3339(lease.since)},
           {"cause", lease.cause}};
  constexpr int64_t kNeverNs = int64_t{1} << 61;
  out["until"] = lease.until.ns > kNeverNs ? json() : json(base::FormatRfc3339(lease.until));
  return out;
}

json BindingsOf(const accounts::Directory& directory, const std::string& what, base::WallTime at) {
  json bindings = json::array();
  const auto add = [&](const base::IpPrefix& ip) {
    if (auto found = BindingOf(directory, ip, at)) bindings.push_back(std::move(*found));
  };
  if (const auto ip = base::IpPrefix::Parse(what)) {
    add(*ip);
  } else if (const auto mac = base::MacAddress::Parse(what)) {
    if (const auto owner = directory.OwnerOf(*mac, at)) {
      bindings.push_back(BindingJson(mac->ToString(), *owner));
    }
    for (const base::IpPrefix& address : AddressesOf(directory, *mac, what, at)) add(address);
  } else {
    for (const base::IpPrefix& of_account : directory.AddressesOf(what, at)) add(of_account);
  }
  return bindings;
}

}  // namespace weir::control::api

#include "control/api/account_history.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "control/api/account_views.h"

namespace weir::control::api {
namespace {

using accounts::Lease;
using accounts::Login;
using accounts::Period;
using nlohmann::json;

// A device that logs in by its MAC address has it for its name as well.
base::Result<std::vector<Login>> LoginsOf(const radius::LoginBook& book, const std::string& what,
                                          size_t limit, const Period& time) {
  if (const auto ip = base::IpPrefix::Parse(what)) return book.HistoryOf(*ip, limit, time);
  auto logins = book.HistoryOf(what, limit, time);
  const auto mac = base::MacAddress::Parse(what);
  if (!mac || !logins) return logins;
  std::erase_if(*logins, [&](const Login& login) { return login.mac == *mac; });
  auto from_station = book.HistoryOf(*mac, limit, time);
  if (!from_station) return from_station;
  std::move(from_station->begin(), from_station->end(), std::back_inserter(*logins));
  std::stable_sort(logins->begin(), logins->end(), [](const Login& one, const Login& other) {
    return one.login_time > other.login_time;
  });
  return logins;
}

base::Result<std::vector<Lease>> LeasesOf(const dhcp::LeaseBook& book, const std::string& what,
                                          size_t limit, const Period& time) {
  if (const auto ip = base::IpPrefix::Parse(what)) return book.HistoryOf(*ip, limit, time);
  if (const auto mac = base::MacAddress::Parse(what)) return book.HistoryOf(*mac, limit, time);
  return std::vector<Lease>();
}

// With the machine's owner when it began, and when it ended where that was another one: as far as
// it lies in `time`.
json WithOwner(const Lease& lease, const accounts::Directory& directory, const Period& time) {
  const base::WallTime first = std::max(lease.since, time.from);
  const base::WallTime last{std::min(lease.until, time.to).ns - 1};
  const auto owner_at = [&](base::WallTime at) {
    const auto owner = directory.OwnerOf(lease.mac, at);
    return owner ? owner->account : std::string();
  };
  json out = ToJson(lease);
  out["account"] = owner_at(first);
  out["source"] = accounts::BindingSourceName(accounts::BindingSource::kDhcp);
  out["confidence"] = accounts::ConfidenceName(accounts::Confidence::kDerived);
  if (std::string then = owner_at(std::max(first, last)); then != out["account"]) {
    out["account_at_end"] = std::move(then);
  }
  return out;
}

// The first `limit`; whether there are others is noted.
template <typename One, typename Make>
json ListOf(const std::vector<One>& all, size_t limit, bool& more, const Make& make) {
  json list = json::array();
  more = more || all.size() > limit;
  for (size_t i = 0; i < std::min(limit, all.size()); ++i) list.push_back(make(all[i]));
  return list;
}

}  // namespace

base::Result<json> HistoryOf(const HistorySources& sources, const HistoryQuestion& question) {
  const auto& [what, time, limit] = question;
  const size_t asked = limit + 1;  // whether there are more
  base::Result<std::vector<registry::KeptRow>> rows = std::vector<registry::KeptRow>();
  base::Result<std::vector<Login>> logins = std::vector<Login>();
  base::Result<std::vector<Lease>> leases = std::vector<Lease>();
  if (sources.registry != nullptr) rows = sources.registry->HistoryOf(what, asked, time);
  if (!rows) return rows.error();
  if (sources.logins != nullptr) logins = LoginsOf(*sources.logins, what, asked, time);
  if (!logins) return logins.error();
  if (sources.leases != nullptr) leases = LeasesOf(*sources.leases, what, asked, time);
  if (!leases) return leases.error();
  bool more = false;
  json out;
  out["rows"] = ListOf(*rows, limit, more, [](const auto& kept) { return ToJson(kept); });
  out["logins"] = ListOf(*logins, limit, more, [](const Login& login) { return ToJson(login); });
  out["leases"] = ListOf(*leases, limit, more, [&](const Lease& lease) {
    return WithOwner(lease, sources.directory, question.time);
  });
  out["more"] = more;
  return out;
}

}  // namespace weir::control::api

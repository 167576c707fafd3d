// Accounts: who has an address, whose addresses are, and a new registry.
#include <fmt/format.h>

#include <array>

#include "control/accounts/registry_diff.h"
#include "control/api/handlers.h"
#include "control/api/logged_act.h"
#include "control/api/views.h"
#include "control/policy/json_fields.h"

namespace weir::control::api {
namespace {

using nlohmann::json;

json BindingJson(const std::string& address, const accounts::Binding& binding) {
  json out{{"address", address},     {"account", binding.account},
           {"group", binding.group}, {"room", binding.room},
           {"seat", binding.seat},   {"source", accounts::BindingSourceName(binding.source)}};
  if (binding.login_time) out["login_time"] = base::FormatRfc3339(*binding.login_time);
  return out;
}

json LeaseJson(const accounts::Lease& lease) {
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

// Also where nobody is known whose the machine is: then without an account.
std::optional<json> BindingOf(const accounts::Directory& directory, const base::IpPrefix& ip,
                              base::WallTime at) {
  auto binding = directory.Lookup(ip, {}, at);
  const auto lease = directory.LeaseAt(ip, at);
  if (!binding && !lease) return std::nullopt;
  if (!binding) {
    binding.emplace();
    binding->source = accounts::BindingSource::kDhcp;
    binding->login_time = lease->since;
  }
  json out = BindingJson(ip.ToString(), *binding);
  if (lease) out["lease"] = LeaseJson(*lease);
  return out;
}

// Of an IP address or prefix, a MAC address or an account.
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
    for (const base::IpPrefix& leased : directory.LeasedTo(*mac, at)) add(leased);
  } else {
    for (const base::IpPrefix& of_account : directory.AddressesOf(what, at)) add(of_account);
  }
  return bindings;
}

constexpr size_t kChangesMax = 10'000;  // of each kind in an answer
constexpr uint64_t kHistoryMax = 10'000;

json RowJson(const accounts::RegistryRow& row) {
  return {{"ip", row.ip.is_unspecified() ? "" : row.ip.ToString()},
          {"mac", row.mac.is_zero() ? "" : row.mac.ToString()},
          {"account", row.binding.account},
          {"group", row.binding.group},
          {"room", row.binding.room},
          {"seat", row.binding.seat}};
}

json OriginJson(const accounts::RegistryOrigin& origin) {
  return {{"time", base::FormatRfc3339(origin.time)}, {"how", origin.how}, {"by", origin.actor}};
}

json KeptRowJson(const registry::KeptRow& kept) {
  json out = RowJson(kept.row);
  out["begun"] = OriginJson(kept.begun);
  if (kept.from) out["from"] = base::FormatRfc3339(*kept.from);
  if (kept.until) {
    out["until"] = base::FormatRfc3339(*kept.until);
    out["ended"] = OriginJson(kept.ended);
  }
  return out;
}

// The counts are of all changes, the lists hold kChangesMax of each kind.
json DiffJson(const std::vector<accounts::RowChange>& changes) {
  json added = json::array();
  json removed = json::array();
  json changed = json::array();
  std::array<size_t, 3> counts{};
  for (const accounts::RowChange& change : changes) {
    const size_t kind = change.before && change.after ? 2 : change.before ? 1 : 0;
    if (++counts[kind] > kChangesMax) continue;
    if (kind == 0) added.push_back(RowJson(*change.after));
    if (kind == 1) removed.push_back(RowJson(*change.before));
    if (kind == 2) {
      changed.push_back({{"before", RowJson(*change.before)}, {"after", RowJson(*change.after)}});
    }
  }
  return {{"same", changes.empty()},      {"rows_added", counts[0]},
          {"rows_removed", counts[1]},    {"rows_changed", counts[2]},
          {"added", std::move(added)},    {"removed", std::move(removed)},
          {"changed", std::move(changed)}};
}

}  // namespace

Reply GetAccountsLookup(const Parts& parts, const Request& request) {
  const std::string what = request.QueryText("what");
  if (what.empty()) return ErrorReply(400, "a look-up wants what: an address or an account");
  base::WallTime at = base::WallNow();
  if (const std::string text = request.QueryText("at"); !text.empty()) {
    const auto time = base::ParseRfc3339(text);
    if (!time) return ErrorReply(400, "at: " + time.error().message);
    at = *time;
  }
  const json bindings = BindingsOf(parts.directory, what, at);
  Operation operation;
  operation.action = "accounts lookup";
  operation.target = what + " at " + base::FormatRfc3339(at);
  operation.outcome = fmt::format("done: {} found", bindings.size());
  operation.rows = static_cast<int64_t>(bindings.size());
  if (auto failed = LogOperation(parts, request, operation)) return *failed;
  if (bindings.empty()) {
    return ErrorReply(404, "nothing is known of '" + what + "' at " + base::FormatRfc3339(at));
  }
  return JsonReply({{"bindings", bindings}});
}

Reply GetAccountsHistory(const Parts& parts, const Request& request) {
  const std::string what = request.QueryText("what");
  if (what.empty()) return ErrorReply(400, "a history wants what: an address or an account");
  const auto limit = QueryNumber(request, "limit", 1000, kHistoryMax);
  if (!limit) return ErrorReply(400, limit.error().message);
  if (parts.registry_history == nullptr) {
    return ErrorReply(409, "there is no registry: set [accounts] registry");
  }
  const auto history = parts.registry_history->HistoryOf(what, *limit);
  Operation operation;
  operation.action = "accounts history";
  operation.target = what;
  operation.outcome = history ? fmt::format("done: {} found", history->size())
                              : "refused: " + history.error().message;
  if (history) operation.rows = static_cast<int64_t>(history->size());
  if (auto failed = LogOperation(parts, request, operation)) return *failed;
  if (!history) return ErrorReply(500, history.error().message);
  if (history->empty()) return ErrorReply(404, "the registry never knew '" + what + "'");
  json rows = json::array();
  for (const registry::KeptRow& kept : *history) rows.push_back(KeptRowJson(kept));
  return JsonReply({{"rows", rows}});
}

Reply PostAccountsDiff(const Parts& parts, const Request& request) {
  const json& text = policy::JsonMember(request.body, "csv");
  if (!text.is_string()) return ErrorReply(400, "a diff wants \"csv\", the registry's text");
  if (parts.registry == nullptr) {
    return ErrorReply(409, "there is no registry to compare with: set [accounts] registry");
  }
  const auto parsed = accounts::Registry::Parse(text.get_ref<const std::string&>(), "import");
  if (!parsed) return ErrorReply(409, parsed.error().message);
  const auto present = parts.directory.registry();
  const std::vector<accounts::RowChange> changes = accounts::Diff(*present, *parsed);
  // It hands out the rows that would change.
  Operation operation;
  operation.action = "accounts diff";
  operation.target = parts.registry->path().string();
  operation.outcome = "done";
  operation.rows = static_cast<int64_t>(changes.size());
  if (auto failed = LogOperation(parts, request, operation)) return *failed;
  json diff = DiffJson(changes);
  diff["rows_before"] = present->rows();
  diff["rows_after"] = parsed->rows();
  return JsonReply(diff);
}

Reply PostAccountsImport(const Parts& parts, const Request& request) {
  const json& text = policy::JsonMember(request.body, "csv");
  if (!text.is_string()) return ErrorReply(400, "an import wants \"csv\", the registry's text");
  if (parts.registry == nullptr) {
    return ErrorReply(409, "there is no registry to import into: set [accounts] registry");
  }
  Operation operation;
  operation.action = "accounts import";
  operation.target = parts.registry->path().string();
  LoggedAct act(parts, request, operation);
  if (auto refused = act.Begin()) return *refused;
  const auto counts = parts.registry->Import(text.get_ref<const std::string&>(), request.actor);
  if (!counts) return act.EndWithError(409, counts.error().message);
  return act.End(fmt::format("done: {} rows", counts->rows),
                 JsonReply({{"rows", counts->rows},
                            {"added", counts->added},
                            {"removed", counts->removed},
                            {"changed", counts->changed}}));
}

}  // namespace weir::control::api

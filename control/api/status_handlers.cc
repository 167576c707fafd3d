#include <fmt/format.h>

#include "control/api/handlers.h"
#include "control/api/log_text.h"
#include "control/api/version.h"
#include "control/api/views.h"
#include "control/policy/json_fields.h"

namespace weir::control::api {
namespace {

constexpr uint64_t kOperationsMax = 10'000;

nlohmann::json RadiusJson(const radius::RadiusServer& server, const radius::LoginBook& logins) {
  const radius::RadiusCounters& counters = server.counters();
  nlohmann::json refused{{"unknown_nas", counters.unknown_nas.value()},
                         {"not_stored", counters.not_stored.value()}};
  for (size_t i = 1; i < radius::kRadiusFaults; ++i) {
    refused[std::string(RadiusFaultName(static_cast<radius::RadiusFault>(i)))] =
        counters.faults[i].value();
  }
  return {{"port", server.port()},
          {"clients", server.clients()},
          {"clients_error", server.clients_error()},
          {"logged_in", logins.present()},
          {"received", counters.received.value()},
          {"answered", counters.answered.value()},
          {"repeated", counters.repeated.value()},
          {"not_sent", counters.not_sent.value()},
          {"kernel_drops", counters.kernel_drops.value()},
          {"buffer_bytes", server.buffer_bytes()},
          {"clock_differs", counters.clock_differs.value()},
          {"refused", refused}};
}

nlohmann::json SyslogJson(const portal::SyslogServer& server) {
  const portal::SyslogServer::Status status = server.status();
  const portal::SyslogCounters& counters = server.counters();
  return {{"port", server.port()},
          {"patterns", status.patterns},
          {"patterns_error", status.patterns_error},
          {"store_error", status.store_error},
          {"received", counters.received.value()},
          {"results", ResultsOf(counters)},
          {"kernel_drops", counters.kernel_drops.value()},
          {"buffer_bytes", server.buffer_bytes()},
          {"bad_time", counters.bad_time.value()},
          {"bad_mac", counters.bad_mac.value()},
          {"unmatched", status.unmatched}};
}

nlohmann::json AccountsJson(const Parts& parts) {
  const policy::IdentityStatus told = parts.identities.status();
  nlohmann::json accounts{{"registry_rows", parts.directory.registry_rows()},
                          {"told",
                           {{"in_step", told.in_step},
                            {"addresses", told.addresses},
                            {"refused", told.refused},
                            {"updates", told.updates},
                            {"error", told.error}}}};
  if (told.last_change.ns != 0) {
    accounts["told"]["last_change"] = base::FormatRfc3339(told.last_change);
  }
  if (parts.registry != nullptr) {
    const accounts::RegistryFile::Status registry = parts.registry->status();
    accounts["registry_loaded"] = base::FormatRfc3339(registry.loaded);
    accounts["registry_error"] = registry.error;
    accounts["registry_history"] = {{"error", registry.past_error},
                                    {"never_kept", registry.past_unkept},
                                    {"unreadable", parts.registry_history->unreadable()},
                                    {"not_pruned", parts.registry_history->not_pruned()}};
  }
  if (parts.logins != nullptr) {
    accounts["logins"] = {{"present", parts.logins->present()},
                          {"unreadable", parts.logins->unreadable()}};
  }
  if (parts.syslog != nullptr) accounts["syslog"] = SyslogJson(*parts.syslog);
  if (parts.radius != nullptr) accounts["radius"] = RadiusJson(*parts.radius, *parts.logins);
  if (parts.leases != nullptr) {
    accounts["dhcp"] = {{"leases", parts.leases->running()},
                        {"refused", parts.leases->refused()},
                        {"unreadable", parts.leases->unreadable()}};
  }
  return accounts;
}

}  // namespace

std::optional<Reply> LogOperation(const Parts& parts, const Request& request, Operation operation) {
  operation.time = base::WallNow();
  operation.actor = request.actor;
  operation.via = request.via;
  if (operation.reason.empty()) operation.reason = LogReason(request);
  const auto logged = parts.operations.Append(operation);
  if (logged.ok()) return std::nullopt;
  return NotLoggedReply(logged.error());
}

std::optional<Reply> LogRepeatedLook(const Parts& parts, const Request& request, Operation look) {
  look.actor = request.actor;
  look.via = request.via;
  if (look.reason.empty()) look.reason = LogReason(request);
  const auto due = parts.looks->Note(look, base::MonoNow());
  if (!due) return std::nullopt;
  Operation entry = look;
  entry.rows = due->rows;
  if (due->looks > 1) entry.outcome += fmt::format(", {} looks since the last entry", due->looks);
  auto failed = LogOperation(parts, request, entry);
  if (failed) parts.looks->Forget(look);
  return failed;
}

Reply NotLoggedReply(const base::Error& error) {
  return ErrorReply(503, "the operations log cannot be written, and so nothing is done or shown: " +
                             error.message);
}

Reply DataplaneError(const policy::DataplaneReply& reply) {
  return ErrorReply(reply.outcome == policy::DataplaneReply::Outcome::kAway ? 503 : 409,
                    reply.error);
}

Reply GetStatus(const Parts& parts, const Request&) {
  const base::WallTime now = base::WallNow();
  nlohmann::json status{{"version", kVersion},
                        {"sensor", parts.config.sensor},
                        {"time", base::FormatRfc3339(now)},
                        {"started", base::FormatRfc3339(parts.started)},
                        {"uptime_s", (now.ns - parts.started.ns) / base::kNsPerSecond},
                        {"policy", ToJson(parts.policy.status())},
                        {"ingest", ToJson(parts.ingest.counters())},
                        {"accounts", AccountsJson(parts)}};
  if (const auto stats = parts.store.Stats(); stats.ok()) {
    status["store"] = ToJson(*stats);
  } else {
    status["store"] = {{"error", stats.error().message}};
  }
  if (const auto totals = parts.incidents.CountOpen(); totals.ok()) {
    nlohmann::json deadlines = nlohmann::json::object();
    for (const auto& [clock, due] : totals->nearest_deadline_by_clock) {
      deadlines[clock] = base::FormatRfc3339(due);
    }
    status["incidents"] = {{"open_by_class", totals->open_by_class},
                           {"nearest_deadlines", deadlines}};
  } else {
    status["incidents"] = {{"error", totals.error().message}};
  }
  const auto dataplane = parts.policy.dataplane().Call({{"cmd", "stats"}});
  if (dataplane.ok()) {
    status["dataplane"] = dataplane.body;
    status["dataplane"].erase("ok");
  } else {
    status["dataplane"] = {{"error", dataplane.error}};
  }
  return JsonReply(status);
}

Reply GetMetrics(const Parts& parts, const Request&) {
  Reply reply;
  reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
  reply.body = parts.metrics.Render();
  return reply;
}

Reply GetOperations(const Parts& parts, const Request& request) {
  const auto limit = QueryNumber(request, "limit", 100, kOperationsMax);
  if (!limit) return ErrorReply(400, limit.error().message);
  const auto operations = parts.operations.List(*limit);
  if (!operations) return ErrorReply(500, operations.error().message);
  nlohmann::json list = nlohmann::json::array();
  for (const Operation& operation : *operations)
    list.push_back(nlohmann::json::parse(operations::OperationToJson(operation)));
  return JsonReply({{"operations", list}});
}

}  // namespace weir::control::api

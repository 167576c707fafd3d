#include <exception>
#include <set>
#include <vector>

#include "control/api/api.h"
#include "control/api/handlers.h"

namespace weir::control::api {
namespace {

constexpr Route kRoutes[] = {
    {"GET", "/metrics", GetMetrics, "numbers for Prometheus; needs no token"},
    {"GET", "/api/v1/status", GetStatus, "what runs and how it is"},
    {"GET", "/api/v1/doctor", GetDoctor, "each part checked, with what to do"},
    {"GET", "/api/v1/sessions", GetSessions, "session records; wants a reason"},
    {"GET", "/api/v1/top/{what}", GetTop, "talkers, apps or names of the last minutes"},
    {"GET", "/api/v1/incidents", ListIncidents, "cases, newest first"},
    {"GET", "/api/v1/incidents/{id}", GetIncident, "one case with its log"},
    {"GET", "/api/v1/incidents/{id}/report", GetIncidentReport, "the case as Markdown"},
    {"POST", "/api/v1/incidents/{id}/{step}", PostIncidentStep,
     "ack, contain, report, close or note"},
    {"GET", "/api/v1/blocks", ListBlocks, "blocks in force"},
    {"POST", "/api/v1/blocks", PostBlock, "block a host, domain, ip, port, account or mac"},
    {"DELETE", "/api/v1/blocks/{id}", DeleteBlock, "take a block back"},
    {"GET", "/api/v1/why", GetWhy, "which rule decides a flow"},
    {"GET", "/api/v1/show/{what}", GetShow, "ports, workers, flows, accounts, rules or drops"},
    {"GET", "/api/v1/accounts/lookup", GetAccountsLookup,
     "who has an address, or the addresses of an account, at a moment; how sure that is"},
    {"GET", "/api/v1/accounts/history", GetAccountsHistory,
     "who had an address, or what an account had: the registry's rows, log-ins and leases"},
    {"POST", "/api/v1/accounts/diff", PostAccountsDiff,
     "which rows a CSV text would change; nothing changes"},
    {"POST", "/api/v1/accounts/import", PostAccountsImport, "a CSV text becomes the registry"},
    {"POST", "/api/v1/rules/check", PostRulesCheck, "check the rules files"},
    {"POST", "/api/v1/rules/diff", PostRulesDiff, "what the rules files would change"},
    {"POST", "/api/v1/rules/apply", PostRulesApply, "install the rules files"},
    {"POST", "/api/v1/rules/confirm", PostRulesConfirm, "keep what waits to be confirmed"},
    {"POST", "/api/v1/rules/undo", PostRulesUndo, "back to the rules before the last apply"},
    {"GET", "/api/v1/lists", ListLists, "the lists of the rules in force, and how new they are"},
    {"POST", "/api/v1/lists/{name}/check", PostListCheck,
     "what its source or a file has that is not in force; nothing changes"},
    {"POST", "/api/v1/lists/{name}/refresh", PostListRefresh, "ask its source now"},
    {"POST", "/api/v1/lists/{name}/import", PostListImport, "put a file in its place"},
    {"POST", "/api/v1/bypass", PostBypass, "forward everything undecided, or stop doing so"},
    {"POST", "/api/v1/audit/migrate", PostAuditMigrate,
     "ship what was recorded before there was an archive"},
    {"GET", "/api/v1/audit/migrate", GetAuditMigrate, "how far that is, until it is done"},
    {"GET", "/api/v1/operations", GetOperations, "the operations log, newest first"},
    {"GET", "/api/v1/audit/status", GetAuditStatus,
     "what the record holds, since when, how far it is sealed, when the disk is full"},
    {"POST", "/api/v1/audit/verify", PostAuditVerify, "check the record against its seals"},
    {"POST", "/api/v1/audit/seal", PostAuditSeal, "seal everything up to now"},
    {"POST", "/api/v1/audit/anchor", PostAuditAnchor, "the newest seal's anchor, and mail it"},
    {"POST", "/api/v1/audit/key/rotate", PostKeyRotate, "a new signing key takes over"},
    {"GET", "/api/v1/audit/seals", GetSeals, "all seals, as text"},
    {"GET", "/api/v1/audit/export", GetExportPlan, "the files of an export"},
    {"GET", "/api/v1/audit/export/{name}", GetExportFile, "a file of an export"},
    {"POST", "/api/v1/audit/export", PostExportSign, "sign an export's manifest"},
    {"GET", "/api/v1/audit/holds", ListHolds, "legal holds, newest first"},
    {"POST", "/api/v1/audit/holds", PostHold, "keep the record of a time until released"},
    {"DELETE", "/api/v1/audit/holds/{id}", DeleteHold, "release a hold"},
    {"GET", "/api/v1/audit/backup", GetBackup, "how the backups are"},
    {"POST", "/api/v1/audit/backup", PostBackup, "make a backup now, or read the newest one back"},
};

std::vector<std::string_view> Segments(std::string_view path) {
  std::vector<std::string_view> segments;
  while (!path.empty()) {
    path.remove_prefix(1);  // the slash
    const size_t end = path.find('/');
    segments.push_back(path.substr(0, end));
    path = end == std::string_view::npos ? std::string_view() : path.substr(end);
  }
  return segments;
}

// Whether the path is the route's; then `values` holds what stood for its "{name}"s.
bool Matches(std::string_view pattern, std::string_view path,
             std::map<std::string, std::string>& values) {
  const auto wanted = Segments(pattern);
  const auto given = Segments(path);
  if (wanted.size() != given.size()) return false;
  values.clear();
  for (size_t index = 0; index < wanted.size(); ++index) {
    const std::string_view segment = wanted[index];
    if (segment.starts_with('{')) {
      if (given[index].empty()) return false;
      values[std::string(segment.substr(1, segment.size() - 2))] = given[index];
    } else if (segment != given[index]) {
      return false;
    }
  }
  return true;
}

}  // namespace

std::span<const Route> Routes() { return kRoutes; }

Reply Api::Handle(Request& request) const {
  std::set<std::string_view> allowed;
  for (const Route& route : kRoutes) {
    if (!Matches(route.path, request.path, request.path_values)) continue;
    const bool head = request.method == "HEAD" && route.method == "GET";
    if (request.method != route.method && !head) {
      allowed.insert(route.method);
      continue;
    }
    try {
      return route.handler(parts_, request);
    } catch (const std::exception& error) {
      return ErrorReply(500, std::string("internal error: ") + error.what());
    }
  }
  if (allowed.empty()) return ErrorReply(404, "there is no " + request.path);
  Reply reply = ErrorReply(405, request.method + " is not for " + request.path);
  for (const std::string_view method : allowed) {
    reply.allow += (reply.allow.empty() ? "" : ", ") + std::string(method);
  }
  return reply;
}

}  // namespace weir::control::api

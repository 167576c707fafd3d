// The handlers of the routes in routes.cc, by topic. Each runs on its connection's thread.
#pragma once

#include "control/api/api.h"

namespace weir::control::api {

// status_handlers.cc
Reply GetStatus(const Parts& parts, const Request& request);
Reply GetMetrics(const Parts& parts, const Request& request);
Reply GetOperations(const Parts& parts, const Request& request);

// doctor.cc
Reply GetDoctor(const Parts& parts, const Request& request);

// session_handlers.cc
Reply GetSessions(const Parts& parts, const Request& request);
Reply GetTop(const Parts& parts, const Request& request);

// incident_handlers.cc
Reply ListIncidents(const Parts& parts, const Request& request);
Reply GetIncident(const Parts& parts, const Request& request);
Reply GetIncidentReport(const Parts& parts, const Request& request);
Reply PostIncidentStep(const Parts& parts, const Request& request);

// policy_handlers.cc
Reply ListBlocks(const Parts& parts, const Request& request);
Reply PostBlock(const Parts& parts, const Request& request);
Reply DeleteBlock(const Parts& parts, const Request& request);
Reply PostRulesCheck(const Parts& parts, const Request& request);
Reply PostRulesApply(const Parts& parts, const Request& request);
Reply PostRulesConfirm(const Parts& parts, const Request& request);
Reply PostRulesUndo(const Parts& parts, const Request& request);
Reply PostBypass(const Parts& parts, const Request& request);

// list_handlers.cc
Reply ListLists(const Parts& parts, const Request& request);
Reply PostListCheck(const Parts& parts, const Request& request);
Reply PostListRefresh(const Parts& parts, const Request& request);
Reply PostListImport(const Parts& parts, const Request& request);

// trial_handlers.cc
Reply PostRulesDiff(const Parts& parts, const Request& request);
// "live" and "past", or "error".
nlohmann::json WhatBlockChanges(const Parts& parts, const policy::Block& block);

// account_handlers.cc
Reply GetAccountsLookup(const Parts& parts, const Request& request);
Reply GetAccountsHistory(const Parts& parts, const Request& request);
Reply PostAccountsDiff(const Parts& parts, const Request& request);
Reply PostAccountsImport(const Parts& parts, const Request& request);

// audit_handlers.cc
Reply GetAuditStatus(const Parts& parts, const Request& request);
Reply PostAuditVerify(const Parts& parts, const Request& request);
Reply PostAuditSeal(const Parts& parts, const Request& request);
Reply PostAuditAnchor(const Parts& parts, const Request& request);
Reply PostKeyRotate(const Parts& parts, const Request& request);
Reply ListHolds(const Parts& parts, const Request& request);
Reply PostHold(const Parts& parts, const Request& request);
Reply DeleteHold(const Parts& parts, const Request& request);
// "from" and "to" of the body; empty: neither is given.
base::Result<std::optional<audit::TimeSpan>> BodySpan(const Request& request);

// export_handlers.cc
Reply GetExportPlan(const Parts& parts, const Request& request);
Reply GetExportFile(const Parts& parts, const Request& request);
Reply GetSeals(const Parts& parts, const Request& request);
Reply PostExportSign(const Parts& parts, const Request& request);

// migrate_handlers.cc
Reply PostAuditMigrate(const Parts& parts, const Request& request);
Reply GetAuditMigrate(const Parts& parts, const Request& request);

// backup_handlers.cc
Reply GetBackup(const Parts& parts, const Request& request);
Reply PostBackup(const Parts& parts, const Request& request);

// show_handlers.cc
Reply GetShow(const Parts& parts, const Request& request);
Reply GetWhy(const Parts& parts, const Request& request);

// Writes what a person looked up into the operations log, with the request's reason unless it has
// one; the error is a reply already, 503, and then nothing may be handed out. What changes
// something is a LoggedAct.
std::optional<Reply> LogOperation(const Parts& parts, const Request& request, Operation operation);
// The same for a look that somebody may repeat every few seconds (repeated_looks.h).
std::optional<Reply> LogRepeatedLook(const Parts& parts, const Request& request, Operation look);
Reply NotLoggedReply(const base::Error& error);
// The reply to a data plane that is away (503) or refused (409).
Reply DataplaneError(const policy::DataplaneReply& reply);

}  // namespace weir::control::api

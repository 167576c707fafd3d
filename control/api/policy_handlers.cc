#include <fmt/format.h>

#include "control/api/handlers.h"
#include "control/api/log_text.h"
#include "control/api/logged_act.h"
#include "control/api/views.h"
#include "control/policy/json_fields.h"

namespace weir::control::api {
namespace {

constexpr uint64_t kBlocksShownMax = 20'000;

nlohmann::json OutcomeJson(const policy::BlockOutcome& outcome) {
  nlohmann::json object = ToJson(outcome.block);
  object["dry_run"] = outcome.dry_run;
  if (!outcome.pending.empty()) object["pending"] = outcome.pending;
  return object;
}

base::Result<policy::BlockRequest> ToBlockRequest(const Request& request) {
  policy::BlockRequest block;
  block.typed = base::WallNow();
  block.actor = request.actor;
  block.kind = request.BodyText("kind");
  block.value = request.BodyText("value");
  block.reason = request.BodyText("reason");
  block.notice = request.BodyText("notice");
  block.incident = request.BodyText("incident");
  if (block.kind.empty() || block.value.empty() || block.reason.empty()) {
    return base::Error{"a block wants kind, value and reason"};
  }
  if (const std::string duration = request.BodyText("for"); !duration.empty()) {
    const auto seconds = policy::ParseDuration(duration);
    if (!seconds) return seconds.error();
    block.for_seconds = *seconds;
  }
  return block;
}

// What was done stands on the case too.
void NoteOnIncident(const Parts& parts, const Request& request, const policy::Block& block) {
  const auto took_ms = block.installed_in_ms();
  const std::string note =
      took_ms ? fmt::format("{} installed {:.1f} ms after it was typed: {}", block.id(), *took_ms,
                            block.rule)
              : fmt::format("{} saved, not installed yet: {}", block.id(), block.rule);
  // The block is in force whether or not the note could be written.
  static_cast<void>(
      parts.incidents.AddNote({block.incident, request.actor, note, base::WallNow()}).ok());
}

policy::ApplyRequest ToApplyRequest(const Request& request) {
  policy::ApplyRequest wanted;
  wanted.actor = request.actor;
  const auto& canary = policy::JsonMember(request.body, "canary");
  wanted.canary = !canary.is_boolean() || canary.get<bool>();
  return wanted;
}

// What an apply or undo came to, logged and told.
Reply AppliedReply(LoggedAct& act, const policy::ApplyOutcome& outcome) {
  nlohmann::json object = ToJson(outcome.check);
  object["version"] = outcome.version;
  object["canary_asked"] = outcome.canary_asked;
  if (!outcome.refused.empty()) object["error"] = outcome.refused;
  if (!outcome.check.ok()) object["error"] = outcome.check.errors.front();
  if (!outcome.pending.empty()) object["pending"] = outcome.pending;
  if (outcome.waiting) object["waiting"] = ToJson(*outcome.waiting);
  const bool refused = object.contains("error");
  act.operation().target = fmt::format("{} file(s)", outcome.check.files.size());
  if (refused) {
    return act.End("refused: " + policy::JsonText(object, "error"), JsonReply(object, 409));
  }
  if (!outcome.pending.empty()) {
    return act.End("pending: " + outcome.pending, JsonReply(object, 202));
  }
  return act.End(fmt::format("done: version {}", outcome.version), JsonReply(object));
}

}  // namespace

Reply ListBlocks(const Parts& parts, const Request& request) {
  const auto limit = QueryNumber(request, "limit", kBlocksShownMax, kBlocksShownMax);
  if (!limit) return ErrorReply(400, limit.error().message);
  const auto blocks = parts.policy.blocks().List(request.QueryText("all") == "1", *limit);
  if (!blocks) return ErrorReply(500, blocks.error().message);
  nlohmann::json list = nlohmann::json::array();
  for (const policy::Block& block : *blocks) list.push_back(ToJson(block));
  return JsonReply({{"blocks", list}});
}

Reply PostBlock(const Parts& parts, const Request& request) {
  const auto wanted = ToBlockRequest(request);
  if (!wanted) return ErrorReply(400, wanted.error().message);
  if (!wanted->incident.empty()) {
    const auto incident = parts.incidents.Get(wanted->incident);
    if (!incident) return ErrorReply(500, incident.error().message);
    if (!*incident) return ErrorReply(404, "there is no incident '" + wanted->incident + "'");
  }
  const bool dry_run = policy::JsonBool(request.body, "dry_run");
  Operation operation;
  operation.action = dry_run ? "block (dry run)" : "block";
  operation.target = wanted->kind + " " + wanted->value;
  operation.reason = LogReason(wanted->reason, "");
  LoggedAct act(parts, request, operation);
  if (auto refused = act.Begin()) return *refused;
  const auto outcome = parts.policy.AddBlock(*wanted, dry_run);
  if (!outcome) return act.EndWithError(409, outcome.error().message);
  if (!dry_run && !wanted->incident.empty()) NoteOnIncident(parts, request, outcome->block);
  nlohmann::json object = OutcomeJson(*outcome);
  if (dry_run) object["would_change"] = WhatBlockChanges(parts, outcome->block);
  const bool installed = outcome->pending.empty();
  return act.End(installed ? "done" : "pending: " + outcome->pending,
                 JsonReply(object, installed ? 200 : 202));
}

Reply DeleteBlock(const Parts& parts, const Request& request) {
  const std::string& id = request.PathValue("id");
  const auto block = parts.policy.blocks().Find(id);
  if (!block) return ErrorReply(500, block.error().message);
  if (!*block) return ErrorReply(404, "there is no block '" + id + "'");
  Operation operation;
  operation.action = "unblock";
  operation.target = id;
  LoggedAct act(parts, request, operation);
  if (auto refused = act.Begin()) return *refused;
  const auto outcome = parts.policy.Unblock(id, request.actor, base::WallNow());
  if (!outcome) return act.EndWithError(409, outcome.error().message);
  const bool removed = outcome->pending.empty();
  return act.End(removed ? "done" : "pending: " + outcome->pending,
                 JsonReply(OutcomeJson(*outcome), removed ? 200 : 202));
}

Reply PostRulesCheck(const Parts& parts, const Request&) {
  const policy::PolicyCheck check = parts.policy.CheckDisk();
  return JsonReply(ToJson(check), check.ok() ? 200 : 409);
}

Reply PostRulesApply(const Parts& parts, const Request& request) {
  policy::ApplyRequest wanted = ToApplyRequest(request);
  const auto& confirm = policy::JsonMember(request.body, "confirm");
  if (!confirm.is_null()) {
    if (!confirm.is_number_integer()) {
      return ErrorReply(400, "\"confirm\" is a number of seconds");
    }
    wanted.confirm_seconds = confirm.get<int64_t>();
  }
  Operation operation;
  operation.action = "rules apply";
  if (wanted.confirm_seconds) {
    operation.action += fmt::format(" (confirm {} s)", *wanted.confirm_seconds);
  }
  LoggedAct act(parts, request, operation);
  if (auto refused = act.Begin()) return *refused;
  return AppliedReply(act, parts.policy.ApplyDisk(wanted));
}

Reply PostRulesConfirm(const Parts& parts, const Request& request) {
  Operation operation;
  operation.action = "rules confirm";
  LoggedAct act(parts, request, operation);
  if (auto refused = act.Begin()) return *refused;
  const auto confirmed = parts.policy.ConfirmRules();
  if (!confirmed) return act.EndWithError(409, confirmed.error().message);
  const uint64_t version = parts.policy.status().version;
  return act.End(fmt::format("done: version {}", version), JsonReply({{"version", version}}));
}

Reply PostRulesUndo(const Parts& parts, const Request& request) {
  Operation operation;
  operation.action = "rules undo";
  LoggedAct act(parts, request, operation);
  if (auto refused = act.Begin()) return *refused;
  return AppliedReply(act, parts.policy.UndoRules(ToApplyRequest(request)));
}

Reply PostBypass(const Parts& parts, const Request& request) {
  const auto& on = policy::JsonMember(request.body, "on");
  if (!on.is_boolean()) return ErrorReply(400, "bypass wants \"on\": true or false");
  Operation operation;
  operation.action = "bypass";
  operation.target = on.get<bool>() ? "on" : "off";
  LoggedAct act(parts, request, operation);
  if (on.get<bool>()) {
    act.BeginUnlogged();  // a network that stands still waits for no disk
  } else if (auto refused = act.Begin()) {
    return *refused;
  }
  const auto reply = parts.policy.dataplane().Call({{"cmd", "bypass"}, {"on", on}});
  if (!reply.ok()) return act.End("refused: " + reply.error, DataplaneError(reply));
  return act.End("done", JsonReply({{"bypass", on}}));
}

}  // namespace weir::control::api

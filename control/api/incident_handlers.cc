#include "control/api/handlers.h"
#include "control/api/log_text.h"
#include "control/api/logged_act.h"
#include "control/api/views.h"
#include "control/incidents/case_report.h"

namespace weir::control::api {
namespace {

using incidents::State;

constexpr uint64_t kIncidentsMax = 10'000;

std::optional<State> StateOfStep(const std::string& step) {
  if (step == "ack") return State::kAcknowledged;
  if (step == "contain") return State::kContained;
  if (step == "report") return State::kReported;
  if (step == "close") return State::kClosed;
  return std::nullopt;
}

// The incident, or the reply that says why not.
struct Found {
  std::optional<incidents::Incident> incident;
  Reply refusal;
};

Found FindIncident(const Parts& parts, const std::string& id) {
  auto incident = parts.incidents.Get(id);
  if (!incident) return {std::nullopt, ErrorReply(500, incident.error().message)};
  if (!*incident) return {std::nullopt, ErrorReply(404, "there is no incident '" + id + "'")};
  return {std::move(**incident), {}};
}

Reply WithLog(const Parts& parts, const incidents::Incident& incident) {
  const auto log = parts.incidents.Log(incident.id);
  if (!log) return ErrorReply(500, log.error().message);
  nlohmann::json object = ToJson(incident, base::WallNow());
  object["log"] = ToJson(*log);
  return JsonReply(object);
}

// A case tells whose it is and with whom they spoke.
Operation LookOf(const char* action, const std::string& target) {
  Operation look;
  look.action = action;
  look.target = target;
  look.outcome = "done";
  look.rows = 1;
  return look;
}

}  // namespace

Reply ListIncidents(const Parts& parts, const Request& request) {
  const auto limit = QueryNumber(request, "limit", 100, kIncidentsMax);
  if (!limit) return ErrorReply(400, limit.error().message);
  const auto incidents = parts.incidents.List(request.QueryText("all") == "1", *limit);
  if (!incidents) return ErrorReply(500, incidents.error().message);
  nlohmann::json list = nlohmann::json::array();
  const base::WallTime now = base::WallNow();
  for (const incidents::Incident& incident : *incidents) list.push_back(ToJson(incident, now));
  if (list.empty()) return JsonReply({{"incidents", list}});
  Operation look = LookOf("incidents", LogQuery(request));
  look.rows = static_cast<int64_t>(list.size());
  if (auto failed = LogRepeatedLook(parts, request, look)) return *failed;
  return JsonReply({{"incidents", list}});
}

Reply GetIncident(const Parts& parts, const Request& request) {
  const Found found = FindIncident(parts, request.PathValue("id"));
  if (!found.incident) return found.refusal;
  const Operation look = LookOf("incident show", found.incident->id);
  if (auto failed = LogOperation(parts, request, look)) return *failed;
  return WithLog(parts, *found.incident);
}

Reply GetIncidentReport(const Parts& parts, const Request& request) {
  const Found found = FindIncident(parts, request.PathValue("id"));
  if (!found.incident) return found.refusal;
  const auto log = parts.incidents.Log(found.incident->id);
  if (!log) return ErrorReply(500, log.error().message);
  const Operation look = LookOf("incident show as report", found.incident->id);
  if (auto failed = LogOperation(parts, request, look)) return *failed;
  Reply reply;
  reply.content_type = "text/markdown; charset=utf-8";
  reply.body = incidents::RenderCaseReport(*found.incident, *log);
  return reply;
}

Reply PostIncidentStep(const Parts& parts, const Request& request) {
  const std::string& step_name = request.PathValue("step");
  const auto to = StateOfStep(step_name);
  if (!to && step_name != "note") {
    return ErrorReply(404, "an incident has no step '" + step_name +
                               "'; there are ack, contain, report, close, note");
  }
  const Found found = FindIncident(parts, request.PathValue("id"));
  if (!found.incident) return found.refusal;
  const std::string note = request.BodyText("note");
  Operation operation;
  operation.action = "incident " + step_name;
  operation.target = found.incident->id;
  operation.reason = LogReason(note, "");
  LoggedAct act(parts, request, operation);
  if (auto refused = act.Begin()) return *refused;
  const incidents::Step step{found.incident->id, request.actor, note, base::WallNow()};
  base::Status done;
  if (!to) {
    done = parts.incidents.AddNote(step);
  } else if (const auto moved = parts.incidents.Advance(step, *to); !moved) {
    done = moved.error();
  }
  if (!done) return act.EndWithError(409, done.error().message);
  const Found after = FindIncident(parts, found.incident->id);
  return act.End("done", after.incident ? WithLog(parts, *after.incident) : after.refusal);
}

}  // namespace weir::control::api

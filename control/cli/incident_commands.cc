#include <fmt/format.h>

#include "control/cli/commands.h"
#include "control/cli/text.h"
#include "control/policy/json_fields.h"

namespace weir::control::cli {
namespace {

using nlohmann::json;
using policy::JsonCount;
using policy::JsonMember;
using policy::JsonText;

// "23h59m left", "OVER by 5m", "made".
std::string DeadlineState(const json& deadline) {
  if (deadline.contains("met")) return "made " + LocalTime(JsonText(deadline, "met"));
  const json& left = JsonMember(deadline, "seconds_left");
  if (!left.is_number_integer()) return "closed";
  const auto seconds = left.get<int64_t>();
  return seconds < 0 ? "OVER by " + ShortSeconds(-seconds) : ShortSeconds(seconds) + " left";
}

std::string FirstDeadline(const json& incident) {
  const json& deadlines = JsonMember(incident, "deadlines");
  if (deadlines.empty()) return "";
  const json& first = deadlines.front();
  return TableTime(JsonText(first, "due")) + " (" + DeadlineState(first) + ")";
}

std::string Target(const std::string& id, const std::string& what) {
  return "/api/v1/incidents/" + UrlEncode(id) + (what.empty() ? "" : "/" + what);
}

void PrintCase(Context& context, const json& incident) {
  const auto line = [&context](std::string_view key, const std::string& value) {
    if (!value.empty()) context.Print(fmt::format("{:<11} {}\n", key, Printable(value)));
  };
  line("incident", JsonText(incident, "id"));
  line("state", JsonText(incident, "state"));
  line("class", JsonText(incident, "class"));
  line("severity", JsonText(incident, "severity"));
  line("rule", JsonText(incident, "rule"));
  line("reason", JsonText(incident, "reason"));
  line(JsonText(incident, "subject_kind"), JsonText(incident, "subject"));
  line("group", JsonText(incident, "group"));
  line("discovered", LocalTime(JsonText(incident, "discovered")));
  line("last seen", LocalTime(JsonText(incident, "last_seen")));
  line("findings", std::to_string(JsonCount(incident, "findings")));
  line("name", JsonText(incident, "first_name"));
  line("peer", JsonText(incident, "first_peer"));
  line("verdict", JsonText(incident, "verdict"));
  for (const json& deadline : JsonMember(incident, "deadlines")) {
    line("deadline", fmt::format("{}: {} to {} ({})", JsonText(deadline, "clock"),
                                 LocalTime(JsonText(deadline, "due")),
                                 JsonText(deadline, "recipient"), DeadlineState(deadline)));
  }
  line("sessions", fmt::format("{} kept as samples", JsonMember(incident, "sessions").size()));
  context.Print("\n");
  Table log({"time", "who", "step", "note"});
  for (const json& entry : JsonMember(incident, "log")) {
    log.Add({TableTime(JsonText(entry, "time")), JsonText(entry, "actor"),
             JsonText(entry, "action"), JsonText(entry, "note")});
  }
  context.Print(log);
}

}  // namespace

int RunIncidents(Context& context, bool all, uint64_t limit) {
  const auto answer = context.Ask(
      {"GET", fmt::format("/api/v1/incidents?all={}&limit={}", all ? 1 : 0, limit), ""});
  if (!answer) return context.exit_code();
  if (context.as_json()) {
    context.PrintJson(*answer);
    return kDone;
  }
  Table table({"incident", "state", "class", "subject", "rule", "findings", "discovered",
               "first deadline"});
  for (const json& incident : JsonMember(*answer, "incidents")) {
    table.Add({JsonText(incident, "id"), JsonText(incident, "state"), JsonText(incident, "class"),
               JsonText(incident, "subject"), JsonText(incident, "rule"),
               std::to_string(JsonCount(incident, "findings")),
               TableTime(JsonText(incident, "discovered")), FirstDeadline(incident)});
  }
  if (table.empty()) {
    context.Print(all ? "no incidents\n" : "no incidents that are not closed\n");
  } else {
    context.Print(table);
  }
  return kDone;
}

int RunIncidentShow(Context& context, const std::string& id) {
  const auto incident = context.Ask({"GET", Target(id, ""), ""});
  if (!incident) return context.exit_code();
  if (context.as_json()) {
    context.PrintJson(*incident);
  } else {
    PrintCase(context, *incident);
  }
  return kDone;
}

int RunIncidentStep(Context& context, const std::string& id, const std::string& step,
                    const std::string& note) {
  const auto incident = context.Ask({"POST", Target(id, step), policy::JsonDump({{"note", note}})});
  if (!incident) return context.exit_code();
  if (context.as_json()) {
    context.PrintJson(*incident);
  } else {
    context.Print(
        fmt::format("{} is {}\n", JsonText(*incident, "id"), JsonText(*incident, "state")));
  }
  return kDone;
}

int RunIncidentReport(Context& context, const std::string& id, const std::string& note) {
  const auto incident =
      context.Ask({"POST", Target(id, "report"), policy::JsonDump({{"note", note}})});
  if (!incident) return context.exit_code();
  if (context.as_json()) {
    context.PrintJson(*incident);
    return kDone;
  }
  const HttpAnswer report = context.client().Call({"GET", Target(id, "report"), ""});
  if (report.outcome != HttpAnswer::Outcome::kAnswered || report.status != 200) {
    return context.Failed(report);
  }
  context.Print(report.body);
  return kDone;
}

}  // namespace weir::control::cli

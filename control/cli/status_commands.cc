#include <fmt/format.h>

#include <array>
#include <chrono>
#include <span>
#include <thread>

#include "control/cli/commands.h"
#include "control/cli/text.h"
#include "control/policy/block.h"
#include "control/policy/json_fields.h"

namespace weir::control::cli {
namespace {

using nlohmann::json;
using policy::JsonBool;
using policy::JsonCount;
using policy::JsonMember;
using policy::JsonNumber;
using policy::JsonText;

constexpr int kWatchMs = 2000;

// Any JSON value as a table's cell.
std::string CellOf(const json& value) {
  if (value.is_string()) return LocalTime(value.get<std::string>());
  if (value.is_number_float()) return fmt::format("{:.2f}", value.get<double>());
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  return value.is_null() ? "" : policy::JsonDump(value);
}

// A list of objects with these members as columns.
Table ToTable(const json& list, std::span<const char* const> members) {
  Table table(std::vector<std::string>(members.begin(), members.end()));
  for (const json& entry : list) {
    std::vector<std::string> cells;
    for (const char* member : members) cells.push_back(CellOf(JsonMember(entry, member)));
    table.Add(std::move(cells));
  }
  return table;
}

Table CountsTable(const json& counts, const char* what) {
  Table table({what, "count"});
  for (const auto& [key, value] : counts.items()) table.Add({key, CellOf(value)});
  return table;
}

std::string DataplaneLine(const json& status) {
  const json& dataplane = JsonMember(status, "dataplane");
  if (dataplane.contains("error")) return "AWAY: " + JsonText(dataplane, "error");
  const json& flows = JsonMember(dataplane, "flows");
  return fmt::format("up {}, {} of {} flows{}",
                     ShortSeconds(static_cast<int64_t>(JsonNumber(dataplane, "uptime_s"))),
                     JsonCount(flows, "entries"), JsonCount(flows, "capacity"),
                     JsonBool(dataplane, "bypass") ? ", BYPASS" : "");
}

std::string PolicyLine(const json& policy) {
  std::string line = fmt::format("version {}, {} rules, {}", JsonCount(policy, "version"),
                                 JsonCount(policy, "rules"), JsonText(policy, "mode"));
  if (!JsonBool(policy, "in_step")) line += ", NOT IN STEP";
  if (const std::string refused = JsonText(policy, "refused"); !refused.empty()) {
    line += ": " + refused;
  }
  if (const std::string since = JsonText(policy, "installed"); !since.empty()) {
    line += ", since " + LocalTime(since);
  }
  if (JsonBool(policy, "disk_differs")) {
    line += JsonBool(policy, "held") ? ", rules files are others" : ", rules files edited since";
  }
  if (const uint64_t pending = JsonCount(policy, "blocks_pending"); pending > 0) {
    line += fmt::format(", {} block(s) wait", pending);
  }
  return line;
}

// "81.3 % of 5120 ended sessions that carried data": what the rules about names could see.
std::string NamesLine(const json& coverage) {
  uint64_t asked = 0;
  for (const auto& [reason, count] : coverage.items()) {
    const bool has_none = reason == "no_payload" || reason == "no_names";
    if (!has_none && count.is_number_unsigned()) asked += count.get<uint64_t>();
  }
  if (asked == 0) return "no session has ended yet";
  const uint64_t named = JsonCount(coverage, "named");
  std::string line =
      fmt::format("seen for {:.1f} % of {} sessions ended",
                  100.0 * static_cast<double>(named) / static_cast<double>(asked), asked);
  if (named < asked) line += "; weirctl show coverage says why not for the others";
  return line;
}

std::string IncidentsLine(const json& incidents) {
  uint64_t open = 0;
  for (const auto& [name, count] : JsonMember(incidents, "open_by_class").items()) {
    open += count.is_number_unsigned() ? count.get<uint64_t>() : 0;
  }
  std::string line = fmt::format("{} not closed", open);
  for (const auto& [clock, due] : JsonMember(incidents, "nearest_deadlines").items()) {
    line += fmt::format(", {} due {}", clock, CellOf(due));
  }
  return line;
}

std::string PortsLine(const json& ports) {
  std::string line;
  for (const json& port : ports) {
    if (!line.empty()) line += "; ";
    line += fmt::format(
        "{} {} {} in {} out", JsonText(port, "name"), JsonBool(port, "link") ? "up" : "DOWN",
        ShortBytes(JsonCount(port, "rx_bytes")), ShortBytes(JsonCount(port, "tx_bytes")));
  }
  return line;
}

}  // namespace

int RunStatus(Context& context) {
  const auto status = context.Ask({"GET", "/api/v1/status", ""});
  if (!status) return context.exit_code();
  if (context.as_json()) {
    context.PrintJson(*status);
    return kDone;
  }
  const json& ingest = JsonMember(*status, "ingest");
  const json& store = JsonMember(*status, "store");
  const json& sessions = JsonMember(JsonMember(store, "records"), "session");
  const auto line = [&context](std::string_view key, const std::string& value) {
    context.Print(fmt::format("{:<11} {}\n", key, Printable(value)));
  };
  line("weir",
       fmt::format("{} on {}, up {}", JsonText(*status, "version"), JsonText(*status, "sensor"),
                   ShortSeconds(static_cast<int64_t>(JsonCount(*status, "uptime_s")))));
  line("data plane", DataplaneLine(*status));
  const json& ports = JsonMember(JsonMember(*status, "dataplane"), "ports");
  if (!ports.empty()) line("ports", PortsLine(ports));
  const json& coverage = JsonMember(JsonMember(*status, "dataplane"), "coverage");
  if (coverage.is_object()) line("names", NamesLine(coverage));
  const json& policy = JsonMember(*status, "policy");
  line("policy", PolicyLine(policy));
  const json& waiting = JsonMember(policy, "waiting");
  if (waiting.is_object()) {
    line("", fmt::format("NOT CONFIRMED: in {} s, at {}, {}; weirctl rules confirm",
                         JsonCount(waiting, "seconds_left"), LocalTime(JsonText(waiting, "until")),
                         JsonText(waiting, "then")));
  }
  for (const char* member : {"rolled_back", "alarm"}) {
    const std::string text = JsonText(policy, member);
    const bool back = std::string_view(member) == "rolled_back";
    if (!text.empty()) line("", (back ? "ROLLED BACK: " : "ALARM: ") + text);
  }
  line("journal",
       fmt::format("{:.1f} s behind{}", JsonNumber(ingest, "lag_seconds"),
                   JsonBool(ingest, "paused") ? ", PAUSED: the store takes nothing" : ""));
  line("store", fmt::format("{} sessions ({} open), {} on disk", JsonCount(sessions, "records"),
                            JsonCount(store, "open_sessions"),
                            ShortBytes(JsonCount(store, "bytes_on_disk"))));
  const json& archive = JsonMember(store, "archive");
  if (archive.is_object()) line("archive", ArchiveLine(archive));
  line("incidents", IncidentsLine(JsonMember(*status, "incidents")));
  return kDone;
}

int RunDoctor(Context& context) {
  const auto report = context.Ask({"GET", "/api/v1/doctor", ""});
  if (!report) return context.exit_code();
  const bool healthy = JsonBool(*report, "healthy");
  if (context.as_json()) {
    context.PrintJson(*report);
    return healthy ? kDone : kRefused;
  }
  for (const json& check : JsonMember(*report, "checks")) {
    context.Print(fmt::format("{:<4}  {:<12}  {}\n", JsonText(check, "level"),
                              JsonText(check, "part"), Printable(JsonText(check, "text"))));
    const std::string advice = JsonText(check, "advice");
    if (!advice.empty()) context.Print(fmt::format("{:20}-> {}\n", "", Printable(advice)));
  }
  return healthy ? kDone : kRefused;
}

namespace {

constexpr std::array kPortColumns{"name",     "driver",     "device",   "link",  "rx_packets",
                                  "rx_bytes", "tx_packets", "tx_bytes", "missed"};
constexpr std::array kWorkerColumns{"core",  "busy_ratio",  "rx_packets", "dropped_packets",
                                    "flows", "names_found", "findings"};
constexpr std::array kFlowColumns{"start",    "proto", "src_ip",  "src_port", "dst_ip",
                                  "dst_port", "name",  "verdict", "rule"};
constexpr std::array kRuleColumns{"id", "hits", "last_hit", "class", "mode", "text"};
constexpr std::array kVerdictColumns{"verdict", "class", "count"};

// What a rule does now: its mode, but for one that is outside of its timetable.
json RulesByNow(json rules) {
  for (json& rule : rules) {
    if (!rule.value("active", true)) rule["mode"] = "not now";
  }
  return rules;
}

void PrintShown(Context& context, const std::string& what, const json& shown) {
  if (what == "ports") {
    context.Print(ToTable(JsonMember(shown, "ports"), kPortColumns));
  } else if (what == "workers") {
    context.Print(ToTable(JsonMember(shown, "workers"), kWorkerColumns));
  } else if (what == "flows") {
    context.Print(ToTable(JsonMember(shown, "flows"), kFlowColumns));
  } else if (what == "rules") {
    context.Print(ToTable(RulesByNow(JsonMember(shown, "rules")), kRuleColumns));
    PrintIdleRules(context, shown);
  } else if (what == "drops") {
    context.Print(CountsTable(JsonMember(shown, "dropped"), "reason"));
    context.Print("\n");
    context.Print(ToTable(JsonMember(shown, "verdicts"), kVerdictColumns));
  } else if (what == "coverage") {
    context.Print(CountsTable(JsonMember(shown, "coverage"), "name"));
    context.Print("\n");
    context.Print(CountsTable(JsonMember(shown, "streams"), "segments not taken"));
  } else {
    context.Print(CountsTable(shown, "accounts"));
  }
}

}  // namespace

int RunShow(Context& context, const std::string& what, uint64_t limit, const std::string& account) {
  std::string target = "/api/v1/show/" + UrlEncode(what) + "?limit=" + std::to_string(limit);
  if (!account.empty()) target += "&account=" + UrlEncode(account);
  const auto shown = context.Ask({"GET", target, ""});
  if (!shown) return context.exit_code();
  if (context.as_json()) {
    context.PrintJson(*shown);
  } else {
    PrintShown(context, what, *shown);
  }
  return kDone;
}

int RunTop(Context& context, const TopOptions& options) {
  const auto seconds = policy::ParseDuration(options.last);
  if (!seconds) return context.Failed(kUsage, seconds.error().message);
  const std::string target = fmt::format("/api/v1/top/{}?seconds={}&limit={}",
                                         UrlEncode(options.what), *seconds, options.limit);
  for (;;) {
    const auto top = context.Ask({"GET", target, ""});
    if (!top) return context.exit_code();
    if (context.as_json()) {
      context.PrintJson(*top);
    } else {
      Table table({options.what, "bytes", "packets", "sessions"});
      for (const json& row : JsonMember(*top, "top")) {
        table.Add({JsonText(row, "what"), ShortBytes(JsonCount(row, "bytes")),
                   std::to_string(JsonCount(row, "packets")),
                   std::to_string(JsonCount(row, "sessions"))});
      }
      if (options.watch) context.Print("\x1b[H\x1b[2J");
      context.Print(table);
    }
    if (!options.watch) return kDone;
    std::fflush(stdout);
    std::this_thread::sleep_for(std::chrono::milliseconds(kWatchMs));
  }
}

}  // namespace weir::control::cli

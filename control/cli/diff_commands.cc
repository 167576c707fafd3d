// `rules diff`, and what a block's dry run would change.
#include <fmt/format.h>
#include <unistd.h>

#include <array>

#include "control/cli/commands.h"
#include "control/cli/line_splitter.h"
#include "control/cli/text.h"
#include "control/policy/json_fields.h"

namespace weir::control::cli {
namespace {

using nlohmann::json;
using policy::JsonBool;
using policy::JsonCount;
using policy::JsonMember;
using policy::JsonText;

constexpr size_t kGroupsShownMax = 20;
constexpr size_t kRulesShownMax = 50;  // of a kind
constexpr int kBarColumns = 30;

void ShowProgress(const json& progress) {
  const uint64_t most = JsonCount(progress, "most");
  const uint64_t looked_at = JsonCount(progress, "looked_at");
  if (most == 0) return;
  const int full = static_cast<int>(std::min(looked_at, most) * kBarColumns / most);
  std::fprintf(stderr, "\r[%-*s] %llu of up to %llu sessions", kBarColumns,
               std::string(static_cast<size_t>(full), '#').c_str(),
               static_cast<unsigned long long>(looked_at), static_cast<unsigned long long>(most));
}

void PrintChanges(Context& context, const json& list, char sign) {
  size_t shown = 0;
  for (const json& change : list) {
    if (++shown > kRulesShownMax) continue;
    const std::string before = JsonText(change, "before");
    const std::string after = JsonText(change, "after");
    std::string line = fmt::format("{} {} {}\n", sign, JsonText(change, "where"),
                                   Printable(after.empty() ? before : after));
    if (!before.empty() && !after.empty() && before != after) {
      line += fmt::format("    was: {}\n", Printable(before));
    }
    context.Print(line);
  }
  if (shown > kRulesShownMax) {
    context.Print(fmt::format("{} and {} more; -j has them\n", sign, shown - kRulesShownMax));
  }
}

std::string RuleOrNone(const json& change, const char* member) {
  const std::string rule = JsonText(change, member);
  return rule.empty() ? "no rule" : Printable(rule);
}

void PrintGroups(Context& context, const json& report) {
  size_t shown = 0;
  for (const json& change : JsonMember(report, "changes")) {
    if (++shown > kGroupsShownMax) continue;
    context.Print(fmt::format("  {:>7}  {} -> {}, {} (was: {})\n", JsonCount(change, "count"),
                              JsonText(change, "from"), JsonText(change, "to"),
                              RuleOrNone(change, "rule"), RuleOrNone(change, "rule_before")));
    std::string places;
    for (const json& place : JsonMember(change, "places")) {
      places += fmt::format("{}{} ({})", places.empty() ? "" : ", ",
                            Printable(JsonText(place, "what")), JsonCount(place, "count"));
    }
    if (!places.empty()) context.Print("           " + places + "\n");
  }
  if (shown > kGroupsShownMax) {
    context.Print(
        fmt::format("  and {} more kinds of change; -j has them\n", shown - kGroupsShownMax));
  }
  if (shown == 0) context.Print("  none would get another verdict\n");
}

// What the numbers above leave out.
void PrintNotJudged(Context& context, const json& report) {
  constexpr std::array<std::pair<const char*, const char*>, 5> kKinds{
      {{"open", "may still decide otherwise, as a name or application is not known yet"},
       {"not_reproduced",
        "were decided by what their record does not show (tunnels, several names)"},
       {"other_rule", "get the same verdict from another rule"},
       {"undecodable", "could not be read"},
       {"changes_left_out", "change in more ways than are told apart"}}};
  for (const auto& [member, text] : kKinds) {
    const uint64_t count = JsonCount(report, member);
    if (count > 0) context.Print(fmt::format("  {:>7}  {}\n", count, text));
  }
}

}  // namespace

void PrintVerdictChanges(Context& context, const json& changes) {
  const json& live = JsonMember(changes, "live");
  context.Print(fmt::format("live flows: {} of {} looked at\n", JsonCount(live, "looked_at"),
                            JsonCount(live, "total")));
  PrintGroups(context, live);
  PrintNotJudged(context, live);
  const json& past = JsonMember(changes, "past");
  const bool whole = JsonBool(past, "whole");
  std::string line = fmt::format("sessions of the last 24 hours: {} looked at, {}",
                                 JsonCount(past, "looked_at"), whole ? "all" : "the newest");
  const std::string oldest = JsonText(past, "oldest");
  if (!whole && !oldest.empty()) line += ", back to " + LocalTime(oldest);
  if (const std::string stopped = JsonText(past, "stopped"); !stopped.empty()) {
    line += "; stopped: " + Printable(stopped);
  }
  context.Print(line + "\n");
  PrintGroups(context, past);
  PrintNotJudged(context, past);
}

int RunRulesDiff(Context& context, const std::optional<uint64_t>& sessions) {
  json body = json::object();
  if (sessions) body["sessions"] = *sessions;
  const bool show_progress = !context.as_json() && ::isatty(STDERR_FILENO) == 1;
  LineSplitter lines;
  json answer;
  const HttpCall call{"POST", "/api/v1/rules/diff", policy::JsonDump(body)};
  const HttpAnswer got = context.client().Call(call, [&](std::string_view piece) {
    lines.Add(piece, [&](std::string_view line) {
      json parsed = json::parse(line, nullptr, false);
      const json& progress = JsonMember(parsed, "progress");
      if (!progress.is_object()) {
        answer = std::move(parsed);
      } else if (show_progress) {
        ShowProgress(progress);
      }
    });
    return true;
  });
  if (show_progress) std::fprintf(stderr, "\r\033[K");
  if (got.outcome != HttpAnswer::Outcome::kAnswered || got.status != 200) {
    const json check = json::parse(got.body, nullptr, false);
    const json& errors = JsonMember(check, "errors");
    if (!errors.is_array() || context.as_json()) return context.Failed(got);
    std::string all;
    for (const json& error : errors) all += error.get<std::string>() + "\n";
    return context.Failed(kRefused, all);
  }
  if (context.as_json()) {
    context.PrintJson(answer);
    return kDone;
  }
  const json& rules = JsonMember(answer, "rules");
  constexpr std::array<std::pair<const char*, char>, 5> kKinds{
      {{"removed", '-'}, {"added", '+'}, {"changed", '~'}, {"moved", '>'}, {"definitions", '='}}};
  context.Print(fmt::format(
      "rules files against version {}: {} removed (-), {} added (+), {} changed (~), {} moved (>), "
      "{} definitions (=)\n",
      JsonCount(answer, "version"), JsonMember(rules, "removed").size(),
      JsonMember(rules, "added").size(), JsonMember(rules, "changed").size(),
      JsonMember(rules, "moved").size(), JsonMember(rules, "definitions").size()));
  for (const auto& [kind, sign] : kKinds) PrintChanges(context, JsonMember(rules, kind), sign);
  if (const uint64_t left_out = JsonCount(rules, "left_out"); left_out > 0) {
    context.Print(fmt::format("and {} more\n", left_out));
  }
  if (const std::string why = JsonText(answer, "not_judged"); !why.empty()) {
    return context.Failed(kRefused, "what it would decide cannot be said: " + why);
  }
  PrintVerdictChanges(context, answer);
  return kDone;
}

}  // namespace weir::control::cli

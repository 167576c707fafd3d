#include <fmt/format.h>

#include "control/cli/commands.h"
#include "control/cli/text.h"
#include "control/policy/json_fields.h"
#include "control/policy/policy_files.h"
#include "dataplane/base/config.h"
#include "rules/lists/list_files.h"
#include "rules/model/load.h"

namespace weir::control::cli {
namespace {

using nlohmann::json;
using policy::JsonBool;
using policy::JsonCount;
using policy::JsonMember;
using policy::JsonText;

void PrintLines(Context& context, const json& lines, std::string_view prefix) {
  for (const json& line : lines) {
    if (line.is_string()) {
      context.Print(fmt::format("{}{}\n", prefix, Printable(line.get<std::string>())));
    }
  }
}

int PrintCheck(Context& context, const json& check) {
  const bool good = JsonBool(check, "good");
  if (context.as_json()) {
    context.PrintJson(check);
    return good ? kDone : kRefused;
  }
  PrintLines(context, JsonMember(check, "errors"), "");
  PrintLines(context, JsonMember(check, "warnings"), "warning: ");
  context.Print(good ? fmt::format("good: {} rules in {} file(s)\n", JsonCount(check, "rules"),
                                   JsonMember(check, "files").size())
                     : "refused: the running policy stays\n");
  return good ? kDone : kRefused;
}

// Without weir-control: the files are read here.
int CheckHere(Context& context, const std::filesystem::path& config_path) {
  const auto config = base::LoadConfig(config_path);
  if (!config) return context.Failed(kRefused, config.error().message);
  const auto sources = rules::LoadPolicySources("", config->policy.rules, "");
  if (!sources) return context.Failed(kRefused, sources.error().message);
  const rules::Mode mode = config->policy.mode == base::PolicyMode::kEnforce
                               ? rules::Mode::kEnforce
                               : rules::Mode::kMonitor;
  const rules::ListFiles lists(
      {.copies = config->control.data_dir / "lists", .bytes_max = config->lists.max_bytes});
  const policy::PolicyCheck check = policy::CheckSources(*sources, mode, base::WallNow(), &lists);
  return PrintCheck(context, {{"good", check.ok()},
                              {"rules", check.rules},
                              {"files", check.files},
                              {"errors", check.errors},
                              {"warnings", check.warnings}});
}

// Apply and undo, and what became of them.
int Swap(Context& context, const char* target, const json& body) {
  const auto outcome = context.Ask({"POST", target, policy::JsonDump(body), kFetchWaitMs}, 409);
  if (!outcome) return context.exit_code();
  const uint64_t version = JsonCount(*outcome, "version");
  if (context.as_json()) {
    context.PrintJson(*outcome);
    return version != 0 ? kDone : kRefused;
  }
  if (!JsonMember(*outcome, "errors").empty()) return PrintCheck(context, *outcome);
  if (const std::string error = JsonText(*outcome, "error"); !error.empty()) {
    return context.Failed(kRefused, error);
  }
  if (const std::string pending = JsonText(*outcome, "pending"); !pending.empty()) {
    return context.Failed(kRefused, "saved, not installed: " + pending);
  }
  PrintLines(context, JsonMember(*outcome, "warnings"), "warning: ");
  context.Print(fmt::format("policy version {} is installed: {} rules\n", version,
                            JsonCount(*outcome, "rules")));
  const json& waiting = JsonMember(*outcome, "waiting");
  if (waiting.is_object()) {
    context.Print(fmt::format(
        "unless confirmed until {}, the rules before go back in force: weirctl rules confirm\n",
        LocalTime(JsonText(waiting, "until"))));
  }
  return kDone;
}

// A protect rule does its work by being there.
bool IsIdle(const json& rule) {
  return JsonCount(rule, "hits") == 0 && JsonText(rule, "verb") != "protect";
}

}  // namespace

int RunRulesCheck(Context& context, const std::filesystem::path& config) {
  const HttpAnswer answer =
      context.client().Call({"POST", "/api/v1/rules/check", "", kFetchWaitMs});
  if (answer.outcome == HttpAnswer::Outcome::kNoConnection && !config.empty()) {
    return CheckHere(context, config);
  }
  const auto check = json::parse(answer.body, nullptr, false);
  if (!JsonMember(check, "good").is_boolean()) return context.Failed(answer);
  return PrintCheck(context, check);
}

int RunRulesApply(Context& context, const ApplyOptions& options) {
  json body{{"canary", !options.no_canary}};
  if (options.confirm_seconds) body["confirm"] = *options.confirm_seconds;
  return Swap(context, "/api/v1/rules/apply", body);
}

int RunRulesConfirm(Context& context) {
  const auto answer = context.Ask({"POST", "/api/v1/rules/confirm", ""});
  if (!answer) return context.exit_code();
  if (context.as_json()) {
    context.PrintJson(*answer);
  } else {
    context.Print(fmt::format("confirmed: version {} stays\n", JsonCount(*answer, "version")));
  }
  return kDone;
}

int RunRulesUndo(Context& context, const ApplyOptions& options) {
  return Swap(context, "/api/v1/rules/undo", {{"canary", !options.no_canary}});
}

void PrintIdleRules(Context& context, const json& shown) {
  constexpr size_t kNamedMax = 10;
  std::string ids;
  size_t idle = 0;
  const json& rules = JsonMember(shown, "rules");
  for (size_t at = 0; at < rules.size(); ++at) {
    const json& rule = rules[at];
    if (!IsIdle(rule)) continue;
    if (++idle <= kNamedMax) ids += (ids.empty() ? "" : ", ") + JsonText(rule, "id");
  }
  if (idle > 0) {
    const std::string since = LocalTime(JsonText(shown, "counted_since"));
    if (idle > kNamedMax) ids += ", …";
    context.Print(fmt::format("\n{} never hit since {}, or since they were written: {}\n", idle,
                              since, Printable(ids)));
  }
  const json& warnings = JsonMember(shown, "warnings");
  for (size_t at = 0; at < warnings.size(); ++at) {
    const auto* text = warnings[at].get_ptr<const std::string*>();
    if (text != nullptr) context.Print("warning: " + Printable(*text) + "\n");
  }
}

int RunConfigCheck(Context& context, const std::filesystem::path& config) {
  const auto loaded = base::LoadConfig(config);
  if (!loaded) return context.Failed(kRefused, loaded.error().message);
  if (context.as_json()) {
    context.PrintJson({{"good", true}, {"file", config.string()}});
  } else {
    context.Print(config.string() + " is good\n");
  }
  return kDone;
}

}  // namespace weir::control::cli

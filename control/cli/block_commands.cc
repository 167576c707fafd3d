#include <fmt/format.h>

#include <charconv>

#include "control/cli/commands.h"
#include "control/cli/text.h"
#include "control/policy/json_fields.h"
#include "dataplane/base/ip_address.h"

namespace weir::control::cli {
namespace {

using nlohmann::json;
using policy::JsonCount;
using policy::JsonMember;
using policy::JsonNumber;
using policy::JsonText;

// A block or its removal, and whether the data plane has it.
int PrintOutcome(Context& context, const json& block, std::string_view done) {
  const std::string pending = JsonText(block, "pending");
  if (context.as_json()) {
    context.PrintJson(block);
  } else if (pending.empty()) {
    context.Print(fmt::format("{} {}\n  {}\n", JsonText(block, "id"), done,
                              Printable(JsonText(block, "rule"))));
  }
  if (pending.empty()) return kDone;
  if (context.as_json()) return kRefused;
  return context.Failed(kRefused, JsonText(block, "id") + " is saved, not installed: " + pending);
}

// Where a flow goes: "games.example:443", "203.0.113.7:53/udp", "[2001:db8::1]:443".
struct Destination {
  std::string host;
  uint16_t port = 0;
  std::string proto = "tcp";
};

base::Result<Destination> ParseDestination(std::string text) {
  const base::Error bad{"'" + text +
                        "' is not NAME-or-IP:PORT, such as games.example:443 or "
                        "[2001:db8::1]:53/udp"};
  Destination destination;
  const size_t slash = text.rfind('/');
  if (slash != std::string::npos) {
    destination.proto = text.substr(slash + 1);
    text.erase(slash);
  }
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) return bad;
  const char* const end = text.data() + text.size();
  const auto [after, failed] = std::from_chars(text.data() + colon + 1, end, destination.port);
  if (failed != std::errc() || after != end) return bad;
  destination.host = text.substr(0, colon);
  if (destination.host.front() == '[' && destination.host.back() == ']') {
    destination.host = destination.host.substr(1, destination.host.size() - 2);
  }
  if (destination.host.empty()) return bad;
  return destination;
}

void PrintLine(Context& context, std::string_view key, const std::string& value) {
  if (!value.empty()) context.Print(fmt::format("{:<9} {}\n", key, Printable(value)));
}

// The rules that were asked first and do not match.
void PrintPassedOver(Context& context, const json& steps) {
  constexpr size_t kShownMax = 10;
  size_t passed = 0;
  for (const json& step : steps) {
    if (JsonText(step, "outcome") != "passed" || ++passed > kShownMax) continue;
    PrintLine(context, "passed", JsonText(step, "rule") + ": " + JsonText(step, "because"));
  }
  if (passed > kShownMax) {
    PrintLine(context, "passed", fmt::format("and {} more; -j has all", passed - kShownMax));
  }
}

// "anna, in students and staff"; "" where nothing is known.
std::string Owner(const json& owner) {
  std::string groups;
  for (const json& group : JsonMember(owner, "groups")) {
    if (group.is_string()) groups += (groups.empty() ? "" : ", ") + group.get<std::string>();
  }
  const std::string account = JsonText(owner, "account");
  if (groups.empty()) return account;
  return (account.empty() ? "no account" : account) + ", in " + groups;
}

void PrintWhy(Context& context, const json& answer) {
  const auto line = [&context](std::string_view key, const std::string& value) {
    PrintLine(context, key, value);
  };
  line("verdict", JsonText(answer, "verdict"));
  line("source", Owner(JsonMember(answer, "src_owner")));
  line("dest.", Owner(JsonMember(answer, "dst_owner")));
  const json& rule = JsonMember(answer, "rule");
  if (rule.is_object()) {
    line("rule", JsonText(rule, "id"));
    line("text", JsonText(rule, "text"));
    line("file", fmt::format("{}:{}", JsonText(rule, "file"), JsonCount(rule, "line")));
    line("class", JsonText(rule, "class"));
    line("reason", JsonText(rule, "reason"));
    line("until", LocalTime(JsonText(rule, "until")));
  } else {
    line("rule", "none: what no rule decides passes");
  }
  if (const json& list = JsonMember(answer, "list"); list.is_object()) {
    line("list", fmt::format("{}, line {} of {}", JsonText(list, "name"),
                             JsonCount(answer, "list_line"), JsonText(list, "source")));
  }
  PrintPassedOver(context, JsonMember(answer, "steps"));
  const json& block = JsonMember(answer, "block");
  if (block.is_object()) {
    line("added by", JsonText(block, "actor") + ", " + LocalTime(JsonText(block, "typed")));
    line("notice", JsonText(block, "notice"));
    line("incident", JsonText(block, "incident"));
  }
  if (policy::JsonBool(answer, "open")) {
    line("note", "what the flow shows next (a name, an application) may decide otherwise");
  }
  if (policy::JsonBool(answer, "bypass")) line("note", "bypass is on: everything passes now");
}

}  // namespace

int RunBlock(Context& context, const BlockOptions& options) {
  const json body{{"kind", options.kind},      {"value", options.value},
                  {"for", options.duration},   {"reason", options.reason},
                  {"notice", options.notice},  {"incident", options.incident},
                  {"dry_run", options.dry_run}};
  const auto block = context.Ask({"POST", "/api/v1/blocks", policy::JsonDump(body)});
  if (!block) return context.exit_code();
  if (options.dry_run) {
    const int done = PrintOutcome(context, *block, "would be installed");
    const json& changes = JsonMember(*block, "would_change");
    if (context.as_json() || done != kDone) return done;
    if (const std::string error = JsonText(changes, "error"); !error.empty()) {
      context.Print("what it would change cannot be said: " + Printable(error) + "\n");
    } else {
      PrintVerdictChanges(context, changes);
    }
    return done;
  }
  return PrintOutcome(
      context, *block,
      fmt::format("installed in {:.1f} ms, policy version {}",
                  JsonNumber(*block, "installed_in_ms"), JsonCount(*block, "policy_version")));
}

int RunUnblock(Context& context, const std::string& id) {
  const auto block = context.Ask({"DELETE", "/api/v1/blocks/" + UrlEncode(id), ""});
  if (!block) return context.exit_code();
  return PrintOutcome(context, *block, "removed");
}

int RunBlocks(Context& context, bool all) {
  const auto answer = context.Ask({"GET", all ? "/api/v1/blocks?all=1" : "/api/v1/blocks", ""});
  if (!answer) return context.exit_code();
  if (context.as_json()) {
    context.PrintJson(*answer);
    return kDone;
  }
  std::vector<std::string> headers{"block", "what", "state", "typed", "until", "by", "reason"};
  if (TerminalColumns() >= kWideColumns) {
    headers.insert(headers.end(), {"took", "notice", "incident"});
  }
  Table table(std::move(headers));
  for (const json& block : JsonMember(*answer, "blocks")) {
    const json& took = JsonMember(block, "installed_in_ms");
    table.Add({JsonText(block, "id"), JsonText(block, "kind") + " " + JsonText(block, "value"),
               JsonText(block, "state"), TableTime(JsonText(block, "typed")),
               TableTime(JsonText(block, "until")), JsonText(block, "actor"),
               JsonText(block, "reason"),
               took.is_number() ? fmt::format("{:.1f} ms", took.get<double>()) : "",
               JsonText(block, "notice"), JsonText(block, "incident")});
  }
  if (table.empty()) {
    context.Print("no blocks\n");
  } else {
    context.Print(table);
  }
  return kDone;
}

int RunWhy(Context& context, const WhyOptions& options) {
  const auto to = ParseDestination(options.destination);
  if (!to) return context.Failed(kUsage, to.error().message);
  const bool is_address = base::IpAddress::Parse(to->host).ok();
  std::string target =
      fmt::format("/api/v1/why?src={}&{}={}&port={}&proto={}", UrlEncode(options.source),
                  is_address ? "dst" : "name", UrlEncode(to->host), to->port, UrlEncode(to->proto));
  if (!options.mac.empty()) target += "&mac=" + UrlEncode(options.mac);
  if (!options.vlan.empty()) target += "&vlan=" + UrlEncode(options.vlan);
  const auto answer = context.Ask({"GET", target, ""});
  if (!answer) return context.exit_code();
  if (context.as_json()) {
    context.PrintJson(*answer);
  } else {
    PrintWhy(context, *answer);
  }
  return kDone;
}

int RunBypass(Context& context, const std::string& word, const std::string& reason) {
  const json body{{"on", word == "on"}, {"reason", reason}};
  const auto answer = context.Ask({"POST", "/api/v1/bypass", policy::JsonDump(body)});
  if (!answer) return context.exit_code();
  if (context.as_json()) {
    context.PrintJson(*answer);
  } else {
    context.Print("bypass is " + word + "\n");
  }
  // Done all the same; nobody is to find out weeks later that the log has a hole here.
  if (const std::string fault = JsonText(*answer, "not_logged"); !fault.empty()) {
    Context::Warn("THIS IS NOT IN THE OPERATIONS LOG: write down who did it and why: " + fault);
  }
  return kDone;
}

}  // namespace weir::control::cli

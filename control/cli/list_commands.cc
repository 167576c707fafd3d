#include <fmt/format.h>

#include "control/accounts/utf8.h"
#include "control/api/server.h"
#include "control/cli/commands.h"
#include "control/cli/text.h"
#include "control/policy/json_fields.h"
#include "control/policy/list_json.h"
#include "rules/lists/read_list.h"

namespace weir::control::cli {
namespace {

using nlohmann::json;
using policy::JsonBool;
using policy::JsonCount;
using policy::JsonMember;
using policy::JsonText;

constexpr size_t kShownMax = 10;

uint64_t SkippedOf(const json& content) {
  uint64_t skipped = 0;
  for (const json& reason : JsonMember(content, "skipped")) skipped += JsonCount(reason, "count");
  return skipped;
}

void PrintContent(Context& context, const json& content) {
  context.Print(fmt::format(
      "{}: {} entries ({} names, {} addresses and prefixes, {} addresses with a port), {} "
      "skipped\n",
      JsonText(content, "format"), JsonCount(content, "entries"), JsonCount(content, "names"),
      JsonCount(content, "ranges"), JsonCount(content, "endpoints"), SkippedOf(content)));
  for (const json& reason : JsonMember(content, "skipped")) {
    context.Print(fmt::format("  {} {}\n", JsonCount(reason, "count"), JsonText(reason, "reason")));
    for (const json& line : JsonMember(reason, "first")) {
      context.Print(fmt::format("    line {}: {}\n", JsonCount(line, "line"),
                                Printable(JsonText(line, "text"))));
    }
  }
}

void PrintEntries(Context& context, const json& look, const char* count, const char* first,
                  char sign) {
  size_t shown = 0;
  for (const json& entry : JsonMember(look, first)) {
    if (!entry.is_string() || ++shown > kShownMax) break;
    context.Print(fmt::format("{} {}\n", sign, Printable(entry.get<std::string>())));
  }
  const uint64_t all = JsonCount(look, count);
  const size_t told = std::min(shown, kShownMax);
  if (all > told) context.Print(fmt::format("{} and {} more\n", sign, all - told));
}

int PrintLook(Context& context, const json& look, std::string_view name) {
  if (context.as_json()) {
    context.PrintJson(look);
    return kDone;
  }
  PrintContent(context, JsonMember(look, "content"));
  PrintEntries(context, look, "added", "first_added", '+');
  PrintEntries(context, look, "removed", "first_removed", '-');
  const bool differs = JsonCount(look, "added") + JsonCount(look, "removed") > 0;
  if (JsonBool(look, "changed")) {
    context.Print(fmt::format("list '{}' is in force as it is now\n", name));
  } else {
    context.Print(fmt::format("list '{}': {}\n", name,
                              differs ? "nothing was changed" : "what is in force is the same"));
  }
  return kDone;
}

std::optional<json> AskAbout(Context& context, const std::string& name, const char* what,
                             const json& body) {
  return context.Ask({"POST", fmt::format("/api/v1/lists/{}/{}", UrlEncode(name), what),
                      policy::JsonDump(body), kFetchWaitMs});
}

// The body with a file's text, and what else is in it; nothing, and told, where it cannot be sent.
std::optional<json> BodyWith(Context& context, const std::string& file, json body) {
  const auto refuse = [&](const std::string& why) {
    context.Failed(kRefused, file + ": " + why);
    return std::nullopt;
  };
  auto text = rules::ReadListBytes(file, api::kLocalBodyBytesMax);
  if (!text) return refuse(text.error().message);
  // JSON carries nothing else.
  if (!accounts::IsUtf8(*text)) {
    rules::ListOptions options;
    options.now = base::WallNow();
    const auto content = rules::ReadList(*text, options);
    return refuse(content ? "it is not UTF-8: save the file as UTF-8" : content.error().message);
  }
  body["content"] = std::move(*text);
  if (policy::JsonDump(body).size() > api::kLocalBodyBytesMax) {
    return refuse("it is too large to be sent: let the rules name it as the list's source");
  }
  return body;
}

// A file that no rule names: read here, as the data plane would read it.
int CheckFile(Context& context, const std::string& file, const std::string& format) {
  rules::ListOptions options;
  options.now = base::WallNow();
  options.format = rules::FindListFormatByName(format);
  if (!format.empty() && !options.format) {
    return context.Failed(kUsage, fmt::format("'{}' is no format of lists", format));
  }
  const auto content = rules::ReadListFile(file, options);
  if (!content) return context.Failed(kRefused, file + ": " + content.error().message);
  if (context.as_json()) {
    context.PrintJson(policy::ToJson(*content));
  } else {
    PrintContent(context, policy::ToJson(*content));
  }
  return kDone;
}

// All lists of the rules in force, or one.
int EachList(Context& context, const std::string& name, const char* what, const json& body) {
  std::vector<std::string> names;
  if (!name.empty()) {
    names.push_back(name);
  } else {
    const auto lists = context.Ask({"GET", "/api/v1/lists", ""});
    if (!lists) return context.exit_code();
    for (const json& list : JsonMember(*lists, "lists")) names.push_back(JsonText(list, "name"));
    if (names.empty()) return context.Failed(kRefused, "the rules in force have no lists");
  }
  int worst = kDone;
  for (const std::string& each : names) {
    const auto look = AskAbout(context, each, what, body);
    if (look) {
      PrintLook(context, *look, each);
    } else {
      worst = context.exit_code();
    }
  }
  return worst;
}

}  // namespace

int RunLists(Context& context) {
  const auto lists = context.Ask({"GET", "/api/v1/lists", ""});
  if (!lists) return context.exit_code();
  if (context.as_json()) {
    context.PrintJson(*lists);
    return kDone;
  }
  Table table({"LIST", "FORMAT", "ENTRIES", "SKIPPED", "NEWEST", "STATE"});
  for (const json& list : JsonMember(*lists, "lists")) {
    const json& content = JsonMember(list, "content");
    const std::string fault = JsonText(list, "fault");
    table.Add({JsonText(list, "name"), JsonText(content, "format"),
               std::to_string(JsonCount(content, "entries")), std::to_string(SkippedOf(content)),
               LocalTime(JsonText(list, "success")), fault.empty() ? "good" : fault});
  }
  context.Print(table);
  return kDone;
}

int RunListsCheck(Context& context, const std::string& what, const std::string& format) {
  std::error_code missing;
  const bool is_file =
      what.find('/') != std::string::npos || std::filesystem::exists(what, missing);
  if (is_file || !format.empty()) return CheckFile(context, what, format);
  return EachList(context, what, "check", json::object());
}

int RunListsDiff(Context& context, const std::string& name, const std::string& file) {
  std::optional<json> body = json::object();
  if (!file.empty()) body = BodyWith(context, file, *body);
  if (!body) return context.exit_code();
  const auto look = AskAbout(context, name, "check", *body);
  return look ? PrintLook(context, *look, name) : context.exit_code();
}

int RunListsRefresh(Context& context, const std::string& name, bool force) {
  return EachList(context, name, "refresh", {{"force", force}});
}

int RunListsImport(Context& context, const std::string& name, const std::string& file, bool force) {
  const auto body = BodyWith(context, file, {{"force", force}});
  if (!body) return context.exit_code();
  const auto look = AskAbout(context, name, "import", *body);
  return look ? PrintLook(context, *look, name) : context.exit_code();
}

}  // namespace weir::control::cli

#include <fmt/format.h>

#include <array>

#include "control/cli/commands.h"
#include "control/cli/line_splitter.h"
#include "control/cli/text.h"
#include "control/policy/json_fields.h"

namespace weir::control::cli {
namespace {

using nlohmann::json;
using policy::JsonCount;
using policy::JsonText;

constexpr uint64_t kTableRowsMax = 1000;  // without --limit

// The query of the API; the error is about a time.
base::Result<std::string> Target(const SessionOptions& options, const std::string& format) {
  std::string target = "/api/v1/sessions?format=" + format + "&reason=" + UrlEncode(options.reason);
  const auto add = [&target](const char* name, const std::string& value) {
    if (!value.empty()) target += "&" + std::string(name) + "=" + UrlEncode(value);
  };
  add("request", options.request);
  add("account", options.account);
  add("ip", options.ip);
  add("name", options.name);
  add("rule", options.rule);
  if (options.port) add("port", std::to_string(*options.port));
  const base::WallTime now = base::WallNow();
  const std::array<std::pair<const char*, const std::string*>, 3> times{
      {{"from", &options.from}, {"to", &options.to}, {"at", &options.at}}};
  for (const auto& [name, text] : times) {
    if (text->empty()) continue;
    const auto time = ParseUserTime(*text, now);
    if (!time) return base::Error{"--" + std::string(name) + ": " + time.error().message};
    add(name, base::FormatRfc3339(*time));
  }
  return target;
}

std::string Endpoint(const json& session, const char* ip_key, const char* port_key) {
  const std::string ip = JsonText(session, ip_key);
  const std::string proto = JsonText(session, "proto");
  if (proto != "tcp" && proto != "udp" && proto != "sctp") return ip;
  const bool v6 = ip.find(':') != std::string::npos;
  const std::string host = v6 ? "[" + ip + "]" : ip;
  return fmt::format("{}:{}", host, JsonCount(session, port_key));
}

std::string Bytes(const json& session) {
  return ShortBytes(JsonCount(session, "bytes_to_dst")) + "/" +
         ShortBytes(JsonCount(session, "bytes_to_src"));
}

// A terminal that is not wide does without the last columns, so that addresses stay whole.
Table MakeTable(bool wide) {
  std::vector<std::string> headers{"start", "account", "source",  "destination",
                                   "name",  "out/in",  "verdict", "rule"};
  if (wide) headers.insert(headers.end(), {"proto", "app", "end"});
  return Table(std::move(headers));
}

std::vector<std::string> Cells(const json& session) {
  return {TableTime(JsonText(session, "start")),
          JsonText(session, "account"),
          Endpoint(session, "src_ip", "src_port"),
          Endpoint(session, "dst_ip", "dst_port"),
          JsonText(session, "name"),
          Bytes(session),
          JsonText(session, "verdict"),
          JsonText(session, "rule"),
          JsonText(session, "proto"),
          JsonText(session, "app"),
          JsonText(session, "end_reason")};
}

int PrintTable(Context& context, const std::string& target, uint64_t limit) {
  Table table = MakeTable(TerminalColumns() >= kWideColumns);
  LineSplitter lines;
  uint64_t rows = 0;
  std::string error;  // as the last line of what is not whole
  const HttpCall call{"GET", target + "&limit=" + std::to_string(limit), ""};
  const HttpAnswer answer = context.client().Call(call, [&](std::string_view piece) {
    lines.Add(piece, [&](std::string_view line) {
      const json session = json::parse(line, nullptr, false);
      if (!session.is_object()) return;
      error = JsonText(session, "error");
      if (!error.empty()) return;
      table.Add(Cells(session));
      ++rows;
    });
    return true;
  });
  if (!error.empty()) return context.Failed(kRefused, error);
  if (answer.outcome != HttpAnswer::Outcome::kAnswered || answer.status != 200) {
    return context.Failed(answer);
  }
  context.Print(table);
  context.Print(rows == limit ? fmt::format("{} sessions; there may be more: --limit\n", rows)
                              : fmt::format("{} sessions\n", rows));
  return kDone;
}

}  // namespace

int RunSessions(Context& context, const SessionOptions& options) {
  const std::string format = context.as_json() ? "json" : options.format;
  auto target = Target(options, format == "csv" ? "csv" : "json");
  if (!target) return context.Failed(kUsage, target.error().message);
  if (format == "table") {
    return PrintTable(context, *target, options.limit.value_or(kTableRowsMax));
  }
  if (options.limit) *target += "&limit=" + std::to_string(*options.limit);
  const HttpAnswer answer =
      context.client().Call({"GET", *target, ""}, [&context](std::string_view piece) {
        context.Print(piece);
        return std::ferror(stdout) == 0;  // whoever reads may have had enough
      });
  if (answer.outcome != HttpAnswer::Outcome::kAnswered || answer.status != 200) {
    return context.Failed(answer);
  }
  return kDone;
}

}  // namespace weir::control::cli

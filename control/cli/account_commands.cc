#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "control/accounts/utf8.h"
#include "control/cli/commands.h"
#include "control/cli/text.h"
#include "control/policy/json_fields.h"

namespace weir::control::cli {
namespace {

using nlohmann::json;
using policy::JsonCount;
using policy::JsonText;

// The registry's text as the API takes it; nothing, and told, where the file cannot be read.
std::optional<json> BodyOf(Context& context, const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in.is_open() || in.bad() || std::filesystem::is_directory(file)) {
    context.Failed(kRefused, file.string() + " cannot be read");
    return std::nullopt;
  }
  const std::string csv = std::move(text).str();
  // JSON carries nothing else.
  if (!accounts::IsUtf8(csv)) {
    context.Failed(kRefused, file.string() + " is not UTF-8: save the file as UTF-8");
    return std::nullopt;
  }
  return json{{"csv", csv}};
}

constexpr std::array<const char*, 6> kRowFields = {"ip", "mac", "account", "group", "room", "seat"};
constexpr size_t kChangesShownMax = 200;  // of a kind

// "old -> new" for a field that differs.
std::vector<std::string> RowCells(const char* sign, const json& before, const json& after) {
  std::vector<std::string> cells{sign};
  for (const char* field : kRowFields) {
    const std::string was = Printable(policy::JsonText(before, field));
    const std::string is = Printable(policy::JsonText(after, field));
    cells.push_back(was == is ? is : was + " -> " + is);
  }
  return cells;
}

Table DiffTable(const json& diff) {
  Table table({"", "ip", "mac", "account", "group", "room", "seat"});
  const auto each = [&diff](const char* kind, const auto& add) {
    size_t shown = 0;
    for (const json& one : policy::JsonMember(diff, kind)) {
      if (shown++ < kChangesShownMax) add(one);
    }
  };
  each("removed", [&table](const json& row) { table.Add(RowCells("-", row, row)); });
  each("added", [&table](const json& row) { table.Add(RowCells("+", row, row)); });
  each("changed", [&table](const json& change) {
    table.Add(
        RowCells("~", policy::JsonMember(change, "before"), policy::JsonMember(change, "after")));
  });
  return table;
}

// "import by alice"
std::string OriginText(const json& origin) {
  const std::string by = policy::JsonText(origin, "by");
  return JsonText(origin, "how") + (by.empty() ? "" : " by " + by);
}

// "bras-1 eth1/7", or what there is of it.
std::string PlaceText(const std::string& device, const std::string& port) {
  return device + (device.empty() || port.empty() ? "" : " ") + port;
}

// In local time: with the year where there is room for it.
std::string HistoryTime(const std::string& rfc3339, size_t columns) {
  constexpr size_t kYearColumns = 160;
  constexpr size_t kYear = std::string_view("2026-").size();
  constexpr size_t kWhole = std::string_view("2026-11-22T17:30:00").size();
  const std::string local = LocalTime(rfc3339).substr(0, kWhole);
  return columns < kYearColumns && local.size() == kWhole ? local.substr(kYear) : local;
}

// A line of a history.
struct Stretch {
  std::string from;  // as the API has it, so that it sorts as text; empty: always
  std::string until;
  std::string ip, account, source, confidence, went_by, mac, came_by;
  std::string group = {}, room = {}, seat = {};

  std::vector<std::string> Cells(size_t columns) const {
    return {from.empty() ? "always" : HistoryTime(from, columns),
            HistoryTime(until, columns),
            ip,
            account,
            source,
            confidence,
            went_by,
            mac,
            came_by,
            group,
            room,
            seat};
  }
};

Stretch RowStretch(const json& row) {
  return {JsonText(row, "from"),
          JsonText(row, "until"),
          JsonText(row, "ip"),
          JsonText(row, "account"),
          "registry",
          "standing",
          OriginText(policy::JsonMember(row, "ended")),
          JsonText(row, "mac"),
          OriginText(policy::JsonMember(row, "begun")),
          JsonText(row, "group"),
          JsonText(row, "room"),
          JsonText(row, "seat")};
}

Stretch LoginStretch(const json& login) {
  return {JsonText(login, "login_time"),
          JsonText(login, "logout_time"),
          JsonText(login, "ip"),
          JsonText(login, "account"),
          JsonText(login, "source"),
          JsonText(login, "confidence"),
          JsonText(login, "cause"),
          JsonText(login, "mac"),
          PlaceText(JsonText(login, "nas"), JsonText(login, "port"))};
}

// While it runs its end is only when it has to be renewed.
Stretch LeaseStretch(const json& lease) {
  const std::string cause = JsonText(lease, "cause");
  const std::string relay = JsonText(lease, "relay");
  std::string account = JsonText(lease, "account");
  if (lease.contains("account_at_end")) account += " -> " + JsonText(lease, "account_at_end");
  return {JsonText(lease, "since"),
          cause.empty() ? "" : JsonText(lease, "until"),
          JsonText(lease, "ip"),
          account,
          JsonText(lease, "source"),
          JsonText(lease, "confidence"),
          cause,
          JsonText(lease, "mac"),
          PlaceText(relay.empty() ? JsonText(lease, "server") : relay, JsonText(lease, "circuit"))};
}

// Without the columns, of those behind the first `always`, in which nothing stands.
Table TableOf(const std::vector<std::string>& headers,
              const std::vector<std::vector<std::string>>& rows, size_t always) {
  std::vector<size_t> shown;
  for (size_t i = 0; i < headers.size(); ++i) {
    const auto has = [i](const auto& row) { return !row[i].empty(); };
    if (i < always || std::any_of(rows.begin(), rows.end(), has)) shown.push_back(i);
  }
  const auto pick = [&shown](const std::vector<std::string>& cells) {
    std::vector<std::string> picked;
    for (const size_t i : shown) picked.push_back(cells[i]);
    return picked;
  };
  Table table(pick(headers));
  for (const auto& row : rows) table.Add(pick(row));
  return table;
}

// "&name=" and the time that a person typed; nothing of an empty text.
base::Result<std::string> TimeParameter(const char* name, const std::string& text) {
  if (text.empty()) return std::string();
  const auto time = ParseUserTime(text, base::WallNow());
  if (!time) return base::Error{"--" + std::string(name) + ": " + time.error().message};
  return "&" + std::string(name) + "=" + UrlEncode(base::FormatRfc3339(*time));
}

}  // namespace

Table BindingTable(const json& bindings) {
  const std::vector<std::string> headers{"address", "account",    "source", "since",
                                         "until",   "confidence", "cause",  "group",
                                         "room",    "seat",       "mac",    "circuit"};
  std::vector<std::vector<std::string>> rows;
  for (const json& binding : bindings) {
    const auto text = [&binding](const char* key) { return JsonText(binding, key); };
    const json& lease = policy::JsonMember(binding, "lease");
    rows.push_back({text("address"), text("account"), text("source"), LocalTime(text("login_time")),
                    LocalTime(text("until")), text("confidence"), text("cause"), text("group"),
                    text("room"), text("seat"), JsonText(lease, "mac"),
                    JsonText(lease, "circuit")});
  }
  return TableOf(headers, rows, 6);
}

Table HistoryTable(const json& history, size_t columns) {
  std::vector<Stretch> stretches;
  const auto add = [&](const char* list, const auto& make) {
    for (const json& one : policy::JsonMember(history, list)) stretches.push_back(make(one));
  };
  add("logins", LoginStretch);
  add("leases", LeaseStretch);
  add("rows", RowStretch);
  std::stable_sort(stretches.begin(), stretches.end(),
                   [](const Stretch& one, const Stretch& other) { return one.from > other.from; });
  std::vector<std::string> headers{"from",    "until", "ip",      "account", "source", "confidence",
                                   "went by", "mac",   "came by", "group",   "room",   "seat"};
  if (columns < kWideColumns) headers.resize(8);
  std::vector<std::vector<std::string>> rows;
  for (const Stretch& stretch : stretches) rows.push_back(stretch.Cells(columns));
  return TableOf(headers, rows, 6);
}

int RunAccountsDiff(Context& context, const std::filesystem::path& file, bool exit_code) {
  const auto body = BodyOf(context, file);
  if (!body) return kRefused;
  const auto diff = context.Ask({"POST", "/api/v1/accounts/diff", policy::JsonDump(*body)});
  if (!diff) return context.exit_code();
  const uint64_t removed = JsonCount(*diff, "rows_removed");
  const uint64_t added = JsonCount(*diff, "rows_added");
  const uint64_t changed = JsonCount(*diff, "rows_changed");
  const bool same = policy::JsonBool(*diff, "same");
  if (context.as_json()) {
    context.PrintJson(*diff);
  } else {
    context.Print(fmt::format(
        "{} rows against the {} in use: {} removed (-), {} added (+), {} changed (~)\n",
        JsonCount(*diff, "rows_after"), JsonCount(*diff, "rows_before"), removed, added, changed));
    if (!same) context.Print(DiffTable(*diff));
    if (std::max({removed, added, changed}) > kChangesShownMax) {
      context.Print(
          fmt::format("the first {} of each kind are shown; -j has more\n", kChangesShownMax));
    }
  }
  return same || !exit_code ? kDone : kRefused;
}

int RunAccountsHistory(Context& context, const HistoryCommand& command) {
  std::string path = "/api/v1/accounts/history?what=" + UrlEncode(command.what);
  for (const auto& time : {TimeParameter("from", command.from), TimeParameter("to", command.to)}) {
    if (!time) return context.Failed(kUsage, time.error().message);
    path += *time;
  }
  const auto found = context.Ask({"GET", path, ""});
  if (!found) return context.exit_code();
  if (context.as_json()) {
    context.PrintJson(*found);
    return kDone;
  }
  context.Print(HistoryTable(*found, TerminalColumns()));
  if (policy::JsonBool(*found, "more")) {
    context.Print("there is more: the oldest are left out; ask for less with --from and --to\n");
  }
  return kDone;
}

int RunAccountsImport(Context& context, const std::filesystem::path& file) {
  const auto body = BodyOf(context, file);
  if (!body) return kRefused;
  const auto counts = context.Ask({"POST", "/api/v1/accounts/import", policy::JsonDump(*body)});
  if (!counts) return context.exit_code();
  if (context.as_json()) {
    context.PrintJson(*counts);
  } else {
    context.Print(fmt::format("{} rows in force: {} addresses added, {} removed, {} changed\n",
                              JsonCount(*counts, "rows"), JsonCount(*counts, "added"),
                              JsonCount(*counts, "removed"), JsonCount(*counts, "changed")));
  }
  return kDone;
}

int RunAccountsLookup(Context& context, const std::string& what, const std::string& at) {
  const auto time = TimeParameter("at", at);
  if (!time) return context.Failed(kUsage, time.error().message);
  const auto found =
      context.Ask({"GET", "/api/v1/accounts/lookup?what=" + UrlEncode(what) + *time, ""});
  if (!found) return context.exit_code();
  if (context.as_json()) {
    context.PrintJson(*found);
  } else {
    context.Print(BindingTable(policy::JsonMember(*found, "bindings")));
  }
  return kDone;
}

}  // namespace weir::control::cli

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

Table BindingTable(const json& bindings) {
  Table table({"address", "account", "group", "room", "seat", "source", "since", "mac", "circuit"});
  for (const json& binding : bindings) {
    const auto text = [&binding](const char* key) {
      return Printable(policy::JsonText(binding, key));
    };
    const json& lease = policy::JsonMember(binding, "lease");
    table.Add({text("address"), text("account"), text("group"), text("room"), text("seat"),
               text("source"), LocalTime(policy::JsonText(binding, "login_time")),
               Printable(policy::JsonText(lease, "mac")),
               Printable(policy::JsonText(lease, "circuit"))});
  }
  return table;
}

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
  return Printable(policy::JsonText(origin, "how") + (by.empty() ? "" : " by " + by));
}

}  // namespace

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

int RunAccountsHistory(Context& context, const std::string& what) {
  const auto found = context.Ask({"GET", "/api/v1/accounts/history?what=" + UrlEncode(what), ""});
  if (!found) return context.exit_code();
  if (context.as_json()) {
    context.PrintJson(*found);
    return kDone;
  }
  Table table(
      {"from", "until", "ip", "mac", "account", "group", "room", "seat", "came by", "went by"});
  for (const json& row : policy::JsonMember(*found, "rows")) {
    const std::string from = policy::JsonText(row, "from");
    std::vector<std::string> cells{from.empty() ? "always" : LocalTime(from),
                                   LocalTime(policy::JsonText(row, "until"))};
    for (const char* field : kRowFields) cells.push_back(Printable(policy::JsonText(row, field)));
    cells.push_back(OriginText(policy::JsonMember(row, "begun")));
    cells.push_back(OriginText(policy::JsonMember(row, "ended")));
    table.Add(cells);
  }
  context.Print(table);
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
  std::string path = "/api/v1/accounts/lookup?what=" + UrlEncode(what);
  if (!at.empty()) path += "&at=" + UrlEncode(at);
  const auto found = context.Ask({"GET", path, ""});
  if (!found) return context.exit_code();
  if (context.as_json()) {
    context.PrintJson(*found);
  } else {
    context.Print(BindingTable(policy::JsonMember(*found, "bindings")));
  }
  return kDone;
}

}  // namespace weir::control::cli

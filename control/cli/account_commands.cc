#include <fmt/format.h>

#include <fstream>
#include <sstream>

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

}  // namespace

int RunAccountsImport(Context& context, const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in.is_open() || in.bad() || std::filesystem::is_directory(file)) {
    return context.Failed(kRefused, file.string() + " cannot be read");
  }
  const std::string csv = std::move(text).str();
  // JSON carries nothing else.
  if (!accounts::IsUtf8(csv)) {
    return context.Failed(kRefused, file.string() + " is not UTF-8: save the file as UTF-8");
  }
  const json body{{"csv", csv}};
  const auto counts = context.Ask({"POST", "/api/v1/accounts/import", policy::JsonDump(body)});
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

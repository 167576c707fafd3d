#include "control/sealing/record_csv.h"

#include <nlohmann/json.hpp>
#include <span>

#include "control/audit/csv_row.h"

namespace weir::control::sealing {
namespace {

constexpr const char* kFindingKeys[] = {
    "number",    "time",    "type",         "sensor",         "class",       "severity",
    "rule",      "reason",  "list_line",    "policy_version", "session_id",  "verdict",
    "direction", "proto",   "proto_number", "src_ip",         "src_port",    "dst_ip",
    "dst_port",  "src_mac", "dst_mac",      "name",           "name_source", "app",
    "account",   "group",   "login_time"};
constexpr const char* kHealthKeys[] = {"number",  "time",  "type",  "sensor",
                                       "boot_id", "value", "detail"};
constexpr const char* kLoginKeys[] = {"number", "login_id", "account", "login_time", "logout_time",
                                      "ip",     "mac",      "nas",     "port",       "room",
                                      "seat",   "source",   "cause"};
constexpr const char* kOperationKeys[] = {"number", "time",   "actor",   "via", "action",
                                          "target", "reason", "outcome", "rows"};

std::span<const char* const> KeysOf(NumberedClass numbered) {
  switch (numbered) {
    case NumberedClass::kFindings:
      return kFindingKeys;
    case NumberedClass::kHealth:
      return kHealthKeys;
    case NumberedClass::kLogins:
      return kLoginKeys;
    case NumberedClass::kOperations:
      return kOperationKeys;
  }
  return {};
}

}  // namespace

std::string CsvHeader(NumberedClass numbered) {
  audit::CsvRow row;
  for (const char* key : KeysOf(numbered)) row.Plain(key);
  return std::move(row).Finish();
}

std::string CsvRowOf(NumberedClass numbered, std::string_view line) {
  const auto json = nlohmann::json::parse(line, nullptr, false);
  audit::CsvRow row;
  for (const char* key : KeysOf(numbered)) {
    const auto found = json.is_object() ? json.find(key) : json.end();
    if (found == json.end() || found->is_null()) {
      row.Plain("");
    } else if (found->is_string()) {
      row.Text(found->get_ref<const std::string&>());
    } else {
      row.Plain(found->dump());
    }
  }
  return std::move(row).Finish();
}

}  // namespace weir::control::sealing

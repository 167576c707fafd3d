#include "control/sealing/record_lines.h"

#include <nlohmann/json.hpp>

#include "control/accounts/binding.h"
#include "dataplane/events/session_json.h"

namespace weir::control::sealing {
namespace {

using Json = nlohmann::ordered_json;

void AddText(Json& json, const char* key, std::string_view text) {
  if (!text.empty()) json[key] = text;
}

void AddMac(Json& json, const char* key, const base::MacAddress& mac) {
  if (!mac.is_zero()) json[key] = mac.ToString();
}

// What came from the wire may be no UTF-8: such bytes become U+FFFD.
std::string Line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string SessionLine(const audit::SessionRecord& record) {
  const events::AccountFields account{record.identity.account, record.identity.group,
                                      record.identity.login_time};
  return events::SessionToJson(record.event, record.sensor, account) + "\n";
}

std::string FindingLine(const audit::SequencedFinding& finding) {
  const events::FindingEvent& event = finding.event;
  Json json;
  json["number"] = finding.seq;
  json["time"] = base::FormatRfc3339(event.time);
  json["type"] = "finding";
  json["sensor"] = finding.sensor;
  AddText(json, "class", event.rule_class);
  AddText(json, "severity", event.severity);
  AddText(json, "rule", event.rule);
  AddText(json, "reason", event.reason);
  if (event.list_line != 0) json["list_line"] = event.list_line;
  json["policy_version"] = event.policy_version;
  json["session_id"] = events::SessionIdText(event.session_id);
  json["verdict"] = events::VerdictName(event.verdict);
  json["direction"] = events::DirectionName(event.direction);
  json["proto"] = events::ProtocolName(event.ip_protocol);
  json["proto_number"] = event.ip_protocol;
  json["src_ip"] = event.src_ip.ToString();
  json["src_port"] = event.src_port;
  json["dst_ip"] = event.dst_ip.ToString();
  json["dst_port"] = event.dst_port;
  AddMac(json, "src_mac", event.src_mac);
  AddMac(json, "dst_mac", event.dst_mac);
  AddText(json, "name", event.name);
  AddText(json, "name_source", events::NameSourceName(event.name_source));
  AddText(json, "app", event.app);
  AddText(json, "account", finding.identity.account);
  AddText(json, "group", finding.identity.group);
  if (finding.identity.login_time) {
    json["login_time"] = base::FormatRfc3339(*finding.identity.login_time);
  }
  return Line(json);
}

std::string HealthLine(const audit::SequencedHealth& health) {
  Json json;
  json["number"] = health.seq;
  json["time"] = base::FormatRfc3339(health.event.time);
  json["type"] = events::HealthKindName(health.event.kind);
  json["sensor"] = health.sensor;
  json["boot_id"] = events::SessionIdText(health.event.boot_id);
  json["value"] = health.event.value;
  AddText(json, "detail", health.event.detail);
  return Line(json);
}

std::string LoginLine(const audit::SequencedLogin& sequenced) {
  const audit::LoginRecord& login = sequenced.login;
  Json json;
  json["number"] = sequenced.seq;
  json["login_id"] = login.login_id;
  json["account"] = login.account;
  json["login_time"] = base::FormatRfc3339(login.login_time);
  json["logout_time"] = login.logout_time ? Json(base::FormatRfc3339(*login.logout_time)) : Json();
  json["ip"] = login.ip.ToString();
  AddMac(json, "mac", login.mac);
  AddText(json, "nas", login.nas);
  AddText(json, "port", login.port);
  AddText(json, "room", login.room);
  AddText(json, "seat", login.seat);
  json["source"] = accounts::BindingSourceName(static_cast<accounts::BindingSource>(login.source));
  AddText(json, "cause", login.cause);
  return Line(json);
}

std::string OperationLine(const operations::Operation& operation) {
  return operations::OperationToJson(operation) + "\n";
}

}  // namespace weir::control::sealing

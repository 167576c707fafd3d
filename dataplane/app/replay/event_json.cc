#include "dataplane/app/replay/event_json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "dataplane/events/session_json.h"

namespace weir::replay {
namespace {

using Json = nlohmann::ordered_json;

Json TextOrNull(std::string_view text) { return text.empty() ? Json() : Json(text); }

// Names come from packets: bytes that are not UTF-8 become U+FFFD.
std::string Line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string FindingToJson(const events::FindingEvent& event, std::string_view sensor) {
  Json json;
  json["time"] = base::FormatRfc3339(event.time);
  json["type"] = "finding";
  json["class"] = TextOrNull(event.rule_class);
  json["severity"] = TextOrNull(event.severity);
  json["rule"] = TextOrNull(event.rule);
  json["session_id"] = events::SessionIdText(event.session_id);
  json["count"] = 1;
  json["sensor"] = sensor;
  json["verdict"] = events::VerdictName(event.verdict);
  json["reason"] = TextOrNull(event.reason);
  json["proto"] = events::ProtocolName(event.ip_protocol);
  json["src_ip"] = event.src_ip.ToString();
  json["src_port"] = event.src_port;
  json["dst_ip"] = event.dst_ip.ToString();
  json["dst_port"] = event.dst_port;
  json["direction"] = events::DirectionName(event.direction);
  json["name"] = TextOrNull(event.name);
  json["name_source"] = TextOrNull(events::NameSourceName(event.name_source));
  json["app"] = TextOrNull(event.app);
  json["list_line"] = event.list_line == 0 ? Json() : Json(event.list_line);
  json["policy_version"] = event.policy_version;
  return Line(json);
}

std::string LeaseToJson(const events::LeaseEvent& event, std::string_view sensor) {
  const bool bound = event.state == events::LeaseState::kBound;
  Json json;
  json["time"] = base::FormatRfc3339(event.time);
  json["type"] = "lease";
  json["class"] = events::LeaseStateName(event.state);
  json["sensor"] = sensor;
  json["ip"] = base::IpPrefix(event.ip, event.prefix_bits).ToString();
  json["mac"] = event.mac.is_zero() ? Json() : Json(event.mac.ToString());
  json["duid"] = TextOrNull(events::BytesText(event.client_id));
  const bool forever = event.lease_s == events::kLeaseForever;
  json["lease_s"] = bound && !forever ? Json(event.lease_s) : Json();
  json["server"] = event.server.ToString();
  json["relay"] = event.relay.is_unspecified() ? Json() : Json(event.relay.ToString());
  json["vlan"] = event.vlan == 0 ? Json() : Json(event.vlan);
  json["circuit"] = TextOrNull(events::LeaseText(event.circuit));
  json["remote"] = TextOrNull(events::LeaseText(event.remote));
  return Line(json);
}

std::string HealthToJson(const events::HealthEvent& event, std::string_view sensor) {
  Json json;
  json["time"] = base::FormatRfc3339(event.time);
  json["type"] = "health";
  json["class"] = events::HealthKindName(event.kind);
  json["sensor"] = sensor;
  json["boot_id"] = fmt::format("{:016x}", event.boot_id);
  json["value"] = event.value;
  json["detail"] = TextOrNull(event.detail);
  return Line(json);
}

}  // namespace weir::replay

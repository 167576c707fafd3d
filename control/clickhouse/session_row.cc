#include "control/clickhouse/session_row.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/clickhouse/row_binary.h"

namespace weir::control::clickhouse {
namespace {

using events::SessionEvent;

// What a record is made of, in the order of PutSessionFields() and GetSessionRow().
constexpr std::string_view kSessionFields =
    "start_ns, session_id, part, revision, session_start_ns, end_ns, src_ip, dst_ip, src_port, "
    "dst_port, proto_number, direction, state, end_reason, name_source, verdict, vlan, src_mac, "
    "dst_mac, packets_to_dst, packets_to_src, bytes_to_dst, bytes_to_src, tcp_flags, "
    "policy_version, list_line, name, app, category, rule, account, account_group, "
    "account_source, login_time_ns, sensor";

constexpr std::string_view kIdentityFields =
    "account, account_group, account_source, login_time_ns";

template <typename Enum>
void PutEnum(std::string& out, Enum value) {
  out += static_cast<char>(value);
}

// Checks that the value is one of the enumerators; `good` turns false when it is not.
template <typename Enum>
Enum GetEnum(base::Cursor& in, Enum last, bool& good) {
  const uint8_t bits = in.U8();
  good = good && bits <= static_cast<uint8_t>(last);
  return static_cast<Enum>(bits);
}

void PutDate(std::string& out, base::WallTime time) {
  PutLe(out, static_cast<uint16_t>(DateOf(time)));
}

void PutIdentity(std::string& out, const audit::Identity& identity) {
  PutString(out, identity.account);
  PutString(out, identity.group);
  PutLe(out, identity.source);
  PutOptionalTime(out, identity.login_time);
}

void PutSessionFields(std::string& out, const audit::SessionRecord& record) {
  const SessionEvent& event = record.event;
  PutTime(out, event.start);
  PutLe(out, event.session_id);
  PutLe(out, event.part);
  PutLe(out, event.revision);
  PutTime(out, event.session_start);
  PutTime(out, event.end);
  PutAddress(out, event.src_ip);
  PutAddress(out, event.dst_ip);
  PutLe(out, event.src_port);
  PutLe(out, event.dst_port);
  PutLe(out, event.ip_protocol);
  PutEnum(out, event.direction);
  PutEnum(out, event.state);
  PutEnum(out, event.end_reason);
  PutEnum(out, event.name_source);
  PutEnum(out, event.verdict);
  PutLe(out, event.vlan_count);  // the length of an array, as a varint
  for (size_t i = 0; i < event.vlan_count; i++) PutLe(out, event.vlans[i]);
  PutMac(out, event.src_mac);
  PutMac(out, event.dst_mac);
  PutLe(out, event.packets_to_dst);
  PutLe(out, event.packets_to_src);
  PutLe(out, event.bytes_to_dst);
  PutLe(out, event.bytes_to_src);
  PutLe(out, event.tcp_flags);
  PutLe(out, event.policy_version);
  PutLe(out, event.list_line);
  PutString(out, event.name);
  PutString(out, event.app);
  PutString(out, event.category);
  PutString(out, event.rule);
  PutIdentity(out, record.identity);
  PutString(out, record.sensor);
}

bool GetVlans(base::Cursor& in, SessionEvent& event) {
  const uint64_t count = audit::GetVarint(in);
  if (count > events::kVlansMax) return false;
  event.vlan_count = static_cast<uint8_t>(count);
  for (size_t i = 0; i < count; i++) event.vlans[i] = GetLe<uint16_t>(in);
  return true;
}

bool GetIdentity(base::Cursor& in, audit::Identity& identity) {
  identity.account = GetString(in);
  identity.group = GetString(in);
  identity.source = in.U8();
  const uint8_t none = in.U8();
  if (none > 1) return false;
  if (none == 0 && in.ok()) identity.login_time = GetTime(in);
  return true;
}

}  // namespace

audit::DayNumber DateOf(base::WallTime time) {
  return std::clamp(audit::DayOf(time), kDateMin, kDateMax);
}

// A session that is closed as lost keeps its revision.
uint64_t VersionOf(const SessionEvent& event) {
  const bool lost = event.end_reason == events::EndReason::kLost;
  return static_cast<uint64_t>(event.revision) << 1 | (lost ? 1 : 0);
}

std::string SessionInsertColumns() {
  return fmt::format("day, hour, inside_ip, version, {}", kSessionFields);
}

void PutSessionRow(std::string& out, const audit::SessionRecord& record) {
  const SessionEvent& event = record.event;
  const int64_t in_day_ns = event.start.ns - audit::DayStart(audit::DayOf(event.start)).ns;
  PutDate(out, event.start);
  PutLe(out, static_cast<uint8_t>(in_day_ns / audit::kHourNs));
  PutAddress(out, audit::InsideIp(event));
  PutLe(out, VersionOf(event));
  PutSessionFields(out, record);
}

std::string SessionSelectColumns() {
  return fmt::format("toUInt32({}), {}", kRowMark, kSessionFields);
}

bool GetSessionRow(base::Cursor& in, audit::SessionRecord& record) {
  if (in.left() < sizeof kRowMark) {
    in.Fail();
    return true;
  }
  if (GetLe<uint32_t>(in) != kRowMark) return false;
  record = {};
  SessionEvent& event = record.event;
  event.start = GetTime(in);
  event.session_id = GetLe<uint64_t>(in);
  event.part = GetLe<uint32_t>(in);
  event.revision = GetLe<uint32_t>(in);
  event.session_start = GetTime(in);
  event.end = GetTime(in);
  event.src_ip = GetAddress(in);
  event.dst_ip = GetAddress(in);
  event.src_port = GetLe<uint16_t>(in);
  event.dst_port = GetLe<uint16_t>(in);
  event.ip_protocol = in.U8();
  bool good = true;
  event.direction = GetEnum(in, events::Direction::kInternal, good);
  event.state = GetEnum(in, events::SessionState::kClosed, good);
  event.end_reason = GetEnum(in, events::EndReason::kLost, good);
  event.name_source = GetEnum(in, events::NameSource::kDnsQuery, good);
  event.verdict = GetEnum(in, events::Verdict::kWouldReject, good);
  if (!good || !GetVlans(in, event)) return false;
  event.src_mac = GetMac(in);
  event.dst_mac = GetMac(in);
  event.packets_to_dst = GetLe<uint64_t>(in);
  event.packets_to_src = GetLe<uint64_t>(in);
  event.bytes_to_dst = GetLe<uint64_t>(in);
  event.bytes_to_src = GetLe<uint64_t>(in);
  event.tcp_flags = in.U8();
  event.policy_version = GetLe<uint32_t>(in);
  event.list_line = GetLe<uint32_t>(in);
  event.name = GetString(in);
  event.app = GetString(in);
  event.category = GetString(in);
  event.rule = GetString(in);
  if (!GetIdentity(in, record.identity)) return false;
  record.sensor = GetString(in);
  return true;
}

std::string FindingInsertColumns() {
  return fmt::format(
      "day, seq, time_ns, session_id, src_ip, dst_ip, src_port, dst_port, proto_number, direction, "
      "name_source, verdict, src_mac, dst_mac, policy_version, list_line, rule, rule_class, "
      "severity, reason, name, app, {}, sensor",
      kIdentityFields);
}

void PutFindingRow(std::string& out, const audit::SequencedFinding& finding) {
  const events::FindingEvent& event = finding.event;
  PutDate(out, event.time);
  PutLe(out, finding.seq);
  PutTime(out, event.time);
  PutLe(out, event.session_id);
  PutAddress(out, event.src_ip);
  PutAddress(out, event.dst_ip);
  PutLe(out, event.src_port);
  PutLe(out, event.dst_port);
  PutLe(out, event.ip_protocol);
  PutEnum(out, event.direction);
  PutEnum(out, event.name_source);
  PutEnum(out, event.verdict);
  PutMac(out, event.src_mac);
  PutMac(out, event.dst_mac);
  PutLe(out, event.policy_version);
  PutLe(out, event.list_line);
  for (const auto text :
       {event.rule, event.rule_class, event.severity, event.reason, event.name, event.app}) {
    PutString(out, text);
  }
  PutIdentity(out, finding.identity);
  PutString(out, finding.sensor);
}

std::string HealthInsertColumns() {
  return "day, seq, time_ns, kind, boot_id, value, detail, sensor";
}

void PutHealthRow(std::string& out, const audit::SequencedHealth& health) {
  const events::HealthEvent& event = health.event;
  PutDate(out, event.time);
  PutLe(out, health.seq);
  PutTime(out, event.time);
  PutLe(out, static_cast<uint8_t>(event.kind));
  PutLe(out, event.boot_id);
  PutLe(out, event.value);
  PutString(out, event.detail);
  PutString(out, health.sensor);
}

std::string LoginInsertColumns() {
  return "day, seq, login_id, login_time_ns, logout_time_ns, ip, mac, source, account, nas, port, "
         "room, seat, cause";
}

void PutLoginRow(std::string& out, const audit::SequencedLogin& sequenced) {
  const audit::LoginRecord& login = sequenced.login;
  PutDate(out, login.login_time);
  PutLe(out, sequenced.seq);
  PutLe(out, login.login_id);
  PutTime(out, login.login_time);
  PutOptionalTime(out, login.logout_time);
  PutAddress(out, login.ip);
  PutMac(out, login.mac);
  PutLe(out, login.source);
  for (const auto text :
       {login.account, login.nas, login.port, login.room, login.seat, login.cause}) {
    PutString(out, text);
  }
}

}  // namespace weir::control::clickhouse

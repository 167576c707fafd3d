#include "control/audit/session_csv.h"

#include "control/audit/csv_row.h"
#include "control/audit/store_keys.h"
#include "dataplane/events/session_json.h"

namespace weir::control::audit {
namespace {

constexpr std::string_view kHeader =
    "session_id,part,sensor,session_start,start,end,duration_ms,state,end_reason,proto,"
    "proto_number,src_ip,src_port,dst_ip,dst_port,icmp_type,icmp_code,direction,vlan,src_mac,"
    "dst_mac,packets_to_dst,packets_to_src,bytes_to_dst,bytes_to_src,tcp_flags,name,name_source,"
    "app,category,account,login_time,group,verdict,rule,list_line,policy_version,community_id\r\n";

constexpr uint8_t kIcmp = 1;
constexpr uint8_t kTcp = 6;
constexpr uint8_t kIcmp6 = 58;

std::string VlanText(const events::SessionEvent& event) {
  std::string text;
  for (size_t i = 0; i < event.vlan_count; i++) {
    if (i > 0) text += ' ';
    text += std::to_string(event.vlans[i]);
  }
  return text;
}

int64_t DurationMs(const events::SessionEvent& event) {
  return event.end > event.start ? (event.end.ns - event.start.ns) / base::kNsPerMs : 0;
}

std::string MacText(const base::MacAddress& mac) { return mac.is_zero() ? "" : mac.ToString(); }

void AddEndpoints(CsvRow& row, const events::SessionEvent& event) {
  const bool ports = HasPorts(event.ip_protocol);
  const bool icmp = event.ip_protocol == kIcmp || event.ip_protocol == kIcmp6;
  row.Plain(events::ProtocolName(event.ip_protocol)).Plain(event.ip_protocol);
  row.Plain(event.src_ip.ToString()).PlainIf(ports, event.src_port);
  row.Plain(event.dst_ip.ToString()).PlainIf(ports, event.dst_port);
  row.PlainIf(icmp, event.src_port >> 8).PlainIf(icmp, event.src_port & 0xff);
}

}  // namespace

std::string SessionCsvHeader() { return std::string(kHeader); }

std::string SessionToCsv(const SessionRecord& record) {
  const events::SessionEvent& event = record.event;
  const Identity& identity = record.identity;
  CsvRow row;
  row.Plain(events::SessionIdText(event.session_id)).Plain(event.part).Text(record.sensor);
  row.Plain(base::FormatRfc3339(event.session_start)).Plain(base::FormatRfc3339(event.start));
  row.Plain(base::FormatRfc3339(event.end)).Plain(DurationMs(event));
  row.Plain(events::SessionStateName(event.state)).Plain(events::EndReasonName(event.end_reason));
  AddEndpoints(row, event);
  row.Plain(events::DirectionName(event.direction)).Plain(VlanText(event));
  row.Plain(MacText(event.src_mac)).Plain(MacText(event.dst_mac));
  row.Plain(event.packets_to_dst).Plain(event.packets_to_src);
  row.Plain(event.bytes_to_dst).Plain(event.bytes_to_src);
  row.PlainIf(event.ip_protocol == kTcp, event.tcp_flags);
  row.Text(event.name).Plain(events::NameSourceName(event.name_source));
  row.Text(event.app).Text(event.category).Text(identity.account);
  row.Plain(identity.login_time ? base::FormatRfc3339(*identity.login_time) : "");
  row.Text(identity.group).Plain(events::VerdictName(event.verdict)).Text(event.rule);
  row.PlainIf(event.list_line != 0, event.list_line).Plain(event.policy_version);
  row.Plain(events::CommunityId(event));
  return std::move(row).Finish();
}

}  // namespace weir::control::audit

// Events with every field set to something of its own, shared by the tests of this folder.
#pragma once

#include "dataplane/events/event.h"

namespace weir::events {

inline base::IpAddress Ip(std::string_view text) { return base::IpAddress::Parse(text).value(); }
inline base::MacAddress Mac(std::string_view text) { return base::MacAddress::Parse(text).value(); }
inline base::WallTime Wall(std::string_view text) { return base::ParseRfc3339(text).value(); }

inline SessionEvent SampleSession() {
  SessionEvent event;
  event.session_id = 0x0123456789abcdef;
  event.part = 2;
  event.revision = 7;
  event.session_start = Wall("2026-11-22T09:00:00.000001Z");
  event.start = Wall("2026-11-22T09:30:00.000002Z");
  event.end = Wall("2026-11-22T09:30:01.500003Z");
  event.src_ip = Ip("10.20.1.5");
  event.dst_ip = Ip("203.0.113.9");
  event.src_port = 50123;
  event.dst_port = 443;
  event.ip_protocol = 6;
  event.direction = Direction::kOutbound;
  event.state = SessionState::kClosed;
  event.end_reason = EndReason::kFin;
  event.vlan_count = 2;
  event.vlans = {100, 4094};
  event.src_mac = Mac("02:00:5e:10:00:01");
  event.dst_mac = Mac("02:00:5e:10:00:02");
  event.packets_to_dst = 11;
  event.packets_to_src = 12;
  event.bytes_to_dst = 1300;
  event.bytes_to_src = 5'000'000'000;
  event.tcp_flags = 0x1b;
  event.name_source = NameSource::kTlsSni;
  event.verdict = Verdict::kWouldDrop;
  event.policy_version = 42;
  event.list_line = 9;
  event.name = "www.example.org";
  event.app = "TLS.YouTube";
  event.category = "Media";
  event.rule = "rule-17";
  return event;
}

inline FindingEvent SampleFinding() {
  FindingEvent event;
  event.time = Wall("2026-11-22T09:30:00.000002Z");
  event.session_id = 77;
  event.src_ip = Ip("2001:db8::5");
  event.dst_ip = Ip("2001:db8:1::9");
  event.src_port = 4000;
  event.dst_port = 25;
  event.ip_protocol = 17;
  event.direction = Direction::kInbound;
  event.name_source = NameSource::kDnsQuery;
  event.verdict = Verdict::kReject;
  event.src_mac = Mac("02:00:5e:10:00:01");
  event.dst_mac = Mac("02:00:5e:10:00:02");
  event.policy_version = 3;
  event.list_line = 8;
  event.rule = "r1";
  event.rule_class = "spam";
  event.severity = "high";
  event.reason = "notice 2026-17";
  event.name = "mail.example";
  event.app = "SMTP";
  return event;
}

inline HealthEvent SampleHealth() {
  HealthEvent event;
  event.time = Wall("2026-11-22T09:30:00Z");
  event.kind = HealthKind::kEventsLost;
  event.boot_id = 5;
  event.value = 1234;
  event.detail = "detail";
  return event;
}

}  // namespace weir::events

#include "dataplane/pipeline/session_writer.h"

#include <algorithm>

namespace weir::pipeline {
namespace {

using flow::Endpoint;

base::WallTime WallOfUs(uint64_t us) {
  return base::WallTime{static_cast<int64_t>(us) * base::kNsPerUs};
}

base::IpAddress AddressOf(const flow::FlowKey& key, Endpoint endpoint) {
  return base::IpAddress::FromV6(key.ip[static_cast<size_t>(endpoint)]);
}

uint64_t PacketsOf(const flow::HotFlow& hot, const flow::ColdFlow& cold, Endpoint sender) {
  const uint64_t low = sender == Endpoint::kLow ? hot.packets_low : hot.packets_high;
  const uint64_t carry = cold.packets_carry[static_cast<size_t>(sender)];
  return (carry << flow::kPacketsCarryBits) + low;
}

uint64_t BytesOf(const flow::HotFlow& hot, const flow::ColdFlow& cold, Endpoint sender) {
  const auto at = static_cast<size_t>(sender);
  return uint64_t{cold.bytes_carry[at]} << 32 | hot.bytes[at];
}

void DescribeVlans(const flow::FlowKey& key, events::SessionEvent& event) {
  for (const uint16_t vlan : key.VlanIds()) {
    if (vlan != flow::FlowKey::kNoVlan) event.vlans[event.vlan_count++] = vlan;
  }
}

void DescribeTraffic(const flow::HotFlow& hot, const flow::ColdFlow& cold,
                     events::SessionEvent& event) {
  const Endpoint initiator = hot.initiator();
  const Endpoint responder = Other(initiator);
  event.packets_to_dst = PacketsOf(hot, cold, initiator);
  event.packets_to_src = PacketsOf(hot, cold, responder);
  event.bytes_to_dst = BytesOf(hot, cold, initiator);
  event.bytes_to_src = BytesOf(hot, cold, responder);
  event.tcp_flags = static_cast<uint8_t>(hot.tcp_flags);
}

// The reply to an ICMP or ICMPv6 request (RFC 792, RFC 4443 §4.2): an echo reply is 0 in IPv4,
// every other one the number behind its request's.
uint16_t ReplyTo(uint8_t ip_protocol, uint16_t request_port) {
  const auto request = static_cast<uint8_t>(request_port >> 8);
  if (ip_protocol == packet::ip_protocol::kIcmp && request == 8) return 0;
  return static_cast<uint16_t>((request + 1) << 8);
}

void DescribeEndpoints(const flow::HotFlow& hot, events::SessionEvent& event) {
  const Endpoint initiator = hot.initiator();
  const Endpoint responder = Other(initiator);
  event.src_ip = AddressOf(hot.key, initiator);
  event.dst_ip = AddressOf(hot.key, responder);
  event.src_port = hot.key.port[static_cast<size_t>(initiator)];
  event.dst_port = hot.key.port[static_cast<size_t>(responder)];
  event.ip_protocol = hot.key.protocol;
  // The key of a reply has its request's type on the other end. A session that begins with a reply
  // is told by that.
  const bool icmp = event.ip_protocol == packet::ip_protocol::kIcmp ||
                    event.ip_protocol == packet::ip_protocol::kIcmp6;
  if (!icmp || event.dst_port == 0) return;
  event.src_port = ReplyTo(event.ip_protocol, event.dst_port);
  event.dst_port = 0;
}

}  // namespace

events::SessionEvent SessionWriter::Describe(flow::FlowIndex index, const Now& now) {
  const flow::HotFlow& hot = worker_.flows.hot(index);
  const flow::ColdFlow& cold = worker_.flows.cold(index);
  events::SessionEvent event;
  event.session_id = cold.session_id;
  event.part = cold.part;
  event.revision = cold.revision;
  event.session_start = WallOfUs(cold.start_us);
  event.start = WallOfUs(cold.start_us + uint64_t{cold.part_start_ms} * 1000);
  // The last packet is so long ago by the monotonic clock; the date comes from the wall clock now.
  const auto silent_us = static_cast<int64_t>(now.us - hot.last_seen_us);
  const base::WallTime last_seen{now.wall.ns - silent_us * base::kNsPerUs};
  event.end = std::max(event.start, last_seen);
  DescribeEndpoints(hot, event);
  DescribeTraffic(hot, cold, event);
  DescribeVlans(hot.key, event);
  event.direction = static_cast<events::Direction>(cold.direction);
  event.src_mac = cold.src_mac;
  event.dst_mac = cold.dst_mac;
  event.name_source = static_cast<events::NameSource>(cold.name_source);
  event.verdict = static_cast<events::Verdict>(cold.verdict);
  event.policy_version = worker_.epochs.VersionOf(static_cast<uint16_t>(hot.policy_epoch));
  event.list_line = cold.list_line;
  event.name = worker_.strings.Read(cold.name, name_);
  event.rule = worker_.strings.Read(cold.rule, rule_);
  const classify::Label label{cold.app_master, cold.app, cold.category};
  event.app = worker_.classifier.AppName(label);
  event.category = worker_.classifier.CategoryName(label);
  return event;
}

void SessionWriter::Push(flow::FlowIndex index, events::SessionEvent& event,
                         events::LossClass loss_class) {
  flow::ColdFlow& cold = worker_.flows.cold(index);
  event.revision = ++cold.revision;
  const size_t bytes = events::Encode(event, encoded_);
  const bool taken =
      worker_.sink.Push(events::EventType::kSession, loss_class, {encoded_.data(), bytes});
  if (taken && cold.revision == 1) worker_.counters.sessions_recorded.Add();
}

void SessionWriter::WriteOpen(flow::FlowIndex index, const Now& now, events::LossClass loss_class) {
  events::SessionEvent event = Describe(index, now);
  Push(index, event, loss_class);
}

void SessionWriter::WriteClosed(flow::FlowIndex index, const Now& now, events::EndReason reason) {
  events::SessionEvent event = Describe(index, now);
  event.state = events::SessionState::kClosed;
  event.end_reason = reason;
  Push(index, event, events::LossClass::kSession);
}

void SessionWriter::WriteFinding(flow::FlowIndex index, const Now& now, const rules::RuleInfo& rule,
                                 const Hit& hit) {
  const events::SessionEvent session = Describe(index, now);
  events::FindingEvent finding;
  finding.time = now.wall;
  finding.session_id = session.session_id;
  finding.src_ip = session.src_ip;
  finding.dst_ip = session.dst_ip;
  finding.src_port = session.src_port;
  finding.dst_port = session.dst_port;
  finding.ip_protocol = session.ip_protocol;
  finding.direction = session.direction;
  finding.name_source = session.name_source;
  finding.verdict = hit.verdict;
  finding.src_mac = session.src_mac;
  finding.dst_mac = session.dst_mac;
  finding.policy_version = session.policy_version;
  finding.list_line = session.list_line;
  finding.rule = rule.id;
  finding.rule_class = rule.rule_class;
  finding.severity = rules::SeverityName(rule.severity);
  finding.reason = rule.reason;
  finding.name = hit.name.empty() ? session.name : hit.name;
  finding.app = session.app;
  const size_t bytes = events::Encode(finding, encoded_);
  worker_.sink.Push(events::EventType::kFinding, events::LossClass::kFinding,
                    {encoded_.data(), bytes});
  worker_.counters.findings.Add();
}

}  // namespace weir::pipeline

#include "dataplane/events/event.h"

#include <netinet/in.h>

#include "dataplane/events/byte_codec.h"

namespace weir::events {
namespace {

// Each type counts its own versions. A reader knows one of each and refuses another.
constexpr uint8_t kSessionVersion = 1;
constexpr uint8_t kFindingVersion = 1;
constexpr uint8_t kHealthVersion = 1;

constexpr size_t kStringRoom = 1 + kStringBytesMax;
static_assert(141 + 4 * kStringRoom <= kEncodedBytesMax, "a session with four full strings fits");
static_assert(81 + 6 * kStringRoom <= kEncodedBytesMax, "a finding with six full strings fits");
static_assert(26 + kStringRoom <= kEncodedBytesMax, "a health event with a full string fits");

base::Error BadEvent(std::string_view what) {
  return base::Error{"a " + std::string(what) +
                     " event whose length, version or values its format does not have"};
}

// Sessions and findings both say between whom, and lay it out alike.
template <typename Event>
void PutEnds(ByteWriter& writer, const Event& event) {
  writer.PutBytes(event.src_ip.bytes());
  writer.PutBytes(event.dst_ip.bytes());
  writer.Put(event.src_port);
  writer.Put(event.dst_port);
  writer.Put(event.ip_protocol);
  writer.Put(event.direction);
}

template <typename Event>
void TakeEnds(ByteReader& reader, Event& event) {
  reader.TakeInto(event.src_ip.mutable_bytes());
  reader.TakeInto(event.dst_ip.mutable_bytes());
  event.src_port = reader.Take<uint16_t>();
  event.dst_port = reader.Take<uint16_t>();
  event.ip_protocol = reader.Take<uint8_t>();
  event.direction = reader.TakeEnum(Direction::kInternal);
}

}  // namespace

std::string_view LossClassName(LossClass loss_class) {
  switch (loss_class) {
    case LossClass::kSession:
      return "session";
    case LossClass::kFinding:
      return "finding";
    case LossClass::kHealth:
      return "health";
    case LossClass::kDetail:
      return "detail";
  }
  return "";
}

std::string_view SessionStateName(SessionState state) {
  return state == SessionState::kOpen ? "open" : "closed";
}

std::string_view EndReasonName(EndReason reason) {
  switch (reason) {
    case EndReason::kNone:
      return "";
    case EndReason::kFin:
      return "fin";
    case EndReason::kRst:
      return "rst";
    case EndReason::kIdle:
      return "idle";
    case EndReason::kActive:
      return "active";
    case EndReason::kEvicted:
      return "evicted";
    case EndReason::kShutdown:
      return "shutdown";
    case EndReason::kLost:
      return "lost";
  }
  return "";
}

std::string_view DirectionName(Direction direction) {
  switch (direction) {
    case Direction::kUnknown:
      return "unknown";
    case Direction::kOutbound:
      return "outbound";
    case Direction::kInbound:
      return "inbound";
    case Direction::kInternal:
      return "internal";
  }
  return "";
}

std::string_view NameSourceName(NameSource source) {
  switch (source) {
    case NameSource::kNone:
      return "";
    case NameSource::kTlsSni:
      return "tls_sni";
    case NameSource::kQuicSni:
      return "quic_sni";
    case NameSource::kHttpHost:
      return "http_host";
    case NameSource::kDnsQuery:
      return "dns_query";
  }
  return "";
}

std::string_view VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPass:
      return "pass";
    case Verdict::kDrop:
      return "drop";
    case Verdict::kReject:
      return "reject";
    case Verdict::kWouldDrop:
      return "would_drop";
    case Verdict::kWouldReject:
      return "would_reject";
  }
  return "";
}

std::string_view ProtocolName(uint8_t ip_protocol) {
  switch (ip_protocol) {
    case IPPROTO_TCP:
      return "tcp";
    case IPPROTO_UDP:
      return "udp";
    case IPPROTO_ICMP:
      return "icmp";
    case IPPROTO_ICMPV6:
      return "icmp6";
    case IPPROTO_SCTP:
      return "sctp";
    default:
      return "other";
  }
}

std::string_view HealthKindName(HealthKind kind) {
  switch (kind) {
    case HealthKind::kStarted:
      return "started";
    case HealthKind::kStopped:
      return "stopped";
    case HealthKind::kPolicyInstalled:
      return "policy_installed";
    case HealthKind::kPolicyRefused:
      return "policy_refused";
    case HealthKind::kEventsLost:
      return "events_lost";
    case HealthKind::kBypass:
      return "bypass";
    case HealthKind::kRogueDhcp:
      return "rogue_dhcp";
  }
  return "unknown";
}

size_t Encode(const SessionEvent& event, std::span<uint8_t, kEncodedBytesMax> out) {
  ByteWriter writer(out);
  writer.Put(kSessionVersion);
  writer.Put(event.session_id);
  writer.Put(event.part);
  writer.Put(event.revision);
  writer.Put(event.session_start.ns);
  writer.Put(event.start.ns);
  writer.Put(event.end.ns);
  PutEnds(writer, event);
  writer.Put(event.state);
  writer.Put(event.end_reason);
  writer.Put(event.vlan_count);
  for (const uint16_t vlan : event.vlans) writer.Put(vlan);
  writer.PutBytes(event.src_mac.bytes);
  writer.PutBytes(event.dst_mac.bytes);
  writer.Put(event.packets_to_dst);
  writer.Put(event.packets_to_src);
  writer.Put(event.bytes_to_dst);
  writer.Put(event.bytes_to_src);
  writer.Put(event.tcp_flags);
  writer.Put(event.name_source);
  writer.Put(event.verdict);
  writer.Put(event.policy_version);
  writer.Put(event.list_line);
  writer.PutString(event.name);
  writer.PutString(event.app);
  writer.PutString(event.category);
  writer.PutString(event.rule);
  return writer.size();
}

size_t Encode(const FindingEvent& event, std::span<uint8_t, kEncodedBytesMax> out) {
  ByteWriter writer(out);
  writer.Put(kFindingVersion);
  writer.Put(event.time.ns);
  writer.Put(event.session_id);
  PutEnds(writer, event);
  writer.Put(event.name_source);
  writer.Put(event.verdict);
  writer.PutBytes(event.src_mac.bytes);
  writer.PutBytes(event.dst_mac.bytes);
  writer.Put(event.policy_version);
  writer.Put(event.list_line);
  writer.PutString(event.rule);
  writer.PutString(event.rule_class);
  writer.PutString(event.severity);
  writer.PutString(event.reason);
  writer.PutString(event.name);
  writer.PutString(event.app);
  return writer.size();
}

size_t Encode(const HealthEvent& event, std::span<uint8_t, kEncodedBytesMax> out) {
  ByteWriter writer(out);
  writer.Put(kHealthVersion);
  writer.Put(event.time.ns);
  writer.Put(event.kind);
  writer.Put(event.boot_id);
  writer.Put(event.value);
  writer.PutString(event.detail);
  return writer.size();
}

base::Result<SessionEvent> DecodeSession(std::span<const uint8_t> bytes) {
  ByteReader reader(bytes);
  if (reader.Take<uint8_t>() != kSessionVersion) return BadEvent("session");
  SessionEvent event;
  event.session_id = reader.Take<uint64_t>();
  event.part = reader.Take<uint32_t>();
  event.revision = reader.Take<uint32_t>();
  event.session_start.ns = reader.TakeInt64();
  event.start.ns = reader.TakeInt64();
  event.end.ns = reader.TakeInt64();
  TakeEnds(reader, event);
  event.state = reader.TakeEnum(SessionState::kClosed);
  event.end_reason = reader.TakeEnum(EndReason::kLost);
  event.vlan_count = reader.Take<uint8_t>();
  if (event.vlan_count > kVlansMax) reader.Fail();
  for (uint16_t& vlan : event.vlans) vlan = reader.Take<uint16_t>();
  reader.TakeInto(event.src_mac.bytes);
  reader.TakeInto(event.dst_mac.bytes);
  event.packets_to_dst = reader.Take<uint64_t>();
  event.packets_to_src = reader.Take<uint64_t>();
  event.bytes_to_dst = reader.Take<uint64_t>();
  event.bytes_to_src = reader.Take<uint64_t>();
  event.tcp_flags = reader.Take<uint8_t>();
  event.name_source = reader.TakeEnum(NameSource::kDnsQuery);
  event.verdict = reader.TakeEnum(Verdict::kWouldReject);
  event.policy_version = reader.Take<uint32_t>();
  event.list_line = reader.Take<uint32_t>();
  event.name = reader.TakeString();
  event.app = reader.TakeString();
  event.category = reader.TakeString();
  event.rule = reader.TakeString();
  if (!reader.ok_and_empty()) return BadEvent("session");
  return event;
}

base::Result<FindingEvent> DecodeFinding(std::span<const uint8_t> bytes) {
  ByteReader reader(bytes);
  if (reader.Take<uint8_t>() != kFindingVersion) return BadEvent("finding");
  FindingEvent event;
  event.time.ns = reader.TakeInt64();
  event.session_id = reader.Take<uint64_t>();
  TakeEnds(reader, event);
  event.name_source = reader.TakeEnum(NameSource::kDnsQuery);
  event.verdict = reader.TakeEnum(Verdict::kWouldReject);
  reader.TakeInto(event.src_mac.bytes);
  reader.TakeInto(event.dst_mac.bytes);
  event.policy_version = reader.Take<uint32_t>();
  event.list_line = reader.Take<uint32_t>();
  event.rule = reader.TakeString();
  event.rule_class = reader.TakeString();
  event.severity = reader.TakeString();
  event.reason = reader.TakeString();
  event.name = reader.TakeString();
  event.app = reader.TakeString();
  if (!reader.ok_and_empty()) return BadEvent("finding");
  return event;
}

base::Result<HealthEvent> DecodeHealth(std::span<const uint8_t> bytes) {
  ByteReader reader(bytes);
  if (reader.Take<uint8_t>() != kHealthVersion) return BadEvent("health");
  HealthEvent event;
  event.time.ns = reader.TakeInt64();
  event.kind = reader.TakeEnum(HealthKind::kRogueDhcp);
  if (event.kind < HealthKind::kStarted) reader.Fail();
  event.boot_id = reader.Take<uint64_t>();
  event.value = reader.Take<uint64_t>();
  event.detail = reader.TakeString();
  if (!reader.ok_and_empty()) return BadEvent("health");
  return event;
}

}  // namespace weir::events

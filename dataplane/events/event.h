// What the data plane tells the control plane: sessions, findings, news of itself; leases are in
// lease_event.h.
//
// A session event is a snapshot, whole in itself: a reader stores the newest revision of
// (session_id, part) and needs none of the earlier ones. So a lost event costs detail and never a
// session, and storing one twice changes nothing (docs/decisions/0003).
//
// Strings are views: into the flow and the policy while a worker encodes, into the frame after
// decoding.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "dataplane/base/ip_address.h"
#include "dataplane/base/mac_address.h"
#include "dataplane/base/result.h"
#include "dataplane/base/time.h"

namespace weir::events {

enum class EventType : uint8_t {
  kSession = 1,
  kFinding = 2,
  kHealth = 3,
  kLease = 4,
};

// What is given up first when the journal is full: a higher number goes earlier.
enum class LossClass : uint8_t {
  // A session announced, named, decided or closed; and a lease, without which sessions would be
  // held to be somebody else's.
  kSession = 0,
  kFinding = 1,  // a hit on a rule with a class
  kHealth = 2,
  kDetail = 3,  // a session refreshed: only counters are newer
};
inline constexpr size_t kLossClasses = 4;
std::string_view LossClassName(LossClass loss_class);  // "session", "finding", "health", "detail"

enum class SessionState : uint8_t { kOpen, kClosed };
enum class EndReason : uint8_t {
  kNone,  // still open
  kFin,
  kRst,
  kIdle,
  kActive,   // a part of a long session; the next part goes on
  kEvicted,  // its place in the flow table was needed
  kShutdown,
  kLost,  // set by control: the data plane ended without a word, `end` is the last time seen
};
enum class Direction : uint8_t { kUnknown, kOutbound, kInbound, kInternal };
enum class NameSource : uint8_t { kNone, kTlsSni, kQuicSni, kHttpHost, kDnsQuery };
enum class Verdict : uint8_t { kPass, kDrop, kReject, kWouldDrop, kWouldReject };

// The words of INTERFACES.md for each value; "" for kNone.
std::string_view SessionStateName(SessionState state);
std::string_view EndReasonName(EndReason reason);
std::string_view DirectionName(Direction direction);
std::string_view NameSourceName(NameSource source);
std::string_view VerdictName(Verdict verdict);
std::string_view ProtocolName(uint8_t ip_protocol);  // tcp udp icmp icmp6 sctp other

inline constexpr size_t kVlansMax = 2;          // kept of a longer stack: the two outermost
inline constexpr size_t kStringBytesMax = 255;  // longer strings are cut when encoded

struct SessionEvent {
  uint64_t session_id = 0;
  uint32_t part = 0;      // 0, 1, 2 … of a session: see docs/formats/session.md
  uint32_t revision = 0;  // grows with every snapshot of this part
  base::WallTime session_start;
  base::WallTime start;  // of this part
  base::WallTime end;    // last packet of this part so far
  base::IpAddress src_ip;
  base::IpAddress dst_ip;
  uint16_t src_port = 0;  // ICMP: type and code in src_port as type << 8 | code, dst_port 0
  uint16_t dst_port = 0;
  uint8_t ip_protocol = 0;
  Direction direction = Direction::kUnknown;
  SessionState state = SessionState::kOpen;
  EndReason end_reason = EndReason::kNone;
  uint8_t vlan_count = 0;
  std::array<uint16_t, kVlansMax> vlans{};
  base::MacAddress src_mac;
  base::MacAddress dst_mac;
  uint64_t packets_to_dst = 0;
  uint64_t packets_to_src = 0;
  uint64_t bytes_to_dst = 0;  // IP bytes
  uint64_t bytes_to_src = 0;
  uint8_t tcp_flags = 0;  // all seen, either way
  NameSource name_source = NameSource::kNone;
  Verdict verdict = Verdict::kPass;
  uint32_t policy_version = 0;
  uint32_t list_line = 0;  // 0: the rule named no list
  std::string_view name;
  std::string_view app;       // nDPI's "TLS.YouTube"
  std::string_view category;  // nDPI's "Web"
  std::string_view rule;      // id; empty: no rule matched
};

// A rule with a class decided a session.
struct FindingEvent {
  base::WallTime time;
  uint64_t session_id = 0;
  base::IpAddress src_ip;
  base::IpAddress dst_ip;
  uint16_t src_port = 0;
  uint16_t dst_port = 0;
  uint8_t ip_protocol = 0;
  Direction direction = Direction::kUnknown;
  NameSource name_source = NameSource::kNone;
  Verdict verdict = Verdict::kPass;
  base::MacAddress src_mac;
  base::MacAddress dst_mac;
  uint32_t policy_version = 0;
  uint32_t list_line = 0;
  std::string_view rule;
  std::string_view rule_class;
  std::string_view severity;
  std::string_view reason;
  std::string_view name;
  std::string_view app;
};

enum class HealthKind : uint8_t {
  kStarted = 1,          // value: 0
  kStopped = 2,          // an orderly end
  kPolicyInstalled = 3,  // value: the version
  kPolicyRefused = 4,    // detail: why
  kEventsLost = 5,       // value: how many since the last such event; detail: the class
  kBypass = 6,           // value: 1 on, 0 off
  // DHCP answers of somebody who is no server, or is not where servers are. value: how many since
  // the last such event; detail: the newest one's address
  kRogueDhcp = 7,
};

std::string_view HealthKindName(HealthKind kind);  // "started", "policy_installed" …

struct HealthEvent {
  base::WallTime time;
  HealthKind kind = HealthKind::kStarted;
  uint64_t boot_id = 0;  // differs for every start of the data plane
  uint64_t value = 0;
  std::string_view detail;
};

// An encoded event is at most this long, so that a worker encodes into a buffer of its own.
inline constexpr size_t kEncodedBytesMax = 2048;

// Writes the event into `out` and returns the bytes used. The format is docs/formats/journal.md.
size_t Encode(const SessionEvent& event, std::span<uint8_t, kEncodedBytesMax> out);
size_t Encode(const FindingEvent& event, std::span<uint8_t, kEncodedBytesMax> out);
size_t Encode(const HealthEvent& event, std::span<uint8_t, kEncodedBytesMax> out);

// The other way. Fails on a length, version or enumerator that the format does not have; the views
// in the result point into `bytes`.
base::Result<SessionEvent> DecodeSession(std::span<const uint8_t> bytes);
base::Result<FindingEvent> DecodeFinding(std::span<const uint8_t> bytes);
base::Result<HealthEvent> DecodeHealth(std::span<const uint8_t> bytes);

// Where a worker puts its events. Never blocks; false when there is no room, and then the sink has
// counted the loss. Called by one worker only.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual bool Push(EventType type, LossClass loss_class, std::span<const uint8_t> encoded) = 0;
};

}  // namespace weir::events

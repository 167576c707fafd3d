#include "control/audit/record_codec.h"

#include <array>

#include "control/audit/bytes.h"

namespace weir::control::audit {
namespace {

constexpr uint8_t kVersion = 1;

const base::Error kDamaged{"a record in the session store is damaged"};

void PutIdentity(std::string& out, const Identity& identity) {
  PutString(out, identity.account);
  if (identity.account.empty()) return;
  PutString(out, identity.group);
  out += static_cast<char>(identity.source);
  out += static_cast<char>(identity.login_time.has_value() ? 1 : 0);
  if (identity.login_time) PutBe(out, SortableTime(identity.login_time->ns));
}

Identity GetIdentity(base::Cursor& in) {
  Identity identity;
  identity.account = GetString(in);
  if (identity.account.empty()) return identity;
  identity.group = GetString(in);
  identity.source = in.U8();
  if (in.U8() != 0) identity.login_time = base::WallTime{TimeFromSortable(in.U64())};
  return identity;
}

// Differences that wrap instead of overflowing: what a damaged clock says is kept as it was said.
int64_t Minus(base::WallTime a, base::WallTime b) {
  return std::bit_cast<int64_t>(std::bit_cast<uint64_t>(a.ns) - std::bit_cast<uint64_t>(b.ns));
}

base::WallTime Plus(base::WallTime a, int64_t ns) {
  return {std::bit_cast<int64_t>(std::bit_cast<uint64_t>(a.ns) + std::bit_cast<uint64_t>(ns))};
}

void PutMac(std::string& out, const base::MacAddress& mac) {
  out.append(reinterpret_cast<const char*>(mac.bytes.data()), mac.bytes.size());
}

base::MacAddress GetMac(base::Cursor& in) {
  base::MacAddress mac;
  const auto bytes = in.Bytes(mac.bytes.size());
  if (in.ok()) std::memcpy(mac.bytes.data(), bytes.data(), bytes.size());
  return mac;
}

template <typename Enum>
uint8_t Bits(Enum value) {
  return static_cast<uint8_t>(value);
}

// An enumerator from its bits; the cursor fails on one that this version does not know.
template <typename Enum>
Enum Checked(base::Cursor& in, unsigned bits, Enum last) {
  if (bits > static_cast<unsigned>(last)) in.Fail();
  return static_cast<Enum>(bits);
}

std::string_view SensorName(base::Cursor& in, const Sensors& sensors) {
  const uint64_t index = GetVarint(in);
  if (index < sensors.size()) return sensors[index];
  in.Fail();
  return {};
}

bool Begins(base::Cursor& in) { return in.U8() == kVersion && in.ok(); }

void PutTraffic(std::string& out, const events::SessionEvent& event) {
  PutVarint(out, event.packets_to_dst);
  PutVarint(out, event.packets_to_src);
  PutVarint(out, event.bytes_to_dst);
  PutVarint(out, event.bytes_to_src);
  out += static_cast<char>(event.tcp_flags);
}

void GetTraffic(base::Cursor& in, events::SessionEvent& event) {
  event.packets_to_dst = GetVarint(in);
  event.packets_to_src = GetVarint(in);
  event.bytes_to_dst = GetVarint(in);
  event.bytes_to_src = GetVarint(in);
  event.tcp_flags = in.U8();
}

void PutLink(std::string& out, const events::SessionEvent& event) {
  out += static_cast<char>(event.vlan_count);
  for (size_t i = 0; i < event.vlan_count; i++) PutBe(out, event.vlans[i]);
  PutMac(out, event.src_mac);
  PutMac(out, event.dst_mac);
}

void GetLink(base::Cursor& in, events::SessionEvent& event) {
  event.vlan_count = in.U8();
  if (event.vlan_count > events::kVlansMax) in.Fail();
  for (size_t i = 0; i < event.vlan_count && in.ok(); i++) event.vlans[i] = in.U16();
  event.src_mac = GetMac(in);
  event.dst_mac = GetMac(in);
}

// First the bits of several enumerators, packed: state 1, end_reason 4 | direction 2, name_source
// 3, verdict 3.
void PutOutcome(std::string& out, const events::SessionEvent& event) {
  out += static_cast<char>(Bits(event.state) | Bits(event.end_reason) << 1);
  out += static_cast<char>(Bits(event.direction) | Bits(event.name_source) << 2 |
                           Bits(event.verdict) << 5);
}

void GetOutcome(base::Cursor& in, events::SessionEvent& event) {
  const unsigned first = in.U8();
  event.state = Checked(in, first & 1, events::SessionState::kClosed);
  event.end_reason = Checked(in, first >> 1, events::EndReason::kLost);
  const unsigned second = in.U8();
  event.direction = Checked(in, second & 3, events::Direction::kInternal);
  event.name_source = Checked(in, (second >> 2) & 7, events::NameSource::kDnsQuery);
  event.verdict = Checked(in, second >> 5, events::Verdict::kWouldReject);
}

}  // namespace

std::string EncodeSession(const SessionRecord& record, uint32_t sensor) {
  const events::SessionEvent& event = record.event;
  std::string out;
  out.reserve(160);
  out += static_cast<char>(kVersion);
  PutOutcome(out, event);
  PutVarint(out, event.revision);
  out += static_cast<char>(event.ip_protocol);
  PutIp(out, PeerIp(event));
  PutBe(out, event.src_port);
  PutBe(out, event.dst_port);
  PutSigned(out, Minus(event.end, event.start));
  PutSigned(out, Minus(event.session_start, event.start));
  PutLink(out, event);
  PutTraffic(out, event);
  PutVarint(out, event.policy_version);
  PutVarint(out, event.list_line);
  PutString(out, event.name);
  PutString(out, event.app);
  PutString(out, event.category);
  PutString(out, event.rule);
  PutIdentity(out, record.identity);
  PutVarint(out, sensor);
  return out;
}

base::Result<SessionRecord> DecodeSession(const RecordKey& key, std::string_view value,
                                          const Sensors& sensors) {
  base::Cursor in(AsBytes(value));
  if (!Begins(in)) return kDamaged;
  SessionRecord record;
  events::SessionEvent& event = record.event;
  event.session_id = key.order.session_id;
  event.part = key.order.part;
  event.start = key.order.start;
  GetOutcome(in, event);
  event.revision = static_cast<uint32_t>(GetVarint(in));
  event.ip_protocol = in.U8();
  const base::IpAddress peer = GetIp(in);
  const bool inbound = event.direction == events::Direction::kInbound;
  event.src_ip = inbound ? peer : key.inside_ip;
  event.dst_ip = inbound ? key.inside_ip : peer;
  event.src_port = in.U16();
  event.dst_port = in.U16();
  event.end = Plus(event.start, GetSigned(in));
  event.session_start = Plus(event.start, GetSigned(in));
  GetLink(in, event);
  GetTraffic(in, event);
  event.policy_version = static_cast<uint32_t>(GetVarint(in));
  event.list_line = static_cast<uint32_t>(GetVarint(in));
  event.name = GetString(in);
  event.app = GetString(in);
  event.category = GetString(in);
  event.rule = GetString(in);
  record.identity = GetIdentity(in);
  record.sensor = SensorName(in, sensors);
  if (!in.ok() || !in.empty()) return kDamaged;
  return record;
}

std::string EncodeFinding(const events::FindingEvent& event, const Identity& identity,
                          uint32_t sensor) {
  std::array<uint8_t, events::kEncodedBytesMax> bytes;
  const size_t used = events::Encode(event, bytes);
  std::string out(1, static_cast<char>(kVersion));
  PutIdentity(out, identity);
  PutVarint(out, sensor);
  return out.append(reinterpret_cast<const char*>(bytes.data()), used);
}

base::Result<SequencedFinding> DecodeFinding(uint64_t seq, std::string_view value,
                                             const Sensors& sensors) {
  base::Cursor in(AsBytes(value));
  if (!Begins(in)) return kDamaged;
  SequencedFinding finding;
  finding.seq = seq;
  finding.identity = GetIdentity(in);
  finding.sensor = SensorName(in, sensors);
  auto event = events::DecodeFinding(in.rest());
  if (!in.ok() || !event.ok()) return kDamaged;
  finding.event = *event;
  return finding;
}

std::string EncodeHealth(const events::HealthEvent& event, uint32_t sensor) {
  std::array<uint8_t, events::kEncodedBytesMax> bytes;
  const size_t used = events::Encode(event, bytes);
  std::string out(1, static_cast<char>(kVersion));
  PutVarint(out, sensor);
  return out.append(reinterpret_cast<const char*>(bytes.data()), used);
}

base::Result<SequencedHealth> DecodeHealth(uint64_t seq, std::string_view value,
                                           const Sensors& sensors) {
  base::Cursor in(AsBytes(value));
  if (!Begins(in)) return kDamaged;
  SequencedHealth health;
  health.seq = seq;
  health.sensor = SensorName(in, sensors);
  auto event = events::DecodeHealth(in.rest());
  if (!in.ok() || !event.ok()) return kDamaged;
  health.event = *event;
  return health;
}

std::string EncodeLogin(const LoginRecord& login) {
  std::string out(1, static_cast<char>(kVersion));
  PutVarint(out, login.login_id);
  PutBe(out, SortableTime(login.login_time.ns));
  out += static_cast<char>(login.logout_time.has_value() ? 1 : 0);
  if (login.logout_time) PutBe(out, SortableTime(login.logout_time->ns));
  PutIp(out, login.ip);
  PutMac(out, login.mac);
  out += static_cast<char>(login.source);
  for (const auto text :
       {login.account, login.nas, login.port, login.room, login.seat, login.cause}) {
    PutString(out, text);
  }
  return out;
}

base::Result<LoginRecord> DecodeLogin(std::string_view value) {
  base::Cursor in(AsBytes(value));
  if (!Begins(in)) return kDamaged;
  LoginRecord login;
  login.login_id = GetVarint(in);
  login.login_time.ns = TimeFromSortable(in.U64());
  if (in.U8() != 0) login.logout_time = base::WallTime{TimeFromSortable(in.U64())};
  login.ip = GetIp(in);
  login.mac = GetMac(in);
  login.source = in.U8();
  for (auto* text :
       {&login.account, &login.nas, &login.port, &login.room, &login.seat, &login.cause}) {
    *text = GetString(in);
  }
  if (!in.ok() || !in.empty()) return kDamaged;
  return login;
}

}  // namespace weir::control::audit

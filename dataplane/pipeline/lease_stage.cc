#include "dataplane/pipeline/lease_stage.h"

#include <arpa/inet.h>

#include <algorithm>

#include "dataplane/base/byte_order.h"
#include "dataplane/base/siphash.h"
#include "dataplane/dhcp/dhcp4.h"
#include "dataplane/dhcp/dhcp6.h"
#include "dataplane/parse/transport_checksum.h"

namespace weir::pipeline {
namespace {

using dhcp::Kind;
using dhcp::Seen;

std::string_view Text(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool IsLinkLocal(const base::IpAddress& address) {
  return address.bytes()[0] == 0xfe && (address.bytes()[1] & 0xc0) == 0x80;
}

bool IsMulticast6(const base::IpAddress& address) { return address.bytes()[0] == 0xff; }

// The interface that the frame is for; zero where that is no one interface, or not known.
base::MacAddress InterfaceOf(const packet::Packet& packet) {
  constexpr size_t kEthernetBytes = 14;
  base::MacAddress mac;
  const packet::Headers& headers = packet.headers;
  if (headers.encapsulated || headers.l3_offset < kEthernetBytes) return mac;
  const bool is_group = (packet.data[0] & 1) != 0;
  if (!is_group) std::copy_n(packet.data, mac.bytes.size(), mac.bytes.begin());
  return mac;
}

}  // namespace

void LeaseStage::Read(const packet::Packet& packet, const Now& now) {
  const packet::Headers& headers = packet.headers;
  // Who builds a tunnel writes what addresses he likes into it, and Weir is no end of it.
  if (headers.note != packet::ParseNote::kComplete || headers.tunnel_depth != 0) return;
  const bool is_v4 = headers.l3 == packet::L3::kIpv4;
  if (is_v4 != dhcp::IsDhcp4Port(headers.dst_port)) return;
  is_v4 ? dhcp::ReadDhcp4(packet.payload(), message_) : dhcp::ReadDhcp6(packet.payload(), message_);
  if (message_.kind == Kind::kMalformed) Count(Seen::kMalformed);
  if (!Believes(packet, now)) return;
  if (parse::CheckUdpChecksum(packet) == parse::ChecksumState::kWrong) {
    return Count(Seen::kBadChecksum);
  }
  Tell(packet, now);
}

bool LeaseStage::IsServer(const base::IpAddress& address) const {
  return std::ranges::any_of(worker_.options.dhcp_servers, [&](const base::IpPrefix& prefix) {
    return prefix.Contains(address);
  });
}

bool LeaseStage::Believes(const packet::Packet& packet, const Now& now) {
  switch (message_.kind) {
    case Kind::kAnswer:
      return BelievesAnswer(packet, now);
    case Kind::kRelease:
      return BelievesRelease(packet);
    case Kind::kAsk:
      Remember(packet);
      break;
    case Kind::kOther:
    case Kind::kMalformed:
      break;
  }
  return false;
}

bool LeaseStage::BelievesAnswer(const packet::Packet& packet, const Now& now) {
  const bool is_server = IsServer(packet.headers.src_ip);
  const bool is_its_side =
      packet.rx_side == packet::Side::kUnknown || packet.rx_side == worker_.options.dhcp_side;
  if (is_server && is_its_side) return true;
  Count(is_server ? Seen::kWrongSide : Seen::kUnknownServer);
  TellRogue(packet, now);
  return false;
}

// From its other side. In IPv6 clients send to the servers' group (RFC 8415 §7.1).
bool LeaseStage::IsToServer(const packet::Packet& packet) const {
  const packet::Headers& headers = packet.headers;
  if (packet.rx_side == worker_.options.dhcp_side) return false;
  return IsServer(headers.dst_ip) ||
         (headers.l3 == packet::L3::kIpv6 && IsMulticast6(headers.dst_ip));
}

// Where the client itself sends it, from the address that it gives back (RFC 2131 §4.4.4).
bool LeaseStage::BelievesRelease(const packet::Packet& packet) const {
  if (!IsToServer(packet)) return false;
  if (packet.headers.l3 == packet::L3::kIpv6 || message_.relayed) return true;
  return message_.lease_count == 1 && message_.leases[0].ip == packet.headers.src_ip;
}

uint64_t LeaseStage::Who() const {
  constexpr size_t kTransactionBytes = 4;
  std::array<uint8_t, kTransactionBytes + dhcp::kClientIdBytesMax> bytes{};
  base::StoreBe(bytes.data(), message_.transaction);
  std::ranges::copy(message_.client_id, bytes.begin() + kTransactionBytes);
  const size_t length = kTransactionBytes + message_.client_id.size();
  return base::KeyedHash(worker_.secret, std::span(bytes).first(length));
}

void LeaseStage::Remember(const packet::Packet& packet) {
  if (!message_.mac_by_relay || message_.client_id.empty() || !IsToServer(packet)) return;
  if (parse::CheckUdpChecksum(packet) == parse::ChecksumState::kWrong) return;
  const uint64_t who = Who();
  asked_[who % kAskedMax] = {who, message_.mac};
}

// The client's, as it is best known.
base::MacAddress LeaseStage::MacOf(const packet::Packet& packet) const {
  if (message_.kind != Kind::kAnswer || message_.mac_by_relay) return message_.mac;
  if (message_.relayed && !message_.client_id.empty()) {
    const uint64_t who = Who();
    const Asked& asked = asked_[who % kAskedMax];
    if (asked.who == who) return asked.mac;
  }
  // Sent to the client's own interface: a DUID may have the address of another one.
  if (!message_.relayed && IsLinkLocal(packet.headers.dst_ip)) {
    if (const auto mac = InterfaceOf(packet); !mac.is_zero()) return mac;
  }
  return message_.mac;
}

void LeaseStage::Tell(const packet::Packet& packet, const Now& now) {
  const packet::Headers& headers = packet.headers;
  const bool is_answer = message_.kind == Kind::kAnswer;
  events::LeaseEvent event;
  event.time = now.wall;
  event.mac = MacOf(packet);
  event.server = is_answer ? headers.src_ip : headers.dst_ip;
  event.relay = message_.relay;
  if (headers.vlan_count != 0) event.vlan = headers.vlans[0];
  event.client_id = Text(message_.client_id);
  event.circuit = Text(message_.circuit);
  event.remote = Text(message_.remote);
  Count(Seen::kTooMany, message_.leases_over);
  for (const dhcp::Lease& lease : message_.told()) {
    if (event.mac.is_zero() && event.client_id.empty()) {
      Count(Seen::kNoClient);
      continue;
    }
    const bool bound = lease.lease_s != 0;
    event.state = bound ? events::LeaseState::kBound : events::LeaseState::kReleased;
    event.ip = lease.ip;
    event.prefix_bits = lease.prefix_bits;
    event.lease_s = lease.lease_s;
    Count(bound ? Seen::kBound : Seen::kReleased);
    const size_t bytes = events::Encode(event, encoded_);
    worker_.sink.Push(events::EventType::kLease, events::LossClass::kSession,
                      {encoded_.data(), bytes});
  }
}

// One in a minute: whoever answers thousands of times is told of as whoever does so once.
void LeaseStage::TellRogue(const packet::Packet& packet, const Now& now) {
  ++rogues_;
  if (now.mono.ns - rogue_told_.ns < kRogueEveryNs) return;
  const packet::Headers& headers = packet.headers;
  std::array<char, INET6_ADDRSTRLEN> text{};
  const bool is_v4 = headers.l3 == packet::L3::kIpv4;
  constexpr size_t kV4At = 12;
  const uint8_t* const address = headers.src_ip.bytes().data();
  ::inet_ntop(is_v4 ? AF_INET : AF_INET6, is_v4 ? address + kV4At : address, text.data(),
              text.size());
  events::HealthEvent event;
  event.time = now.wall;
  event.kind = events::HealthKind::kRogueDhcp;
  event.boot_id = worker_.options.boot_id;
  event.value = rogues_;
  event.detail = text.data();
  const size_t bytes = events::Encode(event, encoded_);
  worker_.sink.Push(events::EventType::kHealth, events::LossClass::kHealth,
                    {encoded_.data(), bytes});
  rogues_ = 0;
  rogue_told_ = now.mono;
}

NamedCounts LeaseCounts(const Counters& counters) {
  NamedCounts counts;
  for (size_t i = 0; i < counters.dhcp.size(); ++i) {
    counts.emplace_back(dhcp::SeenName(static_cast<Seen>(i)), counters.dhcp[i].value());
  }
  return counts;
}

}  // namespace weir::pipeline

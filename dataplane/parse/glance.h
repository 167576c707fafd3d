// A first look at a frame, for what nearly all traffic is made of: TCP and UDP over plain IPv4 or
// IPv6, behind at most two VLAN tags.
//
// Of such a frame it says what Parse() says, at a fraction of the price; of any other (options,
// extension headers, fragments, tunnels and what may be one, lengths that contradict each other,
// frames that a capture cut) it says nothing, and Parse() must be asked. A flow that is decided
// needs no more than this of its packets. tests/unit and tests/fuzz hold the two to the same words.
// Inlined as a whole, so that what is found stays in registers. Any thread; no state.
#pragma once

#include <cstdint>
#include <cstring>

#include "dataplane/base/cursor.h"
#include "dataplane/packet/packet.h"
#include "dataplane/parse/link.h"
#include "dataplane/parse/udp_tunnel.h"

namespace weir::parse {

// Scalars, and no array that is indexed: so it lives in registers.
struct Glance {
  // The bytes of a base::IpAddress as they lie in memory.
  struct Address {
    uint64_t first;
    uint64_t second;
  };

  Address src_ip;
  Address dst_ip;
  uint16_t src_port;
  uint16_t dst_port;
  uint8_t ip_protocol;  // TCP or UDP
  uint8_t tcp_flags;    // 0 for UDP
  uint16_t outer_vlan;  // kNoVlan where there is none
  uint16_t inner_vlan;
  uint16_t payload_offset;  // from the start of the frame
  uint32_t payload_bytes;
  uint32_t ip_bytes;

  static constexpr uint16_t kNoVlan = 0xfff;  // reserved by IEEE 802.1Q, so never on the wire
};

namespace glance {

inline constexpr size_t kEthernetBytes = 14;
inline constexpr size_t kVlanTagBytes = 4;
inline constexpr size_t kIpv4Bytes = 20;
inline constexpr size_t kIpv6Bytes = 40;
inline constexpr size_t kTcpBytes = 20;
inline constexpr size_t kUdpBytes = 8;
// Of a frame that is looked at, without its tags; a whole Ethernet frame has no less.
inline constexpr size_t kFrameBytesMin = kEthernetBytes + kIpv4Bytes + kTcpBytes;

inline uint64_t WordAt(const uint8_t* bytes) {
  uint64_t word;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

// As base::IpAddress::FromV4() has it.
inline Glance::Address Mapped(const uint8_t* bytes) {
  constexpr uint64_t kMappedPrefix = 0xffff0000;
  uint32_t address;
  std::memcpy(&address, bytes, sizeof address);
  return {0, uint64_t{address} << 32 | kMappedPrefix};
}

// `transport`: what the IP header says is its payload, all of it captured. Fills in all that is not
// the network layer's, but for payload_offset, which counts from the transport header on.
[[gnu::always_inline]] inline bool LookAtTransport(std::span<const uint8_t> transport,
                                                   Glance& out) {
  if (transport.size() < kUdpBytes) return false;
  base::Cursor ports(transport.first<kUdpBytes>());
  out.src_port = ports.U16();
  out.dst_port = ports.U16();
  size_t header_bytes = kUdpBytes;
  size_t bytes = transport.size();
  if (out.ip_protocol == packet::ip_protocol::kTcp) {
    if (transport.size() < kTcpBytes) return false;
    constexpr size_t kDataOffsetAt = 12;
    base::Cursor tcp(transport.subspan<kDataOffsetAt, 2>());
    header_bytes = (tcp.U8() >> 4) * 4U;
    out.tcp_flags = tcp.U8();
    if (header_bytes < kTcpBytes || header_bytes > bytes) return false;
  } else if (out.ip_protocol == packet::ip_protocol::kUdp) {
    const size_t claimed = ports.U16();
    if (claimed < kUdpBytes || claimed > bytes) return false;
    if (IsTunnelPort(out.src_port, out.dst_port)) return false;
    out.tcp_flags = 0;
    bytes = claimed;
  } else {
    return false;
  }
  out.payload_offset = static_cast<uint16_t>(header_bytes);
  out.payload_bytes = static_cast<uint32_t>(bytes - header_bytes);
  return true;
}

// `datagram`: from the IP header to the end of what was captured.
[[gnu::always_inline]] inline bool LookAtIpv4(std::span<const uint8_t> datagram, Glance& out) {
  base::Cursor header(datagram.first<kIpv4Bytes>());
  constexpr uint8_t kVersion4Without = 0x45;  // options
  constexpr uint16_t kFragmentBits = 0x3fff;  // more fragments, or an offset
  const bool plain = header.U8() == kVersion4Without;
  header.Skip(1);
  const size_t bytes = header.U16();
  header.Skip(2);
  const bool whole = (header.U16() & kFragmentBits) == 0;
  header.Skip(1);
  out.ip_protocol = header.U8();
  header.Skip(2);
  out.src_ip = Mapped(header.Bytes(4).data());
  out.dst_ip = Mapped(header.Bytes(4).data());
  if (!plain || !whole || bytes > datagram.size() || bytes < kIpv4Bytes) return false;
  out.ip_bytes = static_cast<uint32_t>(bytes);
  return LookAtTransport(datagram.first(bytes).subspan(kIpv4Bytes), out);
}

// `type`: of the tag, then of what is behind it.
[[gnu::always_inline]] inline bool TakeVlanTag(std::span<const uint8_t>& rest, uint16_t& type,
                                               uint16_t& vlan) {
  constexpr uint16_t kVlanIdMask = 0x0fff;
  if (rest.size() < kVlanTagBytes + kIpv4Bytes) return false;
  base::Cursor tag(rest.first<kVlanTagBytes>());
  vlan = tag.U16() & kVlanIdMask;
  type = tag.U16();
  rest = rest.subspan(kVlanTagBytes);
  return true;
}

[[gnu::always_inline]] inline bool LookAtIpv6(std::span<const uint8_t> datagram, Glance& out) {
  if (datagram.size() < kIpv6Bytes) return false;
  base::Cursor header(datagram.first<kIpv6Bytes>());
  const bool is_6 = header.U8() >> 4 == 6;
  header.Skip(3);
  const size_t bytes = kIpv6Bytes + header.U16();
  out.ip_protocol = header.U8();
  header.Skip(1);
  const auto src = header.Bytes(base::IpAddress::kBytes);
  const auto dst = header.Bytes(base::IpAddress::kBytes);
  out.src_ip = {WordAt(src.data()), WordAt(src.data() + 8)};
  out.dst_ip = {WordAt(dst.data()), WordAt(dst.data() + 8)};
  if (!is_6 || bytes > datagram.size()) return false;
  out.ip_bytes = static_cast<uint32_t>(bytes);
  return LookAtTransport(datagram.first(bytes).subspan(kIpv6Bytes), out);
}

}  // namespace glance

// True: `out` says of the frame what Parse() would. False: `out` is of no use.
[[gnu::always_inline]] inline bool LookAt(const packet::Packet& packet, Glance& out) {
  std::span<const uint8_t> rest = packet.frame();
  if (rest.size() < glance::kFrameBytesMin) return false;
  constexpr size_t kTypeAt = 12;
  uint16_t type = base::LoadBe<uint16_t>(rest.data() + kTypeAt);
  rest = rest.subspan(glance::kEthernetBytes);
  out.outer_vlan = out.inner_vlan = Glance::kNoVlan;
  if (IsVlanTag(type)) {
    if (!glance::TakeVlanTag(rest, type, out.outer_vlan)) return false;
    if (IsVlanTag(type) && !glance::TakeVlanTag(rest, type, out.inner_vlan)) return false;
  }
  const auto l3_offset = static_cast<uint16_t>(packet.captured_bytes - rest.size());
  if (type == ether_type::kIpv4) {
    if (!glance::LookAtIpv4(rest, out)) return false;
    out.payload_offset = static_cast<uint16_t>(out.payload_offset + l3_offset + glance::kIpv4Bytes);
    return true;
  }
  if (type != ether_type::kIpv6 || !glance::LookAtIpv6(rest, out)) return false;
  out.payload_offset = static_cast<uint16_t>(out.payload_offset + l3_offset + glance::kIpv6Bytes);
  return true;
}

}  // namespace weir::parse

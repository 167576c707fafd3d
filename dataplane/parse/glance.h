// A first look at a frame, for what nearly all traffic is made of: TCP and UDP over plain IPv4 or
// IPv6, behind at most two VLAN tags.
//
// Of such a frame it says what Parse() says, at a fraction of the price; of any other (options,
// extension headers, fragments, tunnels and what may be one, lengths that contradict each other,
// frames that a capture cut) it says nothing, and Parse() must be asked. A flow that is decided
// needs no more than this of its packets. tests/unit and tests/fuzz hold the two to the same words.
// Inlined as a whole into who uses it, once for each kind of packet, so that what is found stays in
// registers and each kind pays for its own questions only. Any thread; no state.
#pragma once

#include <cstdint>
#include <cstring>

#include "dataplane/base/byte_order.h"
#include "dataplane/packet/packet.h"
#include "dataplane/parse/link.h"
#include "dataplane/parse/udp_tunnel.h"

namespace weir::parse {

// What a flow's key is made of, in the order of a packet. Scalars, and no array that is indexed: so
// they live in registers.
struct Ends {
  // The bytes of a base::IpAddress as they lie in memory.
  struct Address {
    uint64_t first;
    uint64_t second;
  };

  Address src_ip;
  Address dst_ip;
  uint32_t ports;    // the source's in the high half
  uint8_t protocol;  // of IP
  bool is_ipv4;      // known to be: then the first halves of the addresses are 0
  uint32_t vlans;    // as Vlans() packs them

  uint16_t src_port() const { return static_cast<uint16_t>(ports >> 16); }
  uint16_t dst_port() const { return static_cast<uint16_t>(ports); }

  static constexpr uint16_t kNoVlan = 0xfff;  // reserved by IEEE 802.1Q, so never on the wire
  // Two identifiers of 12 bits; kNoVlan where there is none.
  static constexpr uint32_t Vlans(uint16_t outer, uint16_t inner) {
    return uint32_t{outer} << 12 | inner;
  }
};

struct Glance : Ends {  // the protocol is TCP or UDP
  uint8_t tcp_flags;    // 0 for UDP
  const uint8_t* payload;
  uint32_t payload_bytes;
  uint32_t ip_bytes;
};

namespace glance {

inline constexpr uint32_t kEthernetBytes = 14;
inline constexpr uint32_t kVlanTagBytes = 4;
inline constexpr uint32_t kIpv4Bytes = 20;
inline constexpr uint32_t kIpv6Bytes = 40;
inline constexpr uint32_t kTcpBytes = 20;
inline constexpr uint32_t kUdpBytes = 8;
// Of a frame that is looked at, without its tags; a whole Ethernet frame has no less.
inline constexpr uint32_t kFrameBytesMin = kEthernetBytes + kIpv4Bytes + kTcpBytes;

template <typename T>
T Load(const uint8_t* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

// What of a frame is behind its link-layer header; `bytes` were captured of it.
struct Datagram {
  const uint8_t* at;
  uint32_t bytes;
  uint32_t vlans;
};

// `transport_bytes`: what the IP header says is its payload, all of it captured. Completes `seen`.
template <typename Use>
[[gnu::always_inline]] inline bool LookAtTcp(const uint8_t* tcp, int32_t transport_bytes,
                                             Glance& seen, Use use) {
  constexpr size_t kDataOffsetAt = 12;  // in words of 4 bytes, in the high half of the byte
  constexpr size_t kFlagsAt = 13;
  constexpr uint8_t kDataOffsetMin = kTcpBytes / 4 << 4;
  if (transport_bytes < static_cast<int32_t>(kTcpBytes)) return false;
  const uint32_t data_offset = tcp[kDataOffsetAt];
  if (data_offset < kDataOffsetMin) return false;
  const uint32_t header_bytes = data_offset >> 2 & 0x3c;
  if (header_bytes > static_cast<uint32_t>(transport_bytes)) return false;
  seen.protocol = packet::ip_protocol::kTcp;
  seen.tcp_flags = tcp[kFlagsAt];
  seen.payload = tcp + header_bytes;
  seen.payload_bytes = static_cast<uint32_t>(transport_bytes) - header_bytes;
  use(seen);
  return true;
}

template <typename Use>
[[gnu::always_inline]] inline bool LookAtUdp(const uint8_t* udp, int32_t transport_bytes,
                                             Glance& seen, Use use) {
  constexpr size_t kLengthAt = 4;
  if (transport_bytes < static_cast<int32_t>(kUdpBytes)) return false;
  const uint32_t claimed = base::LoadBe<uint16_t>(udp + kLengthAt);
  if (claimed < kUdpBytes || claimed > static_cast<uint32_t>(transport_bytes)) return false;
  if (IsTunnelPort(seen.src_port(), seen.dst_port())) return false;
  seen.protocol = packet::ip_protocol::kUdp;
  seen.tcp_flags = 0;
  seen.payload = udp + kUdpBytes;
  seen.payload_bytes = claimed - kUdpBytes;
  use(seen);
  return true;
}

// At least the ports were captured; `bytes` may be fewer, also less than none.
template <typename Use>
[[gnu::always_inline]] inline bool LookAtTransport(const uint8_t* transport, int32_t bytes,
                                                   uint8_t protocol, Glance& seen, Use use) {
  seen.ports = base::LoadBe<uint32_t>(transport);
  if (protocol == packet::ip_protocol::kTcp) {
    return LookAtTcp(transport, bytes, seen, use);
  }
  return protocol == packet::ip_protocol::kUdp && LookAtUdp(transport, bytes, seen, use);
}

// As base::IpAddress::FromV4() has it.
inline Ends::Address Mapped(const uint8_t* bytes) {
  constexpr uint64_t kMappedPrefix = 0xffff0000;
  return {0, uint64_t{Load<uint32_t>(bytes)} << 32 | kMappedPrefix};
}

// At least kIpv4Bytes and ports were captured (RFC 791 §3.1).
template <typename Use>
[[gnu::always_inline]] inline bool LookAtIpv4(const Datagram& datagram, Use use) {
  constexpr uint8_t kVersion4Without = 0x45;                            // options
  constexpr uint16_t kFragmentBits = base::ByteSwap(uint16_t{0x3fff});  // more of them, an offset
  constexpr size_t kLengthAt = 2, kFragmentAt = 6, kProtocolAt = 9, kSrcAt = 12, kDstAt = 16;
  const uint8_t* const ip = datagram.at;
  if (ip[0] != kVersion4Without) return false;
  if ((Load<uint16_t>(ip + kFragmentAt) & kFragmentBits) != 0) return false;
  const uint32_t bytes = base::LoadBe<uint16_t>(ip + kLengthAt);
  if (bytes > datagram.bytes) return false;
  Glance seen;
  seen.is_ipv4 = true;
  seen.vlans = datagram.vlans;
  seen.ip_bytes = bytes;
  seen.src_ip = Mapped(ip + kSrcAt);
  seen.dst_ip = Mapped(ip + kDstAt);
  const auto transport_bytes = static_cast<int32_t>(bytes - kIpv4Bytes);
  return LookAtTransport(ip + kIpv4Bytes, transport_bytes, ip[kProtocolAt], seen, use);
}

// RFC 8200 §3.
template <typename Use>
[[gnu::always_inline]] inline bool LookAtIpv6(const Datagram& datagram, Use use) {
  constexpr size_t kLengthAt = 4, kNextHeaderAt = 6, kSrcAt = 8, kDstAt = 24;
  if (datagram.bytes < kIpv6Bytes + kUdpBytes) return false;
  const uint8_t* const ip = datagram.at;
  const uint32_t payload_bytes = base::LoadBe<uint16_t>(ip + kLengthAt);
  if (ip[0] >> 4 != 6 || kIpv6Bytes + payload_bytes > datagram.bytes) return false;
  Glance seen;
  seen.is_ipv4 = false;
  seen.vlans = datagram.vlans;
  seen.ip_bytes = kIpv6Bytes + payload_bytes;
  seen.src_ip = {Load<uint64_t>(ip + kSrcAt), Load<uint64_t>(ip + kSrcAt + 8)};
  seen.dst_ip = {Load<uint64_t>(ip + kDstAt), Load<uint64_t>(ip + kDstAt + 8)};
  return LookAtTransport(ip + kIpv6Bytes, static_cast<int32_t>(payload_bytes), ip[kNextHeaderAt],
                         seen, use);
}

// Takes the tags off; `datagram` begins behind the first one's type.
inline uint16_t TakeVlanTags(Datagram& datagram) {
  constexpr uint16_t kVlanIdMask = 0x0fff;
  uint16_t inner = Ends::kNoVlan;
  const auto take = [&](uint16_t& vlan) {
    vlan = base::LoadBe<uint16_t>(datagram.at) & kVlanIdMask;
    const auto type = base::LoadBe<uint16_t>(datagram.at + 2);
    datagram.at += kVlanTagBytes;
    datagram.bytes -= kVlanTagBytes;
    return type;
  };
  uint16_t outer;
  uint16_t type = take(outer);
  if (IsVlanTag(type)) type = take(inner);
  datagram.vlans = Ends::Vlans(outer, inner);
  return type;
}
static_assert(kFrameBytesMin >= kEthernetBytes + 2 * kVlanTagBytes + kIpv4Bytes + sizeof(uint32_t));

}  // namespace glance

namespace glance {

template <typename Use>
[[gnu::always_inline]] inline bool LookAtDatagram(const Datagram& datagram, uint16_t type,
                                                  Use use) {
  if (type == ether_type::kIpv4) return LookAtIpv4(datagram, use);
  return type == ether_type::kIpv6 && LookAtIpv6(datagram, use);
}

// Apart, so that frames without tags know at once where everything is.
template <typename Use>
[[gnu::noinline]] bool LookBehindTags(Datagram datagram, Use use) {
  const uint16_t type = TakeVlanTags(datagram);
  return LookAtDatagram(datagram, type, use);
}

}  // namespace glance

// True: `use` was called with a Glance that says of the frame what Parse() would. False: Parse()
// must be asked. `use` goes by value, so that what it captures need not be in memory: two words at
// most stay in registers everywhere.
template <typename Use>
[[gnu::always_inline]] inline bool LookAt(const packet::Packet& packet, Use use) {
  constexpr size_t kTypeAt = 12;
  if (packet.captured_bytes < glance::kFrameBytesMin) return false;
  const auto type = base::LoadBe<uint16_t>(packet.data + kTypeAt);
  glance::Datagram datagram;
  datagram.at = packet.data + glance::kEthernetBytes;
  datagram.bytes = packet.captured_bytes - glance::kEthernetBytes;
  datagram.vlans = Ends::Vlans(Ends::kNoVlan, Ends::kNoVlan);
  if (type == ether_type::kIpv4) return glance::LookAtIpv4(datagram, use);
  if (IsVlanTag(type)) return glance::LookBehindTags(datagram, use);
  return type == ether_type::kIpv6 && glance::LookAtIpv6(datagram, use);
}

}  // namespace weir::parse

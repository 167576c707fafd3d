// What makes two packets one flow: both endpoints, the protocol, and the VLANs they travel in.
//
// Endpoints are sorted, so both directions have the same key. 40 bytes, compared and hashed as
// words.
#pragma once

#include <smmintrin.h>

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "dataplane/base/byte_order.h"
#include "dataplane/base/ip_address.h"
#include "dataplane/packet/packet.h"
#include "dataplane/parse/glance.h"

namespace weir::flow {

// Which of the two sorted endpoints sent a packet.
enum class Endpoint : uint8_t { kLow = 0, kHigh = 1 };

inline Endpoint Other(Endpoint endpoint) {
  return endpoint == Endpoint::kLow ? Endpoint::kHigh : Endpoint::kLow;
}

struct FlowKey {
  static constexpr uint16_t kNoVlan = 0xfff;  // reserved by IEEE 802.1Q, so never on the wire

  std::array<std::array<uint8_t, 16>, 2> ip;
  std::array<uint16_t, 2> port;
  uint8_t protocol;
  std::array<uint8_t, 3> vlans;  // two 12-bit identifiers, outermost first

  // Without a branch for each word: they are mostly equal.
  bool operator==(const FlowKey& other) const {
    const auto differing = [&](size_t half) {
      __m128i a;
      __m128i b;
      std::memcpy(&a, ip[half].data(), sizeof a);
      std::memcpy(&b, other.ip[half].data(), sizeof b);
      return _mm_xor_si128(a, b);
    };
    uint64_t a;
    uint64_t b;
    std::memcpy(&a, port.data(), sizeof a);
    std::memcpy(&b, other.port.data(), sizeof b);
    const __m128i addresses = _mm_or_si128(differing(0), differing(1));
    return _mm_testz_si128(addresses, addresses) != 0 && a == b;
  }

  std::array<uint16_t, 2> VlanIds() const {
    return {static_cast<uint16_t>(vlans[0] << 4 | vlans[1] >> 4),
            static_cast<uint16_t>((vlans[1] & 0x0f) << 8 | vlans[2])};
  }
};
static_assert(sizeof(FlowKey) == 40);

struct KeyAndSender {
  FlowKey key;
  Endpoint sender;
};

// What a key is made of, in the order of a packet. Addresses as their bytes lie in memory.
struct Ends {
  using Address = std::array<uint64_t, 2>;

  Address src_ip;
  Address dst_ip;
  uint16_t src_port;
  uint16_t dst_port;
  uint8_t protocol;
  uint16_t outer_vlan;  // kNoVlan where there is none
  uint16_t inner_vlan;
};

// The order of endpoints: by address, as numbers in network order, then by port.
inline bool SourceIsLow(const Ends& ends) {
  __extension__ using Wide = unsigned __int128;
  const auto number = [](const Ends::Address& ip) {
    return Wide{base::ByteSwap(ip[0])} << 64 | base::ByteSwap(ip[1]);
  };
  const Wide src = number(ends.src_ip);
  const Wide dst = number(ends.dst_ip);
  return src < dst || (src == dst && ends.src_port <= ends.dst_port);
}

// Inline and in whole words, as every packet pays for it.
inline KeyAndSender MakeKey(const Ends& ends) {
  const bool src_is_low = SourceIsLow(ends);
  const Ends::Address& low = src_is_low ? ends.src_ip : ends.dst_ip;
  const Ends::Address& high = src_is_low ? ends.dst_ip : ends.src_ip;
  const uint64_t low_port = src_is_low ? ends.src_port : ends.dst_port;
  const uint64_t high_port = src_is_low ? ends.dst_port : ends.src_port;
  const uint32_t vlans = uint32_t{ends.outer_vlan} << 12 | ends.inner_vlan;
  const uint64_t vlan_bytes = base::ByteSwap(vlans) >> 8;
  const std::array<uint64_t, 5> words = {
      low[0], low[1], high[0], high[1],
      low_port | high_port << 16 | uint64_t{ends.protocol} << 32 | vlan_bytes << 40};
  return {std::bit_cast<FlowKey>(words), src_is_low ? Endpoint::kLow : Endpoint::kHigh};
}

// For a packet with l3 != kNone. `src_port` and `dst_port` may differ from the packet's own where a
// later fragment belongs to a flow that its first fragment named.
inline KeyAndSender MakeKey(const packet::Headers& headers, uint16_t src_port, uint16_t dst_port) {
  Ends ends;
  std::memcpy(ends.src_ip.data(), headers.src_ip.bytes().data(), sizeof ends.src_ip);
  std::memcpy(ends.dst_ip.data(), headers.dst_ip.bytes().data(), sizeof ends.dst_ip);
  ends.src_port = src_port;
  ends.dst_port = dst_port;
  ends.protocol = headers.ip_protocol;
  ends.outer_vlan = headers.vlan_count > 0 ? headers.vlans[0] : FlowKey::kNoVlan;
  ends.inner_vlan = headers.vlan_count > 1 ? headers.vlans[1] : FlowKey::kNoVlan;
  return MakeKey(ends);
}

// The same key, of a frame that a glance was enough for.
inline KeyAndSender MakeKey(const parse::Glance& glance) {
  Ends ends;
  ends.src_ip = glance.src_ip;
  ends.dst_ip = glance.dst_ip;
  ends.src_port = glance.src_port;
  ends.dst_port = glance.dst_port;
  ends.protocol = glance.ip_protocol;
  ends.outer_vlan = glance.vlan_count > 0 ? glance.vlans[0] : FlowKey::kNoVlan;
  ends.inner_vlan = glance.vlan_count > 1 ? glance.vlans[1] : FlowKey::kNoVlan;
  return MakeKey(ends);
}

}  // namespace weir::flow

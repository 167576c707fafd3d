// What makes two packets one flow: both endpoints, the protocol, and the VLANs they travel in.
//
// Endpoints are sorted, so both directions have the same key. 40 bytes, compared and hashed as
// words.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "dataplane/base/byte_order.h"
#include "dataplane/base/ip_address.h"
#include "dataplane/packet/packet.h"

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

  bool operator==(const FlowKey& other) const {
    std::array<uint64_t, 5> a;
    std::array<uint64_t, 5> b;
    std::memcpy(a.data(), this, sizeof a);
    std::memcpy(b.data(), &other, sizeof b);
    // Without a branch for each word: they are mostly equal.
    return ((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3]) | (a[4] ^ b[4])) == 0;
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

// The order of endpoints: by address, as numbers in network order, then by port.
inline bool IsLower(const std::array<uint8_t, 16>& a, uint16_t a_port,
                    const std::array<uint8_t, 16>& b, uint16_t b_port) {
  __extension__ using Wide = unsigned __int128;
  const auto number = [](const std::array<uint8_t, 16>& ip) {
    return Wide{base::LoadBe<uint64_t>(ip.data())} << 64 | base::LoadBe<uint64_t>(&ip[8]);
  };
  const Wide a_number = number(a);
  const Wide b_number = number(b);
  return a_number < b_number || (a_number == b_number && a_port <= b_port);
}

// For a packet with l3 != kNone. `src_port` and `dst_port` may differ from the packet's own where a
// later fragment belongs to a flow that its first fragment named.
inline KeyAndSender MakeKey(const packet::Headers& headers, uint16_t src_port, uint16_t dst_port) {
  KeyAndSender out;
  const auto& src = headers.src_ip.bytes();
  const auto& dst = headers.dst_ip.bytes();
  const bool src_is_low = IsLower(src, src_port, dst, dst_port);
  out.sender = src_is_low ? Endpoint::kLow : Endpoint::kHigh;
  const size_t src_at = src_is_low ? 0 : 1;
  out.key.ip[src_at] = src;
  out.key.ip[1 - src_at] = dst;
  out.key.port[src_at] = src_port;
  out.key.port[1 - src_at] = dst_port;
  out.key.protocol = headers.ip_protocol;
  const uint16_t outer = headers.vlan_count > 0 ? headers.vlans[0] : FlowKey::kNoVlan;
  const uint16_t inner = headers.vlan_count > 1 ? headers.vlans[1] : FlowKey::kNoVlan;
  out.key.vlans = {static_cast<uint8_t>(outer >> 4),
                   static_cast<uint8_t>((outer & 0x0f) << 4 | inner >> 8),
                   static_cast<uint8_t>(inner & 0xff)};
  return out;
}

}  // namespace weir::flow

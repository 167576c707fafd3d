// What makes two packets one flow: both endpoints, the protocol, and the VLANs they travel in.
//
// Endpoints are sorted, so both directions have the same key. 40 bytes, compared and hashed as
// words.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "dataplane/base/ip_address.h"
#include "dataplane/base/siphash.h"
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
    return std::memcmp(this, &other, sizeof *this) == 0;
  }

  uint64_t Hash(const base::HashKey& secret) const {
    std::array<uint64_t, 5> words;
    std::memcpy(words.data(), this, sizeof words);
    base::SipHash13 hash(secret);
    for (const uint64_t word : words) hash.Add(word);
    return hash.Finish();
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

// For a packet with l3 != kNone. `src_port` and `dst_port` may differ from the packet's own where a
// later fragment belongs to a flow that its first fragment named.
inline KeyAndSender MakeKey(const packet::Headers& headers, uint16_t src_port, uint16_t dst_port) {
  KeyAndSender out;
  const auto& src = headers.src_ip.bytes();
  const auto& dst = headers.dst_ip.bytes();
  const int order = std::memcmp(src.data(), dst.data(), src.size());
  const bool src_is_low = order != 0 ? order < 0 : src_port <= dst_port;
  out.sender = src_is_low ? Endpoint::kLow : Endpoint::kHigh;
  out.key.ip = src_is_low ? std::array{src, dst} : std::array{dst, src};
  out.key.port = src_is_low ? std::array{src_port, dst_port} : std::array{dst_port, src_port};
  out.key.protocol = headers.ip_protocol;
  const uint16_t outer = headers.vlan_count > 0 ? headers.vlans[0] : FlowKey::kNoVlan;
  const uint16_t inner = headers.vlan_count > 1 ? headers.vlans[1] : FlowKey::kNoVlan;
  out.key.vlans = {static_cast<uint8_t>(outer >> 4),
                   static_cast<uint8_t>((outer & 0x0f) << 4 | inner >> 8),
                   static_cast<uint8_t>(inner & 0xff)};
  return out;
}

}  // namespace weir::flow

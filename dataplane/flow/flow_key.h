// What makes two packets one flow: both endpoints, the protocol, and the VLANs they travel in.
//
// Endpoints are sorted, so both directions have the same key. 40 bytes, compared and hashed as
// words.
#pragma once

#include <x86intrin.h>

#include <array>
#include <cstddef>
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
  static constexpr uint16_t kNoVlan = parse::Glance::kNoVlan;

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

// A key as words, each as it lies in memory. Scalars, so that it is made and hashed in registers.
struct KeyWords {
  uint64_t low_first;
  uint64_t low_second;
  uint64_t high_first;
  uint64_t high_second;
  uint64_t rest;

  KeyWords() = default;
  explicit KeyWords(const FlowKey& key) { std::memcpy(this, &key, sizeof key); }
  // Word by word: a copy of the whole would wait for its halves to be written.
  void StoreTo(FlowKey& key) const {
    auto* const bytes = static_cast<std::byte*>(static_cast<void*>(&key));
    std::memcpy(bytes, &low_first, 8);
    std::memcpy(bytes + 8, &low_second, 8);
    std::memcpy(bytes + 16, &high_first, 8);
    std::memcpy(bytes + 24, &high_second, 8);
    std::memcpy(bytes + 32, &rest, 8);
  }
};
static_assert(sizeof(KeyWords) == sizeof(FlowKey));

// What a key is made of, in the order of a packet.
struct Ends {
  parse::Glance::Address src_ip;
  parse::Glance::Address dst_ip;
  uint16_t src_port;
  uint16_t dst_port;
  uint8_t protocol;
  uint16_t outer_vlan;  // kNoVlan where there is none
  uint16_t inner_vlan;
};

// The order of endpoints: by address, as numbers in network order, then by port. One long number is
// subtracted from the other; there is no branch, as nobody could foretell it.
inline bool SourceIsLow(const Ends& ends) {
  const auto minus = [](unsigned char borrow, uint64_t a, uint64_t b) {
    unsigned long long unused;
    return _subborrow_u64(borrow, a, b, &unused);
  };
  unsigned char borrow = ends.dst_port < ends.src_port ? 1 : 0;
  borrow = minus(borrow, base::ByteSwap(ends.dst_ip.second), base::ByteSwap(ends.src_ip.second));
  borrow = minus(borrow, base::ByteSwap(ends.dst_ip.first), base::ByteSwap(ends.src_ip.first));
  return borrow == 0;
}

// Inline and in whole words, as every packet pays for it; again without a branch.
inline KeyWords WordsOf(const Ends& ends, Endpoint sender) {
  const uint64_t src_is_low = sender == Endpoint::kLow ? ~uint64_t{0} : 0;
  const uint64_t src_port = ends.src_port;
  const uint64_t ports_differ = src_port ^ ends.dst_port;
  const uint64_t first_differs = ends.src_ip.first ^ ends.dst_ip.first;
  const uint64_t second_differs = ends.src_ip.second ^ ends.dst_ip.second;
  KeyWords words;
  words.low_first = ends.dst_ip.first ^ (first_differs & src_is_low);
  words.low_second = ends.dst_ip.second ^ (second_differs & src_is_low);
  words.high_first = words.low_first ^ first_differs;
  words.high_second = words.low_second ^ second_differs;
  const uint64_t low_port = ends.dst_port ^ (ports_differ & src_is_low);
  const uint64_t high_port = low_port ^ ports_differ;
  const uint32_t vlans = uint32_t{ends.outer_vlan} << 12 | ends.inner_vlan;
  const uint64_t vlan_bytes = base::ByteSwap(vlans) >> 8;
  words.rest = low_port | high_port << 16 | uint64_t{ends.protocol} << 32 | vlan_bytes << 40;
  return words;
}

inline KeyAndSender MakeKey(const Ends& ends) {
  KeyAndSender made;
  made.sender = SourceIsLow(ends) ? Endpoint::kLow : Endpoint::kHigh;
  WordsOf(ends, made.sender).StoreTo(made.key);
  return made;
}

// For a packet with l3 != kNone. `src_port` and `dst_port` may differ from the packet's own where a
// later fragment belongs to a flow that its first fragment named.
inline KeyAndSender MakeKey(const packet::Headers& headers, uint16_t src_port, uint16_t dst_port) {
  Ends ends;
  std::memcpy(&ends.src_ip, headers.src_ip.bytes().data(), sizeof ends.src_ip);
  std::memcpy(&ends.dst_ip, headers.dst_ip.bytes().data(), sizeof ends.dst_ip);
  ends.src_port = src_port;
  ends.dst_port = dst_port;
  ends.protocol = headers.ip_protocol;
  ends.outer_vlan = headers.vlan_count > 0 ? headers.vlans[0] : FlowKey::kNoVlan;
  ends.inner_vlan = headers.vlan_count > 1 ? headers.vlans[1] : FlowKey::kNoVlan;
  return MakeKey(ends);
}

// The same of a frame that a glance was enough for.
inline Ends EndsOf(const parse::Glance& glance) {
  return {glance.src_ip,      glance.dst_ip,     glance.src_port,  glance.dst_port,
          glance.ip_protocol, glance.outer_vlan, glance.inner_vlan};
}
inline KeyAndSender MakeKey(const parse::Glance& glance) { return MakeKey(EndsOf(glance)); }

}  // namespace weir::flow

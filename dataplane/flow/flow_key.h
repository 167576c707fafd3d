// What makes two packets one flow: both endpoints, the protocol, and the VLANs they travel in.
//
// Endpoints are sorted, so both directions have the same key. 40 bytes, compared and hashed as
// words.
#pragma once

#include <x86intrin.h>

#include <array>
#include <bit>
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
  static constexpr uint16_t kNoVlan = parse::Ends::kNoVlan;

  std::array<std::array<uint8_t, 16>, 2> ip;
  std::array<uint16_t, 2> port;
  uint8_t protocol;
  std::array<uint8_t, 3> vlans;  // Ends::Vlans(), lowest byte first

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

  std::array<uint16_t, 2> VlanIds() const {  // outermost first
    const auto inner = static_cast<uint16_t>((vlans[1] & 0x0f) << 8 | vlans[0]);
    return {static_cast<uint16_t>(vlans[2] << 4 | vlans[1] >> 4), inner};
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

using parse::Ends;

// All ones where the source is the high end, else 0. The order of ends: by address, as numbers in
// network order, then by port. One long number is subtracted from the other; there is no branch,
// as nobody could foretell it.
[[gnu::always_inline]] inline uint64_t SourceIsHigh(const Ends& ends) {
  const auto minus = [](unsigned char borrow, uint64_t a, uint64_t b) {
    unsigned long long unused;
    return _subborrow_u64(borrow, a, b, &unused);
  };
  const uint32_t src_port = ends.ports >> 16;
  unsigned char borrow = (ends.ports & 0xffff) < src_port ? 1 : 0;
  borrow = minus(borrow, base::ByteSwap(ends.dst_ip.second), base::ByteSwap(ends.src_ip.second));
  if (!ends.is_ipv4) {
    borrow = minus(borrow, base::ByteSwap(ends.dst_ip.first), base::ByteSwap(ends.src_ip.first));
  }
  uint64_t mask = 0 - uint64_t{borrow};
  asm("" : "+r"(mask));  // The compiler, who sees that there are only two, would make a branch.
  return mask;
}

// Inline and in whole words, as every packet pays for it; again without a branch.
[[gnu::always_inline]] inline KeyWords WordsOf(const Ends& ends, uint64_t src_is_high) {
  const uint64_t first_differs = ends.src_ip.first ^ ends.dst_ip.first;
  const uint64_t second_differs = ends.src_ip.second ^ ends.dst_ip.second;
  const uint32_t swapped_ports = std::rotl(ends.ports, 16);
  const uint64_t ports = swapped_ports ^ ((ends.ports ^ swapped_ports) & src_is_high);
  KeyWords words;
  words.low_first = ends.src_ip.first ^ (first_differs & src_is_high);
  words.low_second = ends.src_ip.second ^ (second_differs & src_is_high);
  words.high_first = words.low_first ^ first_differs;
  words.high_second = words.low_second ^ second_differs;
  words.rest = ports | uint64_t{ends.protocol} << 32 | uint64_t{ends.vlans} << 40;
  return words;
}

// Of SourceIsHigh()'s two.
inline Endpoint SenderOf(uint64_t src_is_high) { return static_cast<Endpoint>(src_is_high & 1); }

inline KeyAndSender MakeKey(const Ends& ends) {
  const uint64_t src_is_high = SourceIsHigh(ends);
  KeyAndSender made;
  made.sender = SenderOf(src_is_high);
  WordsOf(ends, src_is_high).StoreTo(made.key);
  return made;
}

// For a packet with l3 != kNone. `src_port` and `dst_port` may differ from the packet's own where a
// later fragment belongs to a flow that its first fragment named.
inline KeyAndSender MakeKey(const packet::Headers& headers, uint16_t src_port, uint16_t dst_port) {
  Ends ends;
  std::memcpy(&ends.src_ip, headers.src_ip.bytes().data(), sizeof ends.src_ip);
  std::memcpy(&ends.dst_ip, headers.dst_ip.bytes().data(), sizeof ends.dst_ip);
  ends.ports = uint32_t{src_port} << 16 | dst_port;
  ends.protocol = headers.ip_protocol;
  ends.is_ipv4 = false;
  const uint16_t outer = headers.vlan_count > 0 ? headers.vlans[0] : FlowKey::kNoVlan;
  const uint16_t inner = headers.vlan_count > 1 ? headers.vlans[1] : FlowKey::kNoVlan;
  ends.vlans = Ends::Vlans(outer, inner);
  return MakeKey(ends);
}

}  // namespace weir::flow

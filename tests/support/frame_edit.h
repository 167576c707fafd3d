// What a network, or somebody in it, does to a frame that PacketBuilder made: tags, pieces, hops.
//
// For untagged Ethernet frames that hold IPv4 without options or IPv6 without extension headers.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tests/support/packet_builder.h"

namespace weir::testing {

inline constexpr size_t kEthernetBytes = 14;

struct VlanTag {
  uint16_t type = 0x8100;
  uint16_t id = 1;
};

// Outermost tag first.
Bytes WithVlans(const Bytes& frame, std::span<const VlanTag> tags);

// Of the IP header: 20 or 40.
size_t IpHeaderBytes(const Bytes& frame);

// The datagram in pieces that begin at these offsets of its payload: 0 first, ascending, multiples
// of 8 within the payload. One offset makes one piece that is a fragment all the same in IPv6
// (RFC 6946).
std::vector<Bytes> Fragments(const Bytes& frame, std::span<const uint32_t> offsets, uint32_t id);

// One piece of a datagram: these bytes at this offset behind the header of `frame`.
struct Piece {
  uint32_t offset_bytes = 0;
  bool more = false;
  std::span<const uint8_t> bytes;
};
Bytes Fragment(const Bytes& frame, const Piece& piece, uint32_t id);

bool IsFragment(const Bytes& frame);

void SetIpv4Id(Bytes& frame, uint16_t id);  // nothing for IPv6
void SetHops(Bytes& frame, uint8_t hops);   // TTL or hop limit
// The TCP or UDP checksum becomes a wrong one that is not zero.
void SpoilTransportChecksum(Bytes& frame);

}  // namespace weir::testing

// Are the checksums of a TCP segment or UDP datagram and of its IP header right? (RFC 9293 §3.1,
// RFC 768, RFC 8200 §8.1, RFC 791 §3.1.)
#pragma once

#include "dataplane/packet/packet.h"

namespace weir::parse {

enum class ChecksumState : uint8_t {
  kRight,
  kWrong,
  kUnknown,  // a capture cut the segment, it is a fragment, or of another protocol
};

// For a packet that Parse() has seen.
ChecksumState CheckTcpChecksum(const packet::Packet& packet);
// Over IPv4 a datagram without a checksum is right.
ChecksumState CheckUdpChecksum(const packet::Packet& packet);

// Of the innermost IP header, of a packet that Parse() found complete; a wrong one stops every
// router (RFC 1812 §5.2.2). IPv6 has none: true.
bool Ipv4HeaderChecksumIsRight(const packet::Packet& packet);

}  // namespace weir::parse

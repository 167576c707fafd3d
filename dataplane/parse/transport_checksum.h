// Is the checksum of a TCP segment right? (RFC 9293 §3.1, RFC 8200 §8.1.)
#pragma once

#include "dataplane/packet/packet.h"

namespace weir::parse {

enum class ChecksumState : uint8_t {
  kRight,
  kWrong,
  kUnknown,  // a capture cut the segment, it is a fragment, or it is no TCP
};

// For a packet that Parse() has seen.
ChecksumState CheckTcpChecksum(const packet::Packet& packet);

}  // namespace weir::parse

// A packet as nDPI may see it: in memory of our own, under an IP header that Weir wrote.
//
// nDPI's own walk over options and extension headers, its trust in lengths, and its reads a few
// bytes past the end are where its known faults lie. So it gets neither the original bytes nor
// their neighbours: the transport header and payload are copied behind a plain IPv4 or IPv6 header
// with the right lengths, and what follows is zero up to the end of the buffer.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/packet/packet.h"

namespace weir::classify {

class CleanPacket {
 public:
  CleanPacket();

  // The IP packet for nDPI, valid until the next call; empty when there is nothing to show: no
  // transport part, a later fragment, a header that is cut.
  std::span<const uint8_t> Write(const packet::Packet& packet);

 private:
  size_t WriteIpv4(const packet::Packet& packet, std::span<const uint8_t> transport);
  size_t WriteIpv6(const packet::Packet& packet, std::span<const uint8_t> transport);

  std::vector<uint8_t> buffer_;
  size_t bytes_ = 0;  // used by the packet before; all behind it is zero
};

}  // namespace weir::classify

// Traffic for benchmarks: the frames of any number of flows, made on the spot from the flow's
// number.
//
// A flow's addresses, ports and IP version follow from its number and the seed alone, so ten
// million flows need no memory, and what the pipeline is shown lies in the cache as it does after a
// network card's DMA. One flow in five is IPv6. Checksums are right.
#pragma once

#include <cstdint>
#include <span>

#include "tests/bench/frames.h"

namespace weir::bench {

class FlowMaker {
 public:
  explicit FlowMaker(uint64_t seed) : seed_(seed) {}

  // A frame of flow `number`, from its client or from its server.
  void Tcp(uint64_t number, bool from_client, const TcpSegment& segment, Frame& out) const {
    WriteTcp(EndsOf(number), from_client, segment, out);
  }
  void Udp(uint64_t number, bool from_client, std::span<const uint8_t> payload, Frame& out) const {
    WriteUdp(EndsOf(number), from_client, payload, out);
  }
  // Of an established flow: see WriteUnchecked.
  void Data(uint64_t number, bool from_client, uint16_t payload_bytes, Frame& out) const {
    WriteUnchecked(EndsOf(number), from_client, payload_bytes, out);
  }
  Ends EndsOf(uint64_t number) const;

 private:
  uint64_t seed_;
};

// Sizes of payload as they come on a campus's link: many acknowledgements, many full segments, the
// rest between (the simple IMIX of RFC 6985, less headers).
uint16_t MixedPayloadBytes(uint64_t random);

// splitmix64: a number for a number.
uint64_t Scramble(uint64_t value);

}  // namespace weir::bench

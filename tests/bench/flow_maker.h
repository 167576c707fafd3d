// Traffic for benchmarks: the frames of any number of flows, made on the spot from the flow's
// number.
//
// A flow's addresses, ports and IP version follow from its number and the seed alone, so ten
// million flows need no memory, and what the pipeline is shown lies in the cache as it does after a
// network card's DMA. One flow in five is IPv6. Checksums are right.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/packet/packet.h"

namespace weir::bench {

inline constexpr size_t kFrameBytesMax = 1600;

struct Frame {
  std::array<uint8_t, kFrameBytesMax> bytes;
  uint16_t size = 0;
  packet::Side side = packet::Side::kInside;

  void FillIn(packet::Packet& packet, base::MonoTime now);
};

struct TcpSegment {
  uint8_t flags = packet::tcp_flag::kAck;
  uint32_t seq = 1;  // of the sender
  uint32_t ack = 1;
  std::span<const uint8_t> payload;
};

class FlowMaker {
 public:
  explicit FlowMaker(uint64_t seed) : seed_(seed) {}

  // A frame of flow `number`, from its client or from its server.
  void Tcp(uint64_t number, bool from_client, const TcpSegment& segment, Frame& out) const;
  void Udp(uint64_t number, bool from_client, std::span<const uint8_t> payload, Frame& out) const;
  // A segment of an established flow with `payload_bytes` of zeros, whose checksum is not filled
  // in: nobody looks at that of a flow whose name is known.
  void Data(uint64_t number, bool from_client, uint16_t payload_bytes, Frame& out) const;

 private:
  struct Ends;
  Ends EndsOf(uint64_t number) const;
  static uint8_t* WriteIp(const Ends& ends, bool from_client, uint8_t protocol,
                          size_t transport_bytes, Frame& out);
  static void WriteTcp(const Ends& ends, bool from_client, const TcpSegment& segment, uint8_t* at);

  uint64_t seed_;
};

// Sizes of payload as they come on a campus's link: many acknowledgements, many full segments, the
// rest between (the simple IMIX of RFC 6985, less headers).
uint16_t MixedPayloadBytes(uint64_t random);

// splitmix64: a number for a number.
uint64_t Scramble(uint64_t value);

}  // namespace weir::bench

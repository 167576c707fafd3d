// One frame on its way through the pipeline, and what the stages have found out about it.
//
// A batch owns its packets. Stages fill in and mark; only the pipeline's caller sends or frees. The
// bytes belong to the port (an mbuf) or to the capture reader, and stay where they are.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "dataplane/base/ip_address.h"
#include "dataplane/base/mac_address.h"
#include "dataplane/base/time.h"

namespace weir::packet {

inline constexpr size_t kBatchMax = 32;
inline constexpr uint16_t kNoOffset = 0xffff;

// The port a frame came in by; a capture without --inside does not know.
enum class Side : uint8_t { kUnknown, kInside, kOutside };

enum class Action : uint8_t { kForward, kDrop };

// Why a packet was dropped; each is a counter weir_dropped_packets_total{reason}.
enum class DropReason : uint8_t {
  kNone,
  kPolicy,     // a rule says drop
  kRejected,   // a rule says reject
  kTableFull,  // no room for its flow, and [fail] says closed
  kTransmit,   // the port took no more
  kStream,     // bytes that conflict with what was seen, out of window, or a bad checksum
  kFragment,   // an illegal, overlapping or never completed datagram
  kTooDeep,    // more layers than Weir follows, and [parse] too_deep says drop
  kCount,
};
std::string_view DropReasonName(DropReason reason);

enum class L3 : uint8_t { kNone, kIpv4, kIpv6 };

// Why an IP packet has no transport header to look at. Such a packet still belongs to a session of
// its addresses (ports 0) where the IP header is whole.
enum class ParseNote : uint8_t {
  kComplete,
  kNotIp,
  kTruncatedIp,         // the IP header is cut or contradicts itself: no session
  kTruncatedTransport,  // the transport header is cut
  kLaterFragment,
  kUnknownTransport,
  kNeighborDiscovery,  // the link's own talk, RFC 4861: no session, as ARP has none
  kCount,
};
std::string_view ParseNoteName(ParseNote note);

// What parse found: the innermost IP datagram, and what it travels in. Offsets are from the start
// of the frame; kNoOffset where there is none.
struct Headers {
  ParseNote note = ParseNote::kNotIp;
  L3 l3 = L3::kNone;
  uint8_t ip_protocol = 0;  // after IPv6 extension headers
  uint8_t tcp_flags = 0;
  uint8_t vlan_count = 0;           // the frame's whole stack, also beyond `vlans`
  std::array<uint16_t, 2> vlans{};  // outermost first, the 12-bit identifiers; of the frame itself
  uint8_t tunnel_depth = 0;         // IP layers around this one: Packet::outers
  bool too_deep = false;            // there is more behind it that was not read
  bool encapsulated = false;        // in tunnels, MPLS or PPPoE: more than VLAN tags is before it
  bool is_fragment = false;         // any part of a fragmented datagram
  bool more_fragments = false;
  uint16_t fragment_offset_bytes = 0;
  uint32_t fragment_id = 0;
  uint16_t l3_offset = kNoOffset;
  uint16_t l4_offset = kNoOffset;
  uint16_t payload_offset = kNoOffset;
  uint32_t ip_bytes = 0;  // length of the datagram by its header, never more than was on the wire
  uint32_t wire_ip_bytes = 0;  // that of the outermost datagram: what a session counts
  uint32_t payload_bytes = 0;  // transport payload captured, without link-layer padding
  uint16_t src_port = 0;       // ICMP: type << 8 | code
  uint16_t dst_port = 0;
  uint32_t tcp_seq = 0;
  uint32_t tcp_ack = 0;
  uint16_t tcp_window = 0;
  base::IpAddress src_ip;
  base::IpAddress dst_ip;
};

// An IP layer around the one that Headers describe.
struct OuterLayer {
  base::IpAddress src_ip;
  base::IpAddress dst_ip;
  uint16_t src_port = 0;  // of the UDP that carries a tunnel, else 0
  uint16_t dst_port = 0;
  uint8_t ip_protocol = 0;
};
inline constexpr uint8_t kTunnelDepthMax = 4;

// IANA's protocol numbers that Weir knows by name.
namespace ip_protocol {
inline constexpr uint8_t kIcmp = 1, kTcp = 6, kUdp = 17, kIcmp6 = 58, kSctp = 132, kUdpLite = 136;
inline constexpr uint8_t kIpv4 = 4, kIpv6 = 41, kGre = 47, kMpls = 137;  // tunnels
inline constexpr uint8_t kAuthentication = 51, kNoNextHeader = 59;
}  // namespace ip_protocol

namespace tcp_flag {
inline constexpr uint8_t kFin = 0x01, kSyn = 0x02, kRst = 0x04, kPsh = 0x08, kAck = 0x10;
}

// Begins a connection, or answers such a beginning (RFC 9293 §3.5).
constexpr bool IsFirstSyn(const Headers& headers) {
  return (headers.tcp_flags & (tcp_flag::kSyn | tcp_flag::kAck)) == tcp_flag::kSyn;
}
constexpr bool IsSynAck(const Headers& headers) {
  constexpr uint8_t kBoth = tcp_flag::kSyn | tcp_flag::kAck;
  return (headers.tcp_flags & kBoth) == kBoth;
}

// The stages touch its first two cache lines only, but for what came in tunnels.
struct alignas(64) Packet {
  uint8_t* data = nullptr;
  uint32_t captured_bytes = 0;  // at `data`
  uint32_t wire_bytes = 0;      // more than captured_bytes where a capture cut the frame
  Side rx_side = Side::kUnknown;
  Action action = Action::kForward;
  DropReason drop_reason = DropReason::kNone;
  base::MonoTime time;
  void* buffer = nullptr;  // the port's own handle
  Headers headers;
  // Outermost first, headers.tunnel_depth of them. Apart from the headers, as those are cleared for
  // every packet and tunnels are rare.
  std::array<OuterLayer, kTunnelDepthMax> outers;

  std::span<const OuterLayer> around() const { return {outers.data(), headers.tunnel_depth}; }
  // Puts all that is around `carrier` around this packet too, which was taken out of it. Beyond
  // kTunnelDepthMax layers the innermost are forgotten: headers.too_deep.
  void TakenOutOf(const Packet& carrier);
  std::span<const uint8_t> frame() const { return {data, captured_bytes}; }
  std::span<const uint8_t> payload() const {
    if (headers.payload_offset == kNoOffset) return {};
    return {data + headers.payload_offset, headers.payload_bytes};
  }
  void Drop(DropReason reason) {
    action = Action::kDrop;
    drop_reason = reason;
  }
};

// Up to 32 frames that arrived together: enough for memory to be on its way while others are worked
// on, few enough for the first cache, also where a driver has just copied them there. All of a
// burst share one clock reading; a capture gives each frame its own.
struct Batch {
  std::array<Packet, kBatchMax> packets;
  size_t count = 0;

  std::span<Packet> filled() { return {packets.data(), count}; }
};

}  // namespace weir::packet

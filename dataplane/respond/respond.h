// What Weir says when it refuses: TCP resets, a last segment in a server's name, datagrams in a
// server's name, and ICMP "administratively prohibited".
//
// An answer is built from the packet that is refused: its link header and addresses, turned around
// where the answer goes back. Whether an answer is due at all, where in a stream it stands and how
// long it may be is the caller's to say. Worker's thread.
#pragma once

#include <optional>
#include <span>

#include "dataplane/packet/packet.h"
#include "dataplane/respond/frame_builder.h"
#include "dataplane/respond/outbox.h"

namespace weir::respond {

// False for what nothing may answer (RFC 1122 §3.2.2, RFC 4443 §2.4(e), RFC 9293 §3.10.7): resets
// and ICMP, fragments, groups and addresses that are nobody's at either end, and packets whose
// checksums are wrong, which their receiver would not have read either. A capture that cut the
// packet is believed.
bool MayBeAnswered(const packet::Packet& packet);

// Nothing before the IP header but Ethernet and VLAN tags, which go back as they came.
bool CanBeTurnedAround(const packet::Packet& packet);

struct TcpTimestamps {
  uint32_t value = 0;
  uint32_t echo = 0;
};
// The timestamps option (RFC 7323 §3), if the segment carries one.
std::optional<TcpTimestamps> ReadTcpTimestamps(const packet::Packet& packet);

// Where a segment of Weir's stands.
struct TcpPlace {
  uint32_t seq = 0;
  uint32_t ack = 0;
};

// RST and ACK. False: no frame, the packet is no TCP segment or its headers are too long.
bool Reset(const packet::Packet& packet, Towards towards, const TcpPlace& place, OutFrame& out);

// The last segment of a connection, PSH, ACK and FIN, to the packet's sender in the name of the
// other end; with `timestamps` where the connection uses them, as a receiver may drop a segment
// without (RFC 7323 §3.2).
struct TcpReply {
  TcpPlace place;
  std::optional<TcpTimestamps> timestamps;
  std::span<const uint8_t> payload;
};
bool Reply(const packet::Packet& packet, const TcpReply& reply, OutFrame& out);

// A datagram to the sender of a UDP packet in the name of the other end.
bool ReplyDatagram(const packet::Packet& packet, std::span<const uint8_t> payload, OutFrame& out);

// ICMP type 3 code 13 (RFC 1812 §5.2.7.1) or ICMPv6 type 1 code 1 (RFC 4443 §3.1) to the sender,
// quoting as much of the packet as keeps the answer no longer than it. False when that is less than
// the IP header and eight bytes.
bool Prohibit(const packet::Packet& packet, OutFrame& out);

// Bytes of the frame's IP datagram when it carries so much in TCP (with timestamps or without).
size_t TcpDatagramBytes(const packet::Packet& packet, bool timestamps, size_t payload_bytes);

}  // namespace weir::respond

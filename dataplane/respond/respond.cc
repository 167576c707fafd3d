#include "dataplane/respond/respond.h"

#include <algorithm>

#include "dataplane/base/byte_order.h"
#include "dataplane/base/cursor.h"

namespace weir::respond {
namespace {

using packet::ip_protocol::kIcmp;
using packet::ip_protocol::kIcmp6;
using packet::ip_protocol::kTcp;
using packet::ip_protocol::kUdp;
using packet::tcp_flag::kAck;
using packet::tcp_flag::kFin;
using packet::tcp_flag::kPsh;
using packet::tcp_flag::kRst;

constexpr size_t kEthernetBytes = 14;
constexpr size_t kVlanTagBytes = 4;
constexpr size_t kMacBytes = 6;
constexpr size_t kIpv4Bytes = 20;
constexpr size_t kIpv6Bytes = 40;
constexpr size_t kTcpBytes = 20;
constexpr size_t kTimestampsBytes = 12;  // with two bytes of padding before
constexpr size_t kUdpBytes = 8;
constexpr size_t kIcmpBytes = 8;
constexpr size_t kQuotedTransportBytes = 8;
constexpr uint16_t kReplyWindow = 0xffff;

bool IsTcp(const packet::Packet& packet) {
  return packet.headers.ip_protocol == kTcp && packet.headers.note == packet::ParseNote::kComplete;
}

// An address that one host may have and others may send to.
bool IsOrdinary(const base::IpAddress& address, packet::L3 l3) {
  const auto& bytes = address.bytes();
  if (l3 == packet::L3::kIpv4) {
    return bytes[12] != 0 && bytes[12] != 127 && bytes[12] < 224;
  }
  // :: and ::1 and, on this wire, mapped IPv4 belong to nobody; ff00::/8 to many.
  const bool low = std::all_of(bytes.begin(), bytes.begin() + 10, [](uint8_t b) { return b == 0; });
  return !low && bytes[0] != 0xff;
}

// RFC 1071 §1: over the whole with the checksum in it, the sum is zero. A neighbour whose network
// card does the sum, as between virtual machines, may show it unfinished.
bool IsTransportSumRight(const packet::Packet& packet, std::span<const uint8_t> transport,
                         size_t checksum_at) {
  const uint8_t protocol = packet.headers.ip_protocol;
  if (PseudoChecksum(packet, Towards::kReceiver, protocol, transport) == 0) return true;
  return base::LoadBe<uint16_t>(transport.data() + checksum_at) ==
         UnfinishedChecksum(packet, protocol, transport.size());
}

bool ChecksumsAreRight(const packet::Packet& packet) {
  const packet::Headers& headers = packet.headers;
  const size_t transport_at = headers.l4_offset;
  const size_t header_bytes = transport_at - headers.l3_offset;
  if (headers.l3 == packet::L3::kIpv4 &&
      Checksum(packet.frame().subspan(headers.l3_offset, header_bytes)) != 0) {
    return false;
  }
  const size_t datagram_end = size_t{headers.l3_offset} + headers.ip_bytes;
  if (datagram_end > packet.captured_bytes) return true;
  if (headers.ip_protocol == kTcp) {
    const auto segment = packet.frame().subspan(transport_at, headers.ip_bytes - header_bytes);
    return IsTransportSumRight(packet, segment, 16);
  }
  if (headers.ip_protocol != kUdp) return true;
  const auto datagram = packet.frame().subspan(transport_at, kUdpBytes + headers.payload_bytes);
  const bool without = base::LoadBe<uint16_t>(datagram.data() + 6) == 0;
  if (without) return headers.l3 == packet::L3::kIpv4;  // RFC 768; RFC 8200 §8.1
  return IsTransportSumRight(packet, datagram, 6);
}

struct TcpHead {
  TcpPlace place;
  uint8_t flags = 0;
  uint16_t window = 0;
};

void WriteTcpHead(const packet::Headers& of, Towards towards, const TcpHead& head,
                  std::span<uint8_t> tcp) {
  const bool back = towards == Towards::kSender;
  std::fill_n(tcp.begin(), kTcpBytes, uint8_t{0});
  base::StoreBe(tcp.data(), back ? of.dst_port : of.src_port);
  base::StoreBe(tcp.data() + 2, back ? of.src_port : of.dst_port);
  base::StoreBe(tcp.data() + 4, head.place.seq);
  base::StoreBe(tcp.data() + 8, head.place.ack);
  tcp[12] = (kTcpBytes / 4) << 4;
  tcp[13] = head.flags;
  base::StoreBe(tcp.data() + 14, head.window);
}

}  // namespace

bool MayBeAnswered(const packet::Packet& packet) {
  const packet::Headers& headers = packet.headers;
  if (headers.is_fragment || headers.l3 == packet::L3::kNone) return false;
  if (headers.note != packet::ParseNote::kComplete &&
      headers.note != packet::ParseNote::kUnknownTransport) {
    return false;
  }
  // What stands for a fragment without its bytes has no frame either.
  if (headers.l4_offset > packet.captured_bytes) return false;
  if (headers.ip_protocol == kIcmp || headers.ip_protocol == kIcmp6) return false;
  if (headers.ip_protocol == kTcp && (headers.tcp_flags & kRst) != 0) return false;
  const bool group = (packet.data[0] & 1) != 0 || (packet.data[kMacBytes] & 1) != 0;
  return !group && IsOrdinary(headers.src_ip, headers.l3) &&
         IsOrdinary(headers.dst_ip, headers.l3) && ChecksumsAreRight(packet);
}

bool CanBeTurnedAround(const packet::Packet& packet) {
  const packet::Headers& headers = packet.headers;
  // Of a datagram put together from fragments only the flag knows what they came in.
  return !headers.encapsulated &&
         headers.l3_offset == kEthernetBytes + kVlanTagBytes * headers.vlan_count;
}

std::optional<TcpTimestamps> ReadTcpTimestamps(const packet::Packet& packet) {
  const packet::Headers& headers = packet.headers;
  if (!IsTcp(packet) || headers.payload_offset == packet::kNoOffset) return std::nullopt;
  const size_t from = headers.l4_offset + kTcpBytes;
  if (headers.payload_offset <= from || headers.payload_offset > packet.captured_bytes) {
    return std::nullopt;
  }
  base::Cursor options(packet.frame().subspan(from, headers.payload_offset - from));
  constexpr uint8_t kEnd = 0, kNothing = 1, kTimestamps = 8;
  while (!options.empty()) {
    const uint8_t kind = options.U8();
    if (kind == kEnd) break;
    if (kind == kNothing) continue;
    const uint8_t bytes = options.U8();
    if (bytes < 2) break;
    if (kind == kTimestamps && bytes == 10) {
      const TcpTimestamps found{options.U32(), options.U32()};
      return options.ok() ? std::optional(found) : std::nullopt;
    }
    options.Skip(bytes - size_t{2});
  }
  return std::nullopt;
}

bool Reset(const packet::Packet& packet, Towards towards, const TcpPlace& place, OutFrame& out) {
  if (!IsTcp(packet)) return false;
  const auto tcp = BuildHeaders(packet, towards, kTcp, kTcpBytes, out);
  if (tcp.empty()) return false;
  WriteTcpHead(packet.headers, towards, {place, kRst | kAck, 0}, tcp);
  base::StoreBe(tcp.data() + 16, PseudoChecksum(packet, towards, kTcp, tcp));
  return true;
}

bool Reply(const packet::Packet& packet, const TcpReply& reply, OutFrame& out) {
  if (!IsTcp(packet)) return false;
  const size_t head_bytes = kTcpBytes + (reply.timestamps.has_value() ? kTimestampsBytes : 0);
  const auto tcp =
      BuildHeaders(packet, Towards::kSender, kTcp, head_bytes + reply.payload.size(), out);
  if (tcp.empty()) return false;
  WriteTcpHead(packet.headers, Towards::kSender, {reply.place, kPsh | kAck | kFin, kReplyWindow},
               tcp);
  tcp[12] = static_cast<uint8_t>(head_bytes / 4 << 4);
  if (reply.timestamps.has_value()) {
    constexpr std::array<uint8_t, 4> kNothingTwiceThenTimestamps = {1, 1, 8, 10};
    std::ranges::copy(kNothingTwiceThenTimestamps, tcp.begin() + kTcpBytes);
    base::StoreBe(tcp.data() + kTcpBytes + 4, reply.timestamps->value);
    base::StoreBe(tcp.data() + kTcpBytes + 8, reply.timestamps->echo);
  }
  std::ranges::copy(reply.payload, tcp.begin() + static_cast<ptrdiff_t>(head_bytes));
  base::StoreBe(tcp.data() + 16, PseudoChecksum(packet, Towards::kSender, kTcp, tcp));
  return true;
}

bool ReplyDatagram(const packet::Packet& packet, std::span<const uint8_t> payload, OutFrame& out) {
  const packet::Headers& headers = packet.headers;
  if (headers.ip_protocol != kUdp) return false;
  const size_t bytes = kUdpBytes + payload.size();
  const auto udp = BuildHeaders(packet, Towards::kSender, kUdp, bytes, out);
  if (udp.empty()) return false;
  base::StoreBe(udp.data(), headers.dst_port);
  base::StoreBe(udp.data() + 2, headers.src_port);
  base::StoreBe(udp.data() + 4, static_cast<uint16_t>(bytes));
  base::StoreBe(udp.data() + 6, uint16_t{0});
  std::ranges::copy(payload, udp.begin() + kUdpBytes);
  const uint16_t checksum = PseudoChecksum(packet, Towards::kSender, kUdp, udp);
  base::StoreBe(udp.data() + 6, checksum == 0 ? uint16_t{0xffff} : checksum);  // RFC 768
  return true;
}

bool Prohibit(const packet::Packet& packet, OutFrame& out) {
  const packet::Headers& headers = packet.headers;
  const bool v4 = headers.l3 == packet::L3::kIpv4;
  const size_t quoted_min = headers.l4_offset - headers.l3_offset + kQuotedTransportBytes;
  const size_t overhead = (v4 ? kIpv4Bytes : kIpv6Bytes) + kIcmpBytes;
  const size_t captured = packet.captured_bytes - headers.l3_offset;
  // RFC 1812 §4.3.2.3 and RFC 4443 §2.4(c) would allow more; for a socket this is enough.
  constexpr size_t kQuotedMax = 192;
  if (headers.ip_bytes < overhead + quoted_min || quoted_min > kQuotedMax) return false;
  const size_t quoted = std::min({size_t{headers.ip_bytes} - overhead, captured, kQuotedMax});
  if (quoted < quoted_min) return false;

  const uint8_t protocol = v4 ? kIcmp : kIcmp6;
  const auto icmp = BuildHeaders(packet, Towards::kSender, protocol, kIcmpBytes + quoted, out);
  if (icmp.empty()) return false;
  std::fill_n(icmp.begin(), kIcmpBytes, uint8_t{0});
  icmp[0] = v4 ? 3 : 1;
  icmp[1] = v4 ? 13 : 1;
  std::copy_n(packet.data + headers.l3_offset, quoted, icmp.data() + kIcmpBytes);
  const uint16_t checksum =
      v4 ? Checksum(icmp) : PseudoChecksum(packet, Towards::kSender, protocol, icmp);
  base::StoreBe(icmp.data() + 2, checksum);
  return true;
}

size_t TcpDatagramBytes(const packet::Packet& packet, bool timestamps, size_t payload_bytes) {
  const size_t ip_bytes = packet.headers.l3 == packet::L3::kIpv4 ? kIpv4Bytes : kIpv6Bytes;
  return ip_bytes + kTcpBytes + (timestamps ? kTimestampsBytes : 0) + payload_bytes;
}

}  // namespace weir::respond

#include "dataplane/respond/respond.h"

#include <algorithm>

#include "dataplane/base/byte_order.h"
#include "dataplane/respond/frame_builder.h"

namespace weir::respond {
namespace {

using packet::ip_protocol::kIcmp;
using packet::ip_protocol::kIcmp6;
using packet::ip_protocol::kTcp;
using packet::tcp_flag::kAck;
using packet::tcp_flag::kFin;
using packet::tcp_flag::kRst;
using packet::tcp_flag::kSyn;

constexpr size_t kTcpBytes = 20;
constexpr size_t kIcmpBytes = 8;
constexpr size_t kQuotedTransportBytes = 8;

bool IsTcp(const packet::Packet& packet) {
  return packet.headers.ip_protocol == kTcp &&
         packet.headers.note == packet::ParseNote::kComplete &&
         (packet.headers.tcp_flags & kRst) == 0;
}

struct Reset {
  uint16_t src_port;
  uint16_t dst_port;
  uint32_t seq;
  uint32_t ack;
};

bool BuildReset(const packet::Packet& packet, Towards towards, const Reset& reset, OutFrame& out) {
  const auto tcp = BuildHeaders(packet, towards, kTcp, kTcpBytes, out);
  if (tcp.empty()) return false;
  std::ranges::fill(tcp, uint8_t{0});
  base::StoreBe(tcp.data(), reset.src_port);
  base::StoreBe(tcp.data() + 2, reset.dst_port);
  base::StoreBe(tcp.data() + 4, reset.seq);
  base::StoreBe(tcp.data() + 8, reset.ack);
  tcp[12] = (kTcpBytes / 4) << 4;
  tcp[13] = kRst | kAck;
  base::StoreBe(tcp.data() + 16, PseudoChecksum(packet, towards, kTcp, tcp));
  return true;
}

// RFC 1122 §3.2.2 and RFC 4443 §2.4(e): no error about an error, a fragment, or a multicast.
bool MayBeAnswered(const packet::Packet& packet) {
  const packet::Headers& headers = packet.headers;
  if (headers.is_fragment || headers.l3 == packet::L3::kNone) return false;
  if (headers.ip_protocol == kIcmp || headers.ip_protocol == kIcmp6) return false;
  if ((packet.data[0] & 1) != 0) return false;  // link-layer group address
  const auto& dst = headers.dst_ip.bytes();
  const bool multicast = headers.l3 == packet::L3::kIpv4 ? dst[12] >= 224 : dst[0] == 0xff;
  return !multicast && !headers.src_ip.is_unspecified();
}

}  // namespace

bool ResetSender(const packet::Packet& packet, OutFrame& out) {
  const packet::Headers& headers = packet.headers;
  if (!IsTcp(packet)) return false;
  const uint32_t virtual_bytes =
      ((headers.tcp_flags & kSyn) != 0 ? 1U : 0U) + ((headers.tcp_flags & kFin) != 0 ? 1U : 0U);
  const Reset reset{headers.dst_port, headers.src_port, headers.tcp_ack,
                    headers.tcp_seq + headers.payload_bytes + virtual_bytes};
  return BuildReset(packet, Towards::kSender, reset, out);
}

bool ResetReceiver(const packet::Packet& packet, OutFrame& out) {
  const packet::Headers& headers = packet.headers;
  if (!IsTcp(packet)) return false;
  const Reset reset{headers.src_port, headers.dst_port, headers.tcp_seq, headers.tcp_ack};
  return BuildReset(packet, Towards::kReceiver, reset, out);
}

bool Prohibit(const packet::Packet& packet, OutFrame& out) {
  const packet::Headers& headers = packet.headers;
  if (!MayBeAnswered(packet)) return false;
  const bool v4 = headers.l3 == packet::L3::kIpv4;
  const size_t ip_bytes = v4 ? 20 : 40;
  const size_t quoted_min = headers.l4_offset - headers.l3_offset + kQuotedTransportBytes;
  const size_t overhead = ip_bytes + kIcmpBytes;
  const size_t captured = packet.captured_bytes - headers.l3_offset;
  const size_t room = out.data.size() - headers.l3_offset;
  if (room < overhead + quoted_min || headers.ip_bytes < overhead + quoted_min) return false;
  const size_t quoted = std::min({size_t{headers.ip_bytes} - overhead, captured, room - overhead});
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

}  // namespace weir::respond

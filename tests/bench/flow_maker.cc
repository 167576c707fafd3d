#include "tests/bench/flow_maker.h"

#include <algorithm>
#include <cstring>

#include "dataplane/base/byte_order.h"
#include "dataplane/base/checksum.h"

namespace weir::bench {
namespace {

constexpr size_t kEthernetBytes = 14;
constexpr size_t kTcpBytes = 20;
constexpr size_t kUdpBytes = 8;
constexpr uint16_t kHttps = 443;

// The transport checksum, with the pseudo header's part (RFC 9293 §3.1, RFC 8200 §8.1).
uint16_t TransportChecksum(std::span<const uint8_t> addresses, uint8_t protocol,
                           std::span<const uint8_t> transport) {
  uint64_t sum = base::AddToSum(0, addresses);
  sum += base::ByteSwap(static_cast<uint32_t>(transport.size()));
  sum += base::ByteSwap(uint32_t{protocol});
  return static_cast<uint16_t>(~base::FoldSum(base::AddToSum(sum, transport)));
}

}  // namespace

struct FlowMaker::Ends {
  bool v6 = false;
  std::array<uint8_t, 16> client{};  // IPv4 in the first four bytes
  std::array<uint8_t, 16> server{};
  uint16_t client_port = 0;

  size_t address_bytes() const { return v6 ? 16 : 4; }
};

uint64_t Scramble(uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

uint16_t MixedPayloadBytes(uint64_t random) {
  const uint64_t twelfth = random % 12;
  if (twelfth < 7) return 0;
  return twelfth < 11 ? 536 : 1400;
}

void Frame::FillIn(packet::Packet& packet, base::MonoTime now) {
  packet.data = bytes.data();
  packet.captured_bytes = packet.wire_bytes = size;
  packet.rx_side = side;
  packet.action = packet::Action::kForward;
  packet.drop_reason = packet::DropReason::kNone;
  packet.time = now;
}

FlowMaker::Ends FlowMaker::EndsOf(uint64_t number) const {
  Ends ends;
  const uint64_t random = Scramble(number ^ seed_);
  ends.v6 = random % 5 == 0;
  // The number itself is in port and address, so that no two flows are one.
  ends.client_port = static_cast<uint16_t>(1024 + number % 60000);
  const auto client = static_cast<uint32_t>(number / 60000);
  const auto server = static_cast<uint32_t>(random >> 32);
  if (ends.v6) {
    constexpr std::array<uint8_t, 4> kDocumentation = {0x20, 0x01, 0x0d, 0xb8};  // RFC 3849
    std::ranges::copy(kDocumentation, ends.client.begin());
    std::ranges::copy(kDocumentation, ends.server.begin());
    ends.server[4] = 1;
    base::StoreBe(&ends.client[12], client);
    base::StoreBe(&ends.server[12], server);
  } else {
    base::StoreBe(&ends.client[0], uint32_t{10U << 24} | (client & 0xffffff));
    base::StoreBe(&ends.server[0], uint32_t{100U << 24} | (server & 0xffffff));
  }
  return ends;
}

uint8_t* FlowMaker::WriteIp(const Ends& ends, bool from_client, uint8_t protocol,
                            size_t transport_bytes, Frame& out) {
  uint8_t* at = out.bytes.data();
  const size_t ip_bytes = ends.v6 ? 40 : 20;
  out.size = static_cast<uint16_t>(kEthernetBytes + ip_bytes + transport_bytes);
  out.side = from_client ? packet::Side::kInside : packet::Side::kOutside;
  std::fill_n(at, kEthernetBytes + ip_bytes, uint8_t{0});
  at[0] = at[6] = 0x02;  // locally administered
  at[from_client ? 5 : 11] = 1;
  base::StoreBe(at + 12, uint16_t{ends.v6 ? uint16_t{0x86dd} : uint16_t{0x0800}});
  uint8_t* ip = at + kEthernetBytes;
  const auto& src = from_client ? ends.client : ends.server;
  const auto& dst = from_client ? ends.server : ends.client;
  if (ends.v6) {
    ip[0] = 0x60;
    base::StoreBe(ip + 4, static_cast<uint16_t>(transport_bytes));
    ip[6] = protocol;
    ip[7] = 64;
  } else {
    ip[0] = 0x45;
    base::StoreBe(ip + 2, static_cast<uint16_t>(ip_bytes + transport_bytes));
    ip[6] = 0x40;  // do not fragment
    ip[8] = 64;
    ip[9] = protocol;
  }
  uint8_t* addresses = ip + ip_bytes - 2 * ends.address_bytes();
  std::copy_n(src.begin(), ends.address_bytes(), addresses);
  std::copy_n(dst.begin(), ends.address_bytes(), addresses + ends.address_bytes());
  if (!ends.v6) {
    const auto sum = static_cast<uint16_t>(~base::FoldSum(base::AddToSum(0, {ip, ip_bytes})));
    std::memcpy(ip + 10, &sum, sizeof sum);
  }
  return ip + ip_bytes;
}

void FlowMaker::WriteTcp(const Ends& ends, bool from_client, const TcpSegment& segment,
                         uint8_t* at) {
  std::fill_n(at, kTcpBytes, uint8_t{0});
  base::StoreBe(at, from_client ? ends.client_port : kHttps);
  base::StoreBe(at + 2, from_client ? kHttps : ends.client_port);
  base::StoreBe(at + 4, segment.seq);
  base::StoreBe(at + 8, segment.ack);
  at[12] = 0x50;
  at[13] = segment.flags;
  base::StoreBe(at + 14, uint16_t{65535});
}

void FlowMaker::Tcp(uint64_t number, bool from_client, const TcpSegment& segment,
                    Frame& out) const {
  const Ends ends = EndsOf(number);
  const size_t bytes = kTcpBytes + segment.payload.size();
  uint8_t* at = WriteIp(ends, from_client, packet::ip_protocol::kTcp, bytes, out);
  WriteTcp(ends, from_client, segment, at);
  std::ranges::copy(segment.payload, at + kTcpBytes);
  const size_t both = 2 * ends.address_bytes();
  const uint16_t checksum =
      TransportChecksum({at - both, both}, packet::ip_protocol::kTcp, {at, bytes});
  std::memcpy(at + 16, &checksum, sizeof checksum);
}

void FlowMaker::Udp(uint64_t number, bool from_client, std::span<const uint8_t> payload,
                    Frame& out) const {
  const Ends ends = EndsOf(number);
  const size_t bytes = kUdpBytes + payload.size();
  uint8_t* at = WriteIp(ends, from_client, packet::ip_protocol::kUdp, bytes, out);
  base::StoreBe(at, from_client ? ends.client_port : kHttps);
  base::StoreBe(at + 2, from_client ? kHttps : ends.client_port);
  base::StoreBe(at + 4, static_cast<uint16_t>(bytes));
  std::fill_n(at + 6, 2, uint8_t{0});
  std::ranges::copy(payload, at + kUdpBytes);
  const size_t both = 2 * ends.address_bytes();
  uint16_t checksum = TransportChecksum({at - both, both}, packet::ip_protocol::kUdp, {at, bytes});
  if (checksum == 0) checksum = 0xffff;  // RFC 768: zero says that there is none
  std::memcpy(at + 6, &checksum, sizeof checksum);
}

void FlowMaker::Data(uint64_t number, bool from_client, uint16_t payload_bytes, Frame& out) const {
  const Ends ends = EndsOf(number);
  const size_t bytes = kTcpBytes + payload_bytes;
  uint8_t* at = WriteIp(ends, from_client, packet::ip_protocol::kTcp, bytes, out);
  WriteTcp(ends, from_client, {.seq = 5000, .ack = 5000, .payload = {}}, at);
}

}  // namespace weir::bench

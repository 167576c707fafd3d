#include "tests/bench/frames.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "dataplane/base/byte_order.h"
#include "dataplane/base/checksum.h"

namespace weir::bench {
namespace {

constexpr size_t kEthernetBytes = 14;
constexpr size_t kTagBytes = 4;
constexpr size_t kIpv4Bytes = 20;
constexpr size_t kTcpBytes = 20;
constexpr size_t kUdpBytes = 8;
constexpr size_t kPingBytes = 64;
constexpr size_t kFirstFragmentBytes = 1480;
constexpr uint8_t kEchoRequest = 8;
constexpr uint8_t kEcho6Request = 128;  // RFC 4443 §4.1; the answer is the next number
constexpr uint16_t kDontFragment = 0x4000;
constexpr uint16_t kMoreFragments = 0x2000;

struct Ip {
  uint8_t protocol = 0;
  size_t payload_bytes = 0;
  uint16_t id = 0;
  uint16_t flags_and_offset = kDontFragment;  // IPv4
};

// The transport checksum, with the pseudo header's part (RFC 9293 §3.1, RFC 8200 §8.1).
uint16_t TransportChecksum(std::span<const uint8_t> addresses, uint8_t protocol,
                           std::span<const uint8_t> transport) {
  uint64_t sum = base::AddToSum(0, addresses);
  sum += base::ByteSwap(static_cast<uint32_t>(transport.size()));
  sum += base::ByteSwap(uint32_t{protocol});
  return static_cast<uint16_t>(~base::FoldSum(base::AddToSum(sum, transport)));
}

// The two addresses before the transport header, as they stand in the frame.
std::span<const uint8_t> AddressesBefore(const uint8_t* transport, const Ends& ends) {
  const size_t both = 2 * ends.address_bytes();
  return {transport - both, both};
}

uint8_t* WriteEthernet(const Ends& ends, bool from_client, Frame& out) {
  uint8_t* at = out.bytes.data();
  std::fill_n(at, kEthernetBytes, uint8_t{0});
  at[0] = at[6] = 0x02;  // locally administered
  at[from_client ? 5 : 11] = 1;
  at += kEthernetBytes - 2;
  if (ends.vlan != 0) {
    base::StoreBe(at, uint16_t{0x8100});
    base::StoreBe(at + 2, ends.vlan);
    at += kTagBytes;
  }
  base::StoreBe(at, ends.v6 ? uint16_t{0x86dd} : uint16_t{0x0800});
  return at + 2;
}

// Returns where the transport header goes.
uint8_t* WriteIp(const Ends& ends, bool from_client, const Ip& header, Frame& out) {
  uint8_t* ip = WriteEthernet(ends, from_client, out);
  const size_t ip_bytes = ends.v6 ? 40 : kIpv4Bytes;
  out.size = static_cast<uint16_t>(ip - out.bytes.data() + static_cast<ptrdiff_t>(ip_bytes) +
                                   static_cast<ptrdiff_t>(header.payload_bytes));
  out.side = from_client != ends.client_outside ? packet::Side::kInside : packet::Side::kOutside;
  std::fill_n(ip, ip_bytes, uint8_t{0});
  if (ends.v6) {
    ip[0] = 0x60;
    base::StoreBe(ip + 4, static_cast<uint16_t>(header.payload_bytes));
    ip[6] = header.protocol;
    ip[7] = 64;
  } else {
    ip[0] = 0x45;
    base::StoreBe(ip + 2, static_cast<uint16_t>(ip_bytes + header.payload_bytes));
    base::StoreBe(ip + 4, header.id);
    base::StoreBe(ip + 6, header.flags_and_offset);
    ip[8] = 64;
    ip[9] = header.protocol;
  }
  const auto& src = from_client ? ends.client : ends.server;
  const auto& dst = from_client ? ends.server : ends.client;
  uint8_t* addresses = ip + ip_bytes - 2 * ends.address_bytes();
  std::copy_n(src.begin(), ends.address_bytes(), addresses);
  std::copy_n(dst.begin(), ends.address_bytes(), addresses + ends.address_bytes());
  if (!ends.v6) {
    const auto sum = static_cast<uint16_t>(~base::FoldSum(base::AddToSum(0, {ip, ip_bytes})));
    std::memcpy(ip + 10, &sum, sizeof sum);
  }
  return ip + ip_bytes;
}

void WriteTcpHeader(const Ends& ends, bool from_client, const TcpSegment& segment, uint8_t* at) {
  std::fill_n(at, kTcpBytes, uint8_t{0});
  base::StoreBe(at, from_client ? ends.client_port : ends.server_port);
  base::StoreBe(at + 2, from_client ? ends.server_port : ends.client_port);
  base::StoreBe(at + 4, segment.seq);
  base::StoreBe(at + 8, segment.ack);
  at[12] = 0x50;
  at[13] = segment.flags;
  base::StoreBe(at + 14, uint16_t{65535});
}

// Header and payload of a datagram, its checksum over the addresses given.
void WriteDatagram(const Ends& ends, bool from_client, std::span<const uint8_t> addresses,
                   std::span<const uint8_t> payload, uint8_t* at) {
  const size_t bytes = kUdpBytes + payload.size();
  base::StoreBe(at, from_client ? ends.client_port : ends.server_port);
  base::StoreBe(at + 2, from_client ? ends.server_port : ends.client_port);
  base::StoreBe(at + 4, static_cast<uint16_t>(bytes));
  std::fill_n(at + 6, 2, uint8_t{0});
  std::ranges::copy(payload, at + kUdpBytes);
  uint16_t checksum = TransportChecksum(addresses, packet::ip_protocol::kUdp, {at, bytes});
  if (checksum == 0) checksum = 0xffff;  // RFC 768: zero says that there is none
  std::memcpy(at + 6, &checksum, sizeof checksum);
}

}  // namespace

void Ends::Place(uint32_t client_number, uint32_t server_number) {
  if (v6) {
    constexpr std::array<uint8_t, 4> kDocumentation = {0x20, 0x01, 0x0d, 0xb8};
    std::ranges::copy(kDocumentation, client.begin());
    std::ranges::copy(kDocumentation, server.begin());
    server[4] = 1;
    base::StoreBe(&client[12], client_number);
    base::StoreBe(&server[12], server_number);
  } else {
    base::StoreBe(client.data(), uint32_t{10U << 24} | (client_number & 0xffffff));
    base::StoreBe(server.data(), uint32_t{100U << 24} | (server_number & 0xffffff));
  }
}

void Frame::FillIn(packet::Packet& packet, base::MonoTime now) {
  packet.data = bytes.data();
  packet.captured_bytes = packet.wire_bytes = size;
  packet.rx_side = side;
  packet.action = packet::Action::kForward;
  packet.drop_reason = packet::DropReason::kNone;
  packet.time = now;
}

void WriteTcp(const Ends& ends, bool from_client, const TcpSegment& segment, Frame& out) {
  const size_t bytes = kTcpBytes + segment.payload.size();
  uint8_t* at = WriteIp(ends, from_client,
                        {.protocol = packet::ip_protocol::kTcp, .payload_bytes = bytes}, out);
  WriteTcpHeader(ends, from_client, segment, at);
  std::ranges::copy(segment.payload, at + kTcpBytes);
  const uint16_t checksum =
      TransportChecksum(AddressesBefore(at, ends), packet::ip_protocol::kTcp, {at, bytes});
  std::memcpy(at + 16, &checksum, sizeof checksum);
}

void WriteUdp(const Ends& ends, bool from_client, std::span<const uint8_t> payload, Frame& out) {
  const size_t bytes = kUdpBytes + payload.size();
  uint8_t* at = WriteIp(ends, from_client,
                        {.protocol = packet::ip_protocol::kUdp, .payload_bytes = bytes}, out);
  WriteDatagram(ends, from_client, AddressesBefore(at, ends), payload, at);
}

void WritePing(const Ends& ends, bool from_client, uint16_t number, Frame& out) {
  const uint8_t protocol = ends.v6 ? packet::ip_protocol::kIcmp6 : packet::ip_protocol::kIcmp;
  uint8_t* at =
      WriteIp(ends, from_client, {.protocol = protocol, .payload_bytes = kPingBytes}, out);
  std::fill_n(at, kPingBytes, uint8_t{0});
  if (ends.v6) {
    at[0] = from_client ? kEcho6Request : kEcho6Request + 1;
  } else {
    at[0] = from_client ? kEchoRequest : 0;
  }
  base::StoreBe(at + 4, ends.client_port);
  base::StoreBe(at + 6, number);
  const uint16_t checksum =
      ends.v6 ? TransportChecksum(AddressesBefore(at, ends), protocol, {at, kPingBytes})
              : static_cast<uint16_t>(~base::FoldSum(base::AddToSum(0, {at, kPingBytes})));
  std::memcpy(at + 2, &checksum, sizeof checksum);
}

void WriteInTwo(const Ends& ends, uint16_t id, std::span<const uint8_t> payload, Frame& first,
                Frame& second) {
  std::vector<uint8_t> whole(kUdpBytes + payload.size());
  Ip header{.protocol = packet::ip_protocol::kUdp,
            .payload_bytes = kFirstFragmentBytes,
            .id = id,
            .flags_and_offset = kMoreFragments};
  uint8_t* at = WriteIp(ends, true, header, first);
  WriteDatagram(ends, true, AddressesBefore(at, ends), payload, whole.data());
  std::copy_n(whole.begin(), kFirstFragmentBytes, at);
  header.payload_bytes = whole.size() - kFirstFragmentBytes;
  header.flags_and_offset = kFirstFragmentBytes / 8;
  at = WriteIp(ends, true, header, second);
  std::copy(whole.begin() + kFirstFragmentBytes, whole.end(), at);
}

void WriteUnchecked(const Ends& ends, bool from_client, uint16_t payload_bytes, Frame& out) {
  uint8_t* at = WriteIp(
      ends, from_client,
      {.protocol = packet::ip_protocol::kTcp, .payload_bytes = kTcpBytes + payload_bytes}, out);
  WriteTcpHeader(ends, from_client, {.seq = 5000, .ack = 5000, .payload = {}}, at);
}

}  // namespace weir::bench

#include "tests/support/packet_builder.h"

#include <stdexcept>

#include "dataplane/base/byte_order.h"

namespace weir::testing {
namespace {

using namespace packet::ip_protocol;  // NOLINT(google-build-using-namespace): six constants

constexpr uint8_t kFragmentHeader = 44;

void Append(Bytes& to, std::span<const uint8_t> bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

template <std::unsigned_integral T>
void AppendBe(Bytes& to, T value) {
  uint8_t bytes[sizeof(T)];
  base::StoreBe(bytes, value);
  Append(to, bytes);
}

uint32_t Sum(std::span<const uint8_t> bytes, uint32_t sum = 0) {
  for (size_t i = 0; i < bytes.size(); ++i) sum += i % 2 == 0 ? bytes[i] * 256U : bytes[i];
  return sum;
}

uint16_t Folded(uint32_t sum) {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

base::IpAddress Address(std::string_view text) {
  const auto address = base::IpAddress::Parse(text);
  if (!address) throw std::invalid_argument(address.error().message);
  return *address;
}

base::MacAddress Mac(std::string_view text) {
  const auto mac = base::MacAddress::Parse(text);
  if (!mac) throw std::invalid_argument(mac.error().message);
  return *mac;
}

std::span<const uint8_t> AddressBytes(const base::IpAddress& address, packet::L3 l3) {
  return std::span(address.bytes()).subspan(l3 == packet::L3::kIpv4 ? 12 : 0);
}

}  // namespace

Bytes BytesOf(std::string_view text) { return {text.begin(), text.end()}; }

Bytes FromHex(std::string_view hex) {
  Bytes out;
  unsigned value = 0;
  unsigned digits = 0;
  for (const char c : hex) {
    if (c == ' ' || c == '\n') continue;
    const auto at = std::string_view("0123456789abcdef").find(c);
    if (at == std::string_view::npos) throw std::invalid_argument("not hexadecimal");
    value = value * 16 + static_cast<unsigned>(at);
    if (++digits % 2 == 0) {
      out.push_back(static_cast<uint8_t>(value));
      value = 0;
    }
  }
  return out;
}

PacketBuilder::PacketBuilder() { Macs("02:00:00:00:00:01", "02:00:00:00:00:02"); }

PacketBuilder& PacketBuilder::Macs(std::string_view src, std::string_view dst) {
  macs_.clear();
  Append(macs_, Mac(dst).bytes);
  Append(macs_, Mac(src).bytes);
  return *this;
}

PacketBuilder& PacketBuilder::Vlan(uint16_t id, uint16_t tag_type) {
  AppendBe(tags_, tag_type);
  AppendBe(tags_, id);
  return *this;
}

PacketBuilder& PacketBuilder::Ipv4(std::string_view src, std::string_view dst) {
  l3_ = packet::L3::kIpv4;
  src_ = Address(src);
  dst_ = Address(dst);
  return *this;
}

PacketBuilder& PacketBuilder::Ipv6(std::string_view src, std::string_view dst) {
  Ipv4(src, dst);
  l3_ = packet::L3::kIpv6;
  return *this;
}

PacketBuilder& PacketBuilder::Ipv4Options(Bytes options) {
  ip_options_ = std::move(options);
  return *this;
}

PacketBuilder& PacketBuilder::Ipv6Extension(uint8_t type, Bytes header) {
  extensions_.emplace_back(type, std::move(header));
  return *this;
}

PacketBuilder& PacketBuilder::Fragment(uint32_t id, uint16_t offset_bytes, bool more) {
  is_fragment_ = true;
  fragment_id_ = id;
  fragment_offset_bytes_ = offset_bytes;
  more_fragments_ = more;
  return *this;
}

PacketBuilder& PacketBuilder::Tcp(const TcpFields& fields) {
  transport_ = Transport::kTcp;
  protocol_ = kTcp;
  tcp_ = fields;
  while (tcp_.options.size() % 4 != 0) tcp_.options.push_back(0);
  return *this;
}

PacketBuilder& PacketBuilder::Udp(const UdpFields& fields) {
  transport_ = Transport::kUdp;
  protocol_ = kUdp;
  udp_ = fields;
  return *this;
}

PacketBuilder& PacketBuilder::Icmp(uint8_t type, uint8_t code) {
  transport_ = Transport::kIcmp;
  protocol_ = l3_ == packet::L3::kIpv6 ? kIcmp6 : kIcmp;
  icmp_type_ = type;
  icmp_code_ = code;
  return *this;
}

PacketBuilder& PacketBuilder::Raw(uint8_t protocol) {
  transport_ = Transport::kRaw;
  protocol_ = protocol;
  return *this;
}

PacketBuilder& PacketBuilder::Payload(std::span<const uint8_t> payload) {
  payload_.assign(payload.begin(), payload.end());
  return *this;
}

PacketBuilder& PacketBuilder::Payload(std::string_view payload) {
  return Payload(BytesOf(payload));
}

PacketBuilder& PacketBuilder::Padding(size_t bytes) {
  padding_bytes_ = bytes;
  return *this;
}

uint16_t PacketBuilder::TransportChecksum(const Bytes& transport) const {
  uint32_t sum = Sum(transport);
  if (protocol_ != kIcmp) {
    sum = Sum(AddressBytes(src_, l3_), sum);
    sum = Sum(AddressBytes(dst_, l3_), sum);
    sum += protocol_ + static_cast<uint32_t>(transport.size());
  }
  return Folded(sum);
}

Bytes PacketBuilder::BuildTransport() const {
  Bytes out;
  size_t checksum_at = 0;
  switch (transport_) {
    case Transport::kRaw:
      return payload_;
    case Transport::kTcp:
      AppendBe(out, tcp_.src_port);
      AppendBe(out, tcp_.dst_port);
      AppendBe(out, tcp_.seq);
      AppendBe(out, tcp_.ack);
      out.push_back(static_cast<uint8_t>((20 + tcp_.options.size()) / 4 << 4));
      out.push_back(tcp_.flags);
      AppendBe(out, tcp_.window);
      AppendBe(out, uint32_t{0});
      Append(out, tcp_.options);
      checksum_at = 16;
      break;
    case Transport::kUdp:
      AppendBe(out, udp_.src_port);
      AppendBe(out, udp_.dst_port);
      AppendBe(out, static_cast<uint16_t>(8 + payload_.size()));
      AppendBe(out, uint16_t{0});
      checksum_at = 6;
      break;
    case Transport::kIcmp:
      out = {icmp_type_, icmp_code_, 0, 0};
      checksum_at = 2;
      break;
  }
  Append(out, payload_);
  base::StoreBe(out.data() + checksum_at, TransportChecksum(out));
  return out;
}

Bytes PacketBuilder::BuildIpv4(const Bytes& transport) const {
  Bytes out;
  const size_t header_bytes = 20 + ip_options_.size();
  out.push_back(static_cast<uint8_t>(0x40 | header_bytes / 4));
  out.push_back(0);
  AppendBe(out, static_cast<uint16_t>(header_bytes + transport.size()));
  AppendBe(out, static_cast<uint16_t>(fragment_id_));
  AppendBe(out, static_cast<uint16_t>(fragment_offset_bytes_ / 8 | (more_fragments_ ? 0x2000 : 0)));
  out.push_back(64);
  out.push_back(protocol_);
  AppendBe(out, uint16_t{0});
  Append(out, AddressBytes(src_, l3_));
  Append(out, AddressBytes(dst_, l3_));
  Append(out, ip_options_);
  base::StoreBe(out.data() + 10, Folded(Sum(out)));
  Append(out, transport);
  return out;
}

Bytes PacketBuilder::BuildIpv6(const Bytes& transport) const {
  auto extensions = extensions_;
  if (is_fragment_) {
    Bytes header = {0, 0};
    AppendBe(header, static_cast<uint16_t>(fragment_offset_bytes_ | (more_fragments_ ? 1 : 0)));
    AppendBe(header, fragment_id_);
    extensions.emplace_back(kFragmentHeader, header);
  }
  Bytes chain;
  for (size_t i = 0; i < extensions.size(); ++i) {
    Bytes header = extensions[i].second;
    header[0] = i + 1 < extensions.size() ? extensions[i + 1].first : protocol_;
    Append(chain, header);
  }
  Bytes out = {0x60, 0, 0, 0};
  AppendBe(out, static_cast<uint16_t>(chain.size() + transport.size()));
  out.push_back(extensions.empty() ? protocol_ : extensions.front().first);
  out.push_back(64);
  Append(out, AddressBytes(src_, l3_));
  Append(out, AddressBytes(dst_, l3_));
  Append(out, chain);
  Append(out, transport);
  return out;
}

Bytes PacketBuilder::Build() const {
  Bytes out = macs_;
  Append(out, tags_);
  AppendBe(out, l3_ == packet::L3::kIpv6 ? uint16_t{0x86dd} : uint16_t{0x0800});
  const Bytes transport = BuildTransport();
  Append(out, l3_ == packet::L3::kIpv6 ? BuildIpv6(transport) : BuildIpv4(transport));
  out.insert(out.end(), padding_bytes_, 0);
  return out;
}

}  // namespace weir::testing

#include "tests/support/encapsulation.h"

#include "dataplane/base/byte_order.h"

namespace weir::testing {
namespace {

constexpr size_t kEthernetBytes = 14;

void AppendU16(Bytes& to, size_t value) {
  to.push_back(static_cast<uint8_t>(value >> 8));
  to.push_back(static_cast<uint8_t>(value));
}

Bytes Joined(Bytes first, const Bytes& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

}  // namespace

Bytes DatagramOf(const PacketBuilder& builder) {
  const Bytes frame = builder.Build();
  return {frame.begin() + kEthernetBytes, frame.end()};
}

Bytes Ethernet(uint16_t ether_type, const Bytes& payload) {
  Bytes out = FromHex("020000000002 020000000001");
  AppendU16(out, ether_type);
  return Joined(out, payload);
}

Bytes Vlan(uint16_t id, uint16_t ether_type, const Bytes& payload) {
  Bytes out;
  AppendU16(out, id);
  AppendU16(out, ether_type);
  return Joined(out, payload);
}

Bytes Pppoe(uint16_t ppp_protocol, const Bytes& payload) {
  Bytes out = FromHex("1100 2a2a");
  AppendU16(out, payload.size() + 2);
  AppendU16(out, ppp_protocol);
  return Joined(out, payload);
}

Bytes Mpls(std::initializer_list<uint32_t> labels, const Bytes& payload) {
  Bytes out;
  size_t left = labels.size();
  for (const uint32_t label : labels) {
    const uint32_t entry = label << 12 | (--left == 0 ? 0x100U : 0U) | 64U;
    AppendU16(out, entry >> 16);
    AppendU16(out, entry & 0xffff);
  }
  return Joined(out, payload);
}

Bytes Over(PacketBuilder ip, uint8_t ip_protocol, const Bytes& payload) {
  return ip.Raw(ip_protocol).Payload(payload).Build();
}

Bytes OverUdp(PacketBuilder ip, const UdpFields& ports, const Bytes& payload) {
  return ip.Udp(ports).Payload(payload).Build();
}

Bytes Gre(uint16_t protocol, const Bytes& payload, uint16_t flags) {
  Bytes out;
  AppendU16(out, flags);
  AppendU16(out, protocol);
  for (const int field : {0x8000, 0x2000, 0x1000}) {
    if ((flags & field) != 0) out.insert(out.end(), 4, 0x5a);
  }
  return Joined(out, payload);
}

Bytes PptpGre(const Bytes& ppp) {
  Bytes out = FromHex("3081 880b");
  AppendU16(out, ppp.size());
  AppendU16(out, 0x4242);
  out.insert(out.end(), 8, 0x5a);
  return Joined(out, ppp);
}

Bytes Vxlan(const Bytes& frame, uint8_t flags) {
  return Joined({flags, 0, 0, 0, 0, 0x12, 0x34, 0}, frame);
}

Bytes Erspan2(const Bytes& frame) { return Joined(FromHex("1001000000000000"), frame); }

Bytes TeredoIndications(const Bytes& datagram) {
  const Bytes authentication = FromHex("0001 0203 aaaa bbbbbb 1122334455667788 00");
  const Bytes origin = FromHex("0000 f0f0 3fffffff");
  return Joined(Joined(authentication, origin), datagram);
}

Bytes GtpUser(const Bytes& datagram, uint8_t flags) {
  Bytes optional;
  if ((flags & 0x07) != 0) optional = FromHex("0001 00 00");
  if ((flags & 0x04) != 0) optional = FromHex("0001 00 85 01 1000 00");
  Bytes out = {flags, 255};
  AppendU16(out, optional.size() + datagram.size());
  out.insert(out.end(), {0, 0, 0, 7});
  return Joined(Joined(out, optional), datagram);
}

}  // namespace weir::testing

#include "dataplane/base/cursor.h"
#include "dataplane/parse/link.h"
#include "dataplane/parse/parse.h"
#include "dataplane/parse/stages.h"

namespace weir::parse {
namespace {

using packet::Headers;
using packet::L3;
using packet::ParseNote;

constexpr size_t kMacPairBytes = 12;
constexpr uint16_t kVlanIdMask = 0x0fff;
constexpr uint32_t kIpv6HeaderBytes = 40;

void ParseAt(packet::Packet& packet, const Found& found) {
  packet.headers.l3_offset = static_cast<uint16_t>(found.at.begin);
  const Room room{BytesOf(packet, found.at), found.at.bytes()};
  if (found.layer == Layer::kIpv4) {
    ParseIpv4(packet.headers, room);
  } else {
    ParseIpv6(packet.headers, room);
  }
}

// RFC 4861: solicitations, advertisements and redirects, with the hop limit that no router lets
// through. Between two global addresses it could still be meant for a router and beyond, and is a
// session like any other.
bool IsNeighborDiscovery(const packet::Packet& packet) {
  const Headers& headers = packet.headers;
  if (headers.ip_protocol != packet::ip_protocol::kIcmp6) return false;
  const uint8_t type = static_cast<uint8_t>(headers.src_port >> 8);
  const uint8_t code = static_cast<uint8_t>(headers.src_port & 0xff);
  if (headers.note != ParseNote::kComplete || headers.l3 != L3::kIpv6 || headers.is_fragment) {
    return false;
  }
  if (headers.l4_offset != headers.l3_offset + kIpv6HeaderBytes) return false;
  constexpr size_t kHopLimitAt = 7;
  if (packet.data[headers.l3_offset + kHopLimitAt] != 255) return false;
  if (type < 133 || type > 137 || code != 0) return false;
  const auto link_local = [](const base::IpAddress& address) {
    return address.bytes()[0] == 0xfe && (address.bytes()[1] & 0xc0) == 0x80;
  };
  return headers.dst_ip.bytes()[0] == 0xff || link_local(headers.src_ip) ||
         link_local(headers.dst_ip);
}

packet::OuterLayer LayerOf(const Headers& headers) {
  packet::OuterLayer layer{headers.src_ip, headers.dst_ip, 0, 0, headers.ip_protocol};
  if (headers.ip_protocol == packet::ip_protocol::kUdp) {
    layer.src_port = headers.src_port;
    layer.dst_port = headers.dst_port;
  }
  return layer;
}

// What is guessed for a tunnel from its port must hold to the transport header's end, unless the
// capture cut it.
bool IsCredible(const packet::Packet& packet, const Headers& carrier) {
  const Headers& inner = packet.headers;
  if (inner.l3 == L3::kNone) return false;
  if (carrier.ip_protocol != packet::ip_protocol::kUdp) return true;
  return inner.note != ParseNote::kTruncatedTransport || packet.captured_bytes < packet.wire_bytes;
}

// One tunnel further in. False, and the headers as they were: nothing in there to be read.
bool Descend(packet::Packet& packet, Budget& budget) {
  Headers& headers = packet.headers;
  const Found found = FindInner(packet, budget);
  if (found.layer == Layer::kNone) return false;
  if (found.layer == Layer::kTooDeep || headers.tunnel_depth == packet::kTunnelDepthMax ||
      found.at.begin > kHeaderOffsetMax) {
    headers.too_deep = true;
    return false;
  }
  const Headers carrier = headers;
  headers = Headers();
  headers.vlan_count = carrier.vlan_count;
  headers.vlans = carrier.vlans;
  headers.wire_ip_bytes = carrier.wire_ip_bytes;
  headers.tunnel_depth = static_cast<uint8_t>(carrier.tunnel_depth + 1);
  headers.encapsulated = true;
  ParseAt(packet, found);
  if (!IsCredible(packet, carrier)) {
    headers = carrier;
    return false;
  }
  packet.outers[carrier.tunnel_depth] = LayerOf(carrier);
  return true;
}

// Behind the outermost IP header.
void LookFurther(packet::Packet& packet, Budget& budget) {
  Headers& headers = packet.headers;
  while (MayCarry(headers)) {
    if (!Descend(packet, budget)) return;
  }
  if (headers.tunnel_depth != 0 || !IsNeighborDiscovery(packet)) return;
  headers.l3 = L3::kNone;
  headers.note = ParseNote::kNeighborDiscovery;
}

// Behind an EtherType that is not IP's own.
void ParseBehind(packet::Packet& packet, uint16_t type, Stretch at) {
  Headers& headers = packet.headers;
  if (IsVlanTag(type)) {
    headers.too_deep = true;
    return;
  }
  Budget budget{kWrapsMax};
  const Found found = FollowEtherType(packet, type, at, Evidence::kNamed, budget);
  headers.too_deep = found.layer == Layer::kTooDeep;
  if (found.layer == Layer::kNone || found.layer == Layer::kTooDeep) return;
  headers.encapsulated = true;
  ParseAt(packet, found);
  headers.wire_ip_bytes = headers.ip_bytes;
  LookFurther(packet, budget);
}

}  // namespace

void Parse(packet::Packet& packet) {
  Headers& headers = packet.headers;
  headers = Headers();
  base::Cursor cursor(packet.frame());
  cursor.Skip(kMacPairBytes);
  uint16_t type = cursor.U16();
  while (cursor.ok() && IsVlanTag(type) && headers.vlan_count < kVlanTagsMax) {
    const uint16_t tag = cursor.U16() & kVlanIdMask;
    if (headers.vlan_count < headers.vlans.size()) headers.vlans[headers.vlan_count] = tag;
    ++headers.vlan_count;
    type = cursor.U16();
  }
  if (!cursor.ok()) return;
  const auto offset = static_cast<uint16_t>(cursor.offset());
  const uint32_t frame_bytes = std::max(packet.wire_bytes, packet.captured_bytes);
  const Room room{cursor.rest(), frame_bytes - offset};
  if (type == ether_type::kIpv4) {
    headers.l3_offset = offset;
    ParseIpv4(headers, room);
  } else if (type == ether_type::kIpv6) {
    headers.l3_offset = offset;
    ParseIpv6(headers, room);
  } else {
    return ParseBehind(packet, type, {offset, frame_bytes});
  }
  headers.wire_ip_bytes = headers.ip_bytes;
  if (MayCarry(headers) || headers.ip_protocol == packet::ip_protocol::kIcmp6) {
    Budget budget{kWrapsMax};
    LookFurther(packet, budget);
  }
}

void ParseWhole(packet::Packet& whole, const packet::Packet& fragment) {
  Parse(whole);
  if (whole.headers.note == ParseNote::kNeighborDiscovery) {
    whole.headers.l3 = L3::kIpv6;
    whole.headers.note = ParseNote::kComplete;
  }
  whole.TakenOutOf(fragment);
}

}  // namespace weir::parse

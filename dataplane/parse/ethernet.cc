#include "dataplane/base/cursor.h"
#include "dataplane/parse/parse.h"
#include "dataplane/parse/stages.h"

namespace weir::parse {
namespace {

constexpr uint16_t kEtherTypeIpv4 = 0x0800;
constexpr uint16_t kEtherTypeIpv6 = 0x86dd;
constexpr size_t kMacPairBytes = 12;
constexpr uint16_t kVlanIdMask = 0x0fff;

bool IsVlanTag(uint16_t ether_type) {
  return ether_type == 0x8100 || ether_type == 0x88a8 || ether_type == 0x9100;
}

}  // namespace

void Parse(packet::Packet& packet) {
  packet::Headers& headers = packet.headers;
  headers = packet::Headers();
  base::Cursor cursor(packet.frame());
  cursor.Skip(kMacPairBytes);
  uint16_t ether_type = cursor.U16();
  while (cursor.ok() && IsVlanTag(ether_type) && headers.vlan_count < kVlanTagsMax) {
    const uint16_t tag = cursor.U16() & kVlanIdMask;
    if (headers.vlan_count < headers.vlans.size()) headers.vlans[headers.vlan_count] = tag;
    ++headers.vlan_count;
    ether_type = cursor.U16();
  }
  if (!cursor.ok()) return;
  if (ether_type != kEtherTypeIpv4 && ether_type != kEtherTypeIpv6) return;
  headers.l3_offset = static_cast<uint16_t>(cursor.offset());
  if (ether_type == kEtherTypeIpv4) {
    ParseIpv4(packet);
  } else {
    ParseIpv6(packet);
  }
}

}  // namespace weir::parse

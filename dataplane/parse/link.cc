#include "dataplane/parse/link.h"

#include "dataplane/parse/parse.h"

namespace weir::parse {
namespace {

constexpr size_t kMacPairBytes = 12;
constexpr size_t kControlWordBytes = 4;
constexpr uint32_t kIpv6HeaderBytes = 40;
constexpr uint32_t kBottomOfStack = 0x100;

// An EtherType, and where that begins. kEnd: nothing that Weir follows.
struct Next {
  uint16_t type = 0;
  Stretch at;
};
constexpr Next kEnd;

bool IsFollowed(uint16_t type) {
  return type == ether_type::kIpv4 || type == ether_type::kIpv6 || IsVlanTag(type) ||
         type == ether_type::kMpls || type == ether_type::kMplsMulticast ||
         type == ether_type::kPppoeSession;
}

Next TakeEthernet(const packet::Packet& packet, Stretch at) {
  base::Cursor cursor(BytesOf(packet, at));
  cursor.Skip(kMacPairBytes);
  const uint16_t type = cursor.U16();
  if (!cursor.ok() || !IsFollowed(type)) return kEnd;
  return {type, Behind(at, cursor)};
}

// IEEE 802.1Q §9: two bytes of tag, then the EtherType of what is tagged.
Next TakeVlan(const packet::Packet& packet, Stretch at) {
  base::Cursor cursor(BytesOf(packet, at));
  cursor.Skip(2);
  const uint16_t type = cursor.U16();
  if (!cursor.ok()) return kEnd;
  return {type, Behind(at, cursor)};
}

Next TakePpp(const packet::Packet& packet, Stretch at) {
  const auto bytes = BytesOf(packet, at);
  if (bytes.empty()) return kEnd;
  base::Cursor cursor(bytes);
  const bool compressed = (bytes[0] & 1) != 0;
  const uint16_t protocol = compressed ? cursor.U8() : cursor.U16();
  if (!cursor.ok()) return kEnd;
  switch (protocol) {
    case 0x0021:
      return {ether_type::kIpv4, Behind(at, cursor)};
    case 0x0057:
      return {ether_type::kIpv6, Behind(at, cursor)};
    case 0x0281:  // RFC 3032 §4.3
      return {ether_type::kMpls, Behind(at, cursor)};
    default:
      return kEnd;
  }
}

// RFC 2516 §4: version 1, type 1, code 0 in a session; its length counts the PPP protocol field.
Next TakePppoe(const packet::Packet& packet, Stretch at) {
  base::Cursor cursor(BytesOf(packet, at));
  const uint8_t version_type = cursor.U8();
  const uint8_t code = cursor.U8();
  cursor.Skip(2);
  const uint16_t bytes = cursor.U16();
  if (!cursor.ok() || version_type != 0x11 || code != 0) return kEnd;
  Stretch payload = Behind(at, cursor);
  if (bytes > payload.bytes()) return kEnd;
  payload.end = payload.begin + bytes;
  return TakePpp(packet, payload);
}

// A pseudowire says nowhere whether it uses RFC 4448's control word: the place at which an
// EtherType stands that Weir follows tells. Where one stands at both, a word that begins with the
// sixteen zero bits of §3.1 is taken for it.
Next TakePseudowire(const packet::Packet& packet, Stretch at) {
  const Next bare = TakeEthernet(packet, at);
  base::Cursor cursor(BytesOf(packet, at));
  const uint16_t control = cursor.U16();
  cursor.Skip(kControlWordBytes - 2);
  if (!cursor.ok() || control != 0) return bare;
  const Next behind_control = TakeEthernet(packet, Behind(at, cursor));
  return behind_control.type != 0 ? behind_control : bare;
}

// An IPv4 header's checksum does not hold by chance. IPv6 has none: then its length must be that of
// what there is, up to the padding of the shortest frames.
bool IsSure(const packet::Packet& packet, const Found& ip) {
  constexpr uint32_t kPaddedBytesMax = 46;
  if (ip.layer == Layer::kIpv4 || ip.at.bytes() <= kPaddedBytesMax) return true;
  base::Cursor cursor(BytesOf(packet, ip.at));
  cursor.Skip(4);
  return kIpv6HeaderBytes + cursor.U16() == ip.at.bytes();
}

// RFC 3032 §2.1: four bytes a label. Returns false when the stack does not end in time.
bool TakeLabels(const packet::Packet& packet, Stretch& at, bool& too_many) {
  base::Cursor cursor(BytesOf(packet, at));
  for (unsigned labels = 0; labels < kMplsLabelsMax; ++labels) {
    const uint32_t label = cursor.U32();
    if (!cursor.ok()) return false;
    if ((label & kBottomOfStack) == 0) continue;
    at = Behind(at, cursor);
    return true;
  }
  too_many = true;
  return false;
}

}  // namespace

Found FollowEtherType(const packet::Packet& packet, uint16_t type, Stretch at, Evidence evidence,
                      Budget& budget) {
  Next next{type, at};
  unsigned tags = 0;
  for (;;) {
    if (next.type == ether_type::kIpv4) return FindIpv4(packet, next.at, evidence);
    if (next.type == ether_type::kIpv6) return FindIpv6(packet, next.at);
    if (!IsFollowed(next.type)) return {};
    if (IsVlanTag(next.type)) {
      if (++tags > kVlanTagsMax) return {Layer::kTooDeep, next.at};
      next = TakeVlan(packet, next.at);
      continue;
    }
    if (budget.wraps_left == 0) return {Layer::kTooDeep, next.at};
    --budget.wraps_left;
    if (next.type == ether_type::kPppoeSession) {
      next = TakePppoe(packet, next.at);
      continue;
    }
    bool too_many = false;
    if (!TakeLabels(packet, next.at, too_many)) {
      return {too_many ? Layer::kTooDeep : Layer::kNone, next.at};
    }
    // No field says what is labelled (RFC 3032 §3.1); the first nibble of IP does (RFC 4928 §3).
    const Found ip = FindIp(packet, next.at, Evidence::kGuessed);
    next = TakePseudowire(packet, next.at);
    if (ip.layer != Layer::kNone && (next.type == 0 || IsSure(packet, ip))) return ip;
    evidence = Evidence::kGuessed;
    tags = 0;
  }
}

Found FollowEthernet(const packet::Packet& packet, Stretch at, Evidence evidence, Budget& budget) {
  const Next next = TakeEthernet(packet, at);
  return FollowEtherType(packet, next.type, next.at, evidence, budget);
}

Found FollowPpp(const packet::Packet& packet, Stretch at, Budget& budget) {
  const Next next = TakePpp(packet, at);
  return FollowEtherType(packet, next.type, next.at, Evidence::kNamed, budget);
}

}  // namespace weir::parse

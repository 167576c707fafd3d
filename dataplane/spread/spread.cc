#include "dataplane/spread/spread.h"

#include <algorithm>
#include <cstring>

#include "dataplane/base/cursor.h"
#include "dataplane/packet/packet.h"
#include "dataplane/parse/link.h"
#include "dataplane/parse/parse.h"

namespace weir::spread {
namespace {

constexpr size_t kMacPairBytes = 12;
constexpr size_t kIpv4HeaderBytes = 20;
constexpr size_t kIpv4AddressesAt = 12;
constexpr size_t kIpv6HeaderBytes = 40;
constexpr size_t kIpv6AddressesAt = 8;

std::optional<AddressPair> Ipv4At(std::span<const uint8_t> bytes) {
  if (bytes.size() < kIpv4HeaderBytes) return std::nullopt;
  const auto addresses = bytes.subspan<kIpv4AddressesAt, 8>();
  return AddressPair{base::IpAddress::FromV4(addresses.first<4>()),
                     base::IpAddress::FromV4(addresses.last<4>())};
}

std::optional<AddressPair> Ipv6At(std::span<const uint8_t> bytes) {
  if (bytes.size() < kIpv6HeaderBytes) return std::nullopt;
  const auto addresses = bytes.subspan<kIpv6AddressesAt, 32>();
  return AddressPair{base::IpAddress::FromV6(addresses.first<16>()),
                     base::IpAddress::FromV6(addresses.last<16>())};
}

// Behind MPLS and PPPoE, which are rare.
std::optional<AddressPair> Follow(std::span<uint8_t> frame, uint32_t wire_bytes, uint16_t type,
                                  uint32_t offset) {
  packet::Packet packet;
  packet.data = frame.data();
  packet.captured_bytes = static_cast<uint32_t>(frame.size());
  packet.wire_bytes = wire_bytes;
  parse::Budget budget{parse::kWrapsMax};
  const parse::Found found =
      parse::FollowEtherType(packet, type, {offset, std::max(wire_bytes, packet.captured_bytes)},
                             parse::Evidence::kNamed, budget);
  const auto bytes = parse::BytesOf(packet, found.at);
  if (found.layer == parse::Layer::kIpv4) return Ipv4At(bytes);
  if (found.layer == parse::Layer::kIpv6) return Ipv6At(bytes);
  return std::nullopt;
}

template <typename Word>
Word WordAt(const base::IpAddress& address, size_t offset) {
  Word word;
  std::memcpy(&word, address.bytes().data() + offset, sizeof word);
  return word;
}

}  // namespace

std::optional<AddressPair> OutermostAddresses(std::span<uint8_t> frame, uint32_t wire_bytes) {
  base::Cursor cursor(frame);
  cursor.Skip(kMacPairBytes);
  uint16_t type = cursor.U16();
  unsigned tags = 0;
  while (cursor.ok() && parse::IsVlanTag(type) && tags < parse::kVlanTagsMax) {
    cursor.Skip(2);
    type = cursor.U16();
    ++tags;
  }
  if (!cursor.ok()) return std::nullopt;
  if (type == parse::ether_type::kIpv4) return Ipv4At(cursor.rest());
  if (type == parse::ether_type::kIpv6) return Ipv6At(cursor.rest());
  if (parse::IsVlanTag(type)) return std::nullopt;
  return Follow(frame, wire_bytes, type, static_cast<uint32_t>(cursor.offset()));
}

Spread::Spread(const std::array<uint8_t, 16>& secret, std::span<const uint32_t> shares)
    : key_(base::HashKey::FromBytes(secret)) {
  unsigned slot = 0;
  for (unsigned worker = 0; worker < shares.size(); ++worker) {
    for (uint32_t i = 0; i < shares[worker] && slot < kSlots; ++i) {
      slots_[slot++] = static_cast<uint8_t>(worker);
    }
  }
}

// Of the addresses in order, so that direction does not count. By their IPv4-mapped form: a flow
// has one key in both families.
uint64_t Spread::HashOf(const AddressPair& addresses) const {
  base::SipHash13 hash(key_);
  if (addresses.src.is_v4() && addresses.dst.is_v4()) {
    const uint64_t src = WordAt<uint32_t>(addresses.src, 12);
    const uint64_t dst = WordAt<uint32_t>(addresses.dst, 12);
    hash.Add(std::min(src, dst) << 32 | std::max(src, dst));
    return hash.Finish();
  }
  const bool in_order = addresses.src < addresses.dst;
  for (const bool first : {true, false}) {
    const base::IpAddress& address = first == in_order ? addresses.src : addresses.dst;
    hash.Add(WordAt<uint64_t>(address, 0));
    hash.Add(WordAt<uint64_t>(address, 8));
  }
  return hash.Finish();
}

}  // namespace weir::spread

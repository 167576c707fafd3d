#include "dataplane/pipeline/direction.h"

#include <algorithm>

namespace weir::pipeline {
namespace {

using packet::Side;

Side SideOfAddress(const base::IpAddress& address, const Options& options) {
  const bool inside = std::ranges::any_of(
      options.inside, [&](const base::IpPrefix& prefix) { return prefix.Contains(address); });
  return inside ? Side::kInside : Side::kOutside;
}

Sides SidesOf(Side rx_side, const base::IpAddress& src, const base::IpAddress& dst,
              const Options& options) {
  if (rx_side == Side::kInside) return {Side::kInside, Side::kOutside};
  if (rx_side == Side::kOutside) return {Side::kOutside, Side::kInside};
  if (options.inside.empty()) return {};
  return {SideOfAddress(src, options), SideOfAddress(dst, options)};
}

}  // namespace

Sides SidesOf(const packet::Packet& packet, const Options& options) {
  return SidesOf(packet.rx_side, packet.headers.src_ip, packet.headers.dst_ip, options);
}

Sides SidesOf(const packet::Packet& packet, const packet::OuterLayer& outer,
              const Options& options) {
  return SidesOf(packet.rx_side, outer.src_ip, outer.dst_ip, options);
}

events::Direction DirectionOf(Side initiator, Side responder) {
  using events::Direction;
  if (initiator == Side::kInside) {
    return responder == Side::kInside ? Direction::kInternal : Direction::kOutbound;
  }
  // Both outside is no word of the record: traffic in transit.
  return initiator == Side::kOutside && responder == Side::kInside ? Direction::kInbound
                                                                   : Direction::kUnknown;
}

packet::Side InitiatorSide(events::Direction direction) {
  switch (direction) {
    case events::Direction::kOutbound:
    case events::Direction::kInternal:
      return packet::Side::kInside;
    case events::Direction::kInbound:
      return packet::Side::kOutside;
    case events::Direction::kUnknown:
      break;
  }
  return packet::Side::kUnknown;
}

packet::Side ResponderSide(events::Direction direction) {
  switch (direction) {
    case events::Direction::kOutbound:
      return packet::Side::kOutside;
    case events::Direction::kInbound:
    case events::Direction::kInternal:
      return packet::Side::kInside;
    case events::Direction::kUnknown:
      break;
  }
  return packet::Side::kUnknown;
}

bool IsOnItsSide(const packet::Packet& packet, events::Direction direction, bool from_initiator) {
  if (packet.rx_side == Side::kUnknown) return true;
  return packet.rx_side == (from_initiator ? InitiatorSide(direction) : ResponderSide(direction));
}

}  // namespace weir::pipeline

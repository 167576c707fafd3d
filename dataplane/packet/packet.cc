#include "dataplane/packet/packet.h"

namespace weir::packet {

std::string_view DropReasonName(DropReason reason) {
  switch (reason) {
    case DropReason::kNone:
      return "none";
    case DropReason::kPolicy:
      return "policy";
    case DropReason::kRejected:
      return "rejected";
    case DropReason::kTableFull:
      return "table_full";
    case DropReason::kTransmit:
      return "transmit";
    case DropReason::kStream:
      return "stream";
    case DropReason::kFragment:
      return "fragment";
    case DropReason::kTooDeep:
      return "too_deep";
    case DropReason::kCount:
      break;
  }
  return "unknown";
}

std::string_view ParseNoteName(ParseNote note) {
  switch (note) {
    case ParseNote::kComplete:
      return "complete";
    case ParseNote::kNotIp:
      return "not_ip";
    case ParseNote::kTruncatedIp:
      return "truncated_ip";
    case ParseNote::kTruncatedTransport:
      return "truncated_transport";
    case ParseNote::kLaterFragment:
      return "later_fragment";
    case ParseNote::kUnknownTransport:
      return "unknown_transport";
    case ParseNote::kNeighborDiscovery:
      return "neighbor_discovery";
    case ParseNote::kCount:
      break;
  }
  return "unknown";
}

void Packet::TakenOutOf(const Packet& carrier) {
  headers.encapsulated = headers.encapsulated || carrier.headers.encapsulated;
  if (carrier.headers.tunnel_depth == 0) return;
  std::array<OuterLayer, kTunnelDepthMax> all = carrier.outers;
  size_t count = carrier.headers.tunnel_depth;
  for (const OuterLayer& layer : around()) {
    if (count == all.size()) {
      headers.too_deep = true;
      break;
    }
    all[count++] = layer;
  }
  outers = all;
  headers.tunnel_depth = static_cast<uint8_t>(count);
}

}  // namespace weir::packet

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

}  // namespace weir::packet

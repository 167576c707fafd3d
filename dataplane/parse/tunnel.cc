// The IP datagram within an IP datagram: IP in IP, GRE, MPLS in IP, and what UDP carries.
#include "dataplane/parse/gre.h"
#include "dataplane/parse/stages.h"

namespace weir::parse {
namespace {

using namespace packet::ip_protocol;  // NOLINT(google-build-using-namespace): a dozen constants

}  // namespace

Found FindInner(const packet::Packet& packet, Budget& budget) {
  const packet::Headers& headers = packet.headers;
  const Stretch payload{headers.l4_offset, headers.l3_offset + headers.ip_bytes};
  switch (headers.ip_protocol) {
    case kIpv4:  // RFC 2003, RFC 2473
      return FindIpv4(packet, payload, Evidence::kNamed);
    case kIpv6:  // RFC 4213, RFC 2473
      return FindIpv6(packet, payload);
    case kMpls:  // RFC 4023 §3
      return FollowEtherType(packet, ether_type::kMpls, payload, Evidence::kNamed, budget);
    case kGre:
      return FollowGre(packet, payload, budget);
    default:
      return FollowUdp(packet, payload, budget);
  }
}

}  // namespace weir::parse

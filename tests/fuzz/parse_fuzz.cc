// Parse: whatever the frame, what was found lies inside it, and inside what carries it; and a
// glance says the same or nothing.
//
// The first byte says how much of the frame a capture has cut off.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "dataplane/parse/parse.h"
#include "fuzz_check.h"
#include "tests/support/glance_check.h"

using namespace weir;

namespace {

void CheckOffsets(const packet::Packet& packet) {
  const packet::Headers& headers = packet.headers;
  const uint32_t captured = packet.captured_bytes;
  if (headers.l4_offset != packet::kNoOffset) {
    FUZZ_CHECK(headers.l3_offset < headers.l4_offset && headers.l4_offset <= captured);
  }
  if (headers.payload_offset != packet::kNoOffset) {
    FUZZ_CHECK(headers.note == packet::ParseNote::kComplete ||
               headers.note == packet::ParseNote::kNeighborDiscovery);
    FUZZ_CHECK(headers.l4_offset < headers.payload_offset);
    FUZZ_CHECK(uint64_t{headers.payload_offset} + headers.payload_bytes <= captured);
  } else {
    FUZZ_CHECK(headers.payload_bytes == 0 && packet.payload().empty());
  }
}

void CheckLayers(const packet::Packet& packet) {
  const packet::Headers& headers = packet.headers;
  FUZZ_CHECK(headers.tunnel_depth <= packet::kTunnelDepthMax);
  if (headers.l3 == packet::L3::kNone) {
    FUZZ_CHECK(headers.tunnel_depth == 0);
    return;
  }
  const uint32_t wire = std::max(packet.wire_bytes, packet.captured_bytes);
  FUZZ_CHECK(headers.l3_offset < packet.captured_bytes);
  FUZZ_CHECK(uint64_t{headers.l3_offset} + headers.ip_bytes <= wire);
  FUZZ_CHECK(headers.ip_bytes >= 20 && headers.wire_ip_bytes <= wire);
  FUZZ_CHECK(headers.tunnel_depth == 0 ? headers.ip_bytes == headers.wire_ip_bytes
                                       : headers.ip_bytes < headers.wire_ip_bytes);
  FUZZ_CHECK(headers.tunnel_depth == 0 || headers.l3_offset > 14 + 4 * headers.vlan_count);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  // A copy of exactly its size, so that a sanitizer sees the first byte beyond.
  std::vector<uint8_t> frame(data + 1, data + size);
  const std::vector<uint8_t> before = frame;
  packet::Packet packet;
  packet.data = frame.data();
  packet.captured_bytes = static_cast<uint32_t>(frame.size());
  packet.wire_bytes = packet.captured_bytes + data[0];
  parse::Parse(packet);
  CheckOffsets(packet);
  CheckLayers(packet);
  bool said = false;
  FUZZ_CHECK(weir::testing::GlanceDiffers(packet, said).empty());
  FUZZ_CHECK(frame == before);
  return 0;
}

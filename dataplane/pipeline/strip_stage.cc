#include "dataplane/pipeline/strip_stage.h"

#include "dataplane/base/byte_order.h"
#include "dataplane/names/dns_ech.h"
#include "dataplane/names/dns_message.h"

namespace weir::pipeline {
namespace {

using packet::ip_protocol::kUdp;

constexpr size_t kChecksumAt = 6;

uint16_t ChecksumOf(const packet::Packet& packet) {
  return base::LoadBe<uint16_t>(packet.data + packet.headers.l4_offset + kChecksumAt);
}

// RFC 1624 §3 for a word at an even offset of what the checksum is about; at an odd offset the
// word's bytes count the other way round.
void Update(uint8_t* udp, size_t offset, uint16_t before, uint16_t after) {
  const auto checksum = base::LoadBe<uint16_t>(udp + kChecksumAt);
  if (checksum == 0) return;  // none (RFC 768)
  if (offset % 2 != 0) {
    before = base::ByteSwap(before);
    after = base::ByteSwap(after);
  }
  uint32_t sum =
      static_cast<uint16_t>(~checksum) + uint32_t{static_cast<uint16_t>(~before)} + after;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  const auto updated = static_cast<uint16_t>(~sum);
  base::StoreBe(udp + kChecksumAt, updated == 0 ? uint16_t{0xffff} : updated);
}

}  // namespace

void StripStage::Look(FlowPacket& at) {
  if (!worker_.options.strip_ech || !worker_.protects_streams) return;
  const packet::Headers& headers = at.packet.headers;
  const bool is_answer = at.hot.key.protocol == kUdp && headers.src_port == names::kDnsPort &&
                         headers.note == packet::ParseNote::kComplete && !headers.is_fragment;
  if (!is_answer) return;
  // With its checksum kept right the datagram's own sum stays what it was, and so does that of any
  // checksum around it. Without one a tunnel's would become wrong.
  if (headers.tunnel_depth != 0 && ChecksumOf(at.packet) == 0) return;
  const std::span<uint8_t> message(at.packet.data + headers.payload_offset, headers.payload_bytes);
  const names::HiddenEch hidden = names::HideEch(message);
  if (hidden.count == 0) return;
  uint8_t* udp = at.packet.data + headers.l4_offset;
  for (size_t i = 0; i < hidden.count; ++i) {
    const names::HiddenEch::Change& change = hidden.changes[i];
    Update(udp, change.offset, change.before, names::kHiddenEchVersion);
  }
  worker_.counters.ech_hidden.Add();
}

}  // namespace weir::pipeline

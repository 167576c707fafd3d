#include "dataplane/base/cursor.h"
#include "dataplane/parse/stages.h"

namespace weir::parse {
namespace {

constexpr uint16_t kMoreFragments = 0x2000;
constexpr uint16_t kFragmentOffsetMask = 0x1fff;
constexpr size_t kHeaderBytesMin = 20;

}  // namespace

void ParseIpv4(packet::Headers& headers, const Room& room) {
  headers.note = packet::ParseNote::kTruncatedIp;
  if (room.captured.size() < kHeaderBytesMin) return;
  // Of a length known to the compiler, which then leaves out the cursor's checks.
  base::Cursor cursor(room.captured.first<kHeaderBytesMin>());
  const uint8_t version_length = cursor.U8();
  const size_t header_bytes = (version_length & 0x0fU) * 4U;
  cursor.Skip(1);
  const uint16_t total_bytes = cursor.U16();
  const uint16_t id = cursor.U16();
  const uint16_t fragment = cursor.U16();
  cursor.Skip(1);
  const uint8_t protocol = cursor.U8();
  cursor.Skip(2);
  const auto src = cursor.Bytes(4);
  const auto dst = cursor.Bytes(4);
  if (!cursor.ok() || version_length >> 4 != 4 || header_bytes < kHeaderBytesMin) return;
  const auto datagram = CutDatagram(headers, total_bytes, room);
  if (datagram.size() < header_bytes) return;

  headers.l3 = packet::L3::kIpv4;
  headers.ip_protocol = protocol;
  headers.src_ip = base::IpAddress::FromV4(src.first<4>());
  headers.dst_ip = base::IpAddress::FromV4(dst.first<4>());
  headers.fragment_id = id;
  headers.more_fragments = (fragment & kMoreFragments) != 0;
  headers.fragment_offset_bytes = static_cast<uint16_t>((fragment & kFragmentOffsetMask) * 8U);
  headers.is_fragment = headers.more_fragments || headers.fragment_offset_bytes != 0;
  headers.l4_offset = static_cast<uint16_t>(headers.l3_offset + header_bytes);
  ParseTransport(headers, datagram.subspan(header_bytes));
}

}  // namespace weir::parse

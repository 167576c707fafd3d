#include "dataplane/base/cursor.h"
#include "dataplane/parse/parse.h"
#include "dataplane/parse/stages.h"

namespace weir::parse {
namespace {

constexpr uint32_t kHeaderBytes = 40;
constexpr uint16_t kMoreFragments = 0x0001;
constexpr uint16_t kFragmentOffsetMask = 0xfff8;

// Next-header values of IANA's list of extension headers that have a length of their own.
enum : uint8_t {
  kHopByHop = 0,
  kRouting = 43,
  kFragment = 44,
  kAuthentication = 51,
  kDestinationOptions = 60,
  kMobility = 135,
  kHostIdentity = 139,
  kShim6 = 140,
};

bool IsExtension(uint8_t next_header) {
  return next_header == kHopByHop || next_header == kRouting || next_header == kFragment ||
         next_header == kAuthentication || next_header == kDestinationOptions ||
         next_header == kMobility || next_header == kHostIdentity || next_header == kShim6;
}

// RFC 8200 §4.5.
uint8_t TakeFragmentHeader(packet::Headers& headers, base::Cursor& cursor) {
  const uint8_t next_header = cursor.U8();
  cursor.Skip(1);
  const uint16_t offset_flags = cursor.U16();
  const uint32_t id = cursor.U32();
  // No legal datagram has a second one; it must not hide that the first makes this a fragment.
  if (headers.is_fragment) return next_header;
  headers.fragment_id = id;
  headers.more_fragments = (offset_flags & kMoreFragments) != 0;
  headers.fragment_offset_bytes = offset_flags & kFragmentOffsetMask;
  // An atomic fragment (RFC 6946) is a whole datagram with a fragment header to spare.
  headers.is_fragment = headers.more_fragments || headers.fragment_offset_bytes != 0;
  return next_header;
}

uint8_t TakeExtension(uint8_t type, packet::Headers& headers, base::Cursor& cursor) {
  if (type == kFragment) return TakeFragmentHeader(headers, cursor);
  const uint8_t next_header = cursor.U8();
  const uint8_t length = cursor.U8();
  // RFC 4302 §2.2 counts in 4-byte words less 2, all others in 8-byte words less 1.
  const size_t bytes = type == kAuthentication ? (length + 2U) * 4U : (length + 1U) * 8U;
  cursor.Skip(bytes - 2);
  return next_header;
}

}  // namespace

void ParseIpv6(packet::Headers& headers, const Room& room) {
  headers.note = packet::ParseNote::kTruncatedIp;
  if (room.captured.size() < kHeaderBytes) return;
  // Of a length known to the compiler, which then leaves out the cursor's checks.
  base::Cursor fixed(room.captured.first<kHeaderBytes>());
  const uint8_t version = fixed.U8() >> 4;
  fixed.Skip(3);
  const uint16_t payload_bytes = fixed.U16();
  uint8_t next_header = fixed.U8();
  fixed.Skip(1);
  const auto src = fixed.Bytes(base::IpAddress::kBytes);
  const auto dst = fixed.Bytes(base::IpAddress::kBytes);
  if (!fixed.ok() || version != 6) return;
  // A payload length of zero before hop-by-hop options is a jumbogram (RFC 2675 §3).
  const bool jumbogram = payload_bytes == 0 && next_header == kHopByHop;
  const auto datagram = CutDatagram(headers, jumbogram ? 0 : kHeaderBytes + payload_bytes, room);

  headers.l3 = packet::L3::kIpv6;
  headers.src_ip = base::IpAddress::FromV6(src.first<16>());
  headers.dst_ip = base::IpAddress::FromV6(dst.first<16>());
  base::Cursor cursor(datagram.subspan(kHeaderBytes));
  unsigned extensions = 0;
  while (IsExtension(next_header) && headers.fragment_offset_bytes == 0) {
    headers.ip_protocol = next_header;
    if (++extensions > kExtensionHeadersMax) {
      headers.note = packet::ParseNote::kUnknownTransport;
      headers.too_deep = true;
      return;
    }
    next_header = TakeExtension(next_header, headers, cursor);
    if (!cursor.ok()) {
      headers.note = packet::ParseNote::kTruncatedTransport;
      return;
    }
  }
  headers.ip_protocol = next_header;
  if (!PlaceTransport(headers, headers.l3_offset + kHeaderBytes + cursor.offset())) return;
  ParseTransport(headers, cursor.rest());
}

}  // namespace weir::parse

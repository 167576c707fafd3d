#include "dataplane/base/cursor.h"
#include "dataplane/parse/stages.h"

namespace weir::parse {
namespace {

using namespace packet::ip_protocol;  // NOLINT(google-build-using-namespace): a dozen constants

constexpr size_t kTcpBytesMin = 20;
constexpr size_t kUdpBytes = 8;
constexpr size_t kSctpBytes = 12;
constexpr size_t kIcmpBytes = 4;

void SetPayload(packet::Headers& headers, size_t header_bytes, size_t payload_bytes) {
  headers.note = packet::ParseNote::kComplete;
  headers.payload_offset = static_cast<uint16_t>(headers.l4_offset + header_bytes);
  headers.payload_bytes = static_cast<uint32_t>(payload_bytes);
}

// RFC 9293 §3.1.
void ParseTcp(packet::Headers& headers, std::span<const uint8_t> segment) {
  base::Cursor cursor(segment);
  headers.src_port = cursor.U16();
  headers.dst_port = cursor.U16();
  headers.tcp_seq = cursor.U32();
  headers.tcp_ack = cursor.U32();
  const size_t header_bytes = (cursor.U8() >> 4) * 4U;
  const uint8_t flags = cursor.U8();
  headers.tcp_window = cursor.U16();
  if (!cursor.ok() || header_bytes < kTcpBytesMin || header_bytes > segment.size()) return;
  headers.tcp_flags = flags;
  SetPayload(headers, header_bytes, segment.size() - header_bytes);
}

// RFC 768; a length that contradicts the datagram means "to its end", as receivers take it.
void ParseUdp(packet::Headers& headers, std::span<const uint8_t> segment) {
  base::Cursor cursor(segment);
  headers.src_port = cursor.U16();
  headers.dst_port = cursor.U16();
  const size_t claimed = cursor.U16();
  if (segment.size() < kUdpBytes) return;
  const bool credible = claimed >= kUdpBytes && claimed <= segment.size();
  SetPayload(headers, kUdpBytes, (credible ? claimed : segment.size()) - kUdpBytes);
}

void ParseSctp(packet::Headers& headers, std::span<const uint8_t> segment) {
  base::Cursor cursor(segment);
  headers.src_port = cursor.U16();
  headers.dst_port = cursor.U16();
  if (segment.size() < kSctpBytes) return;
  SetPayload(headers, kSctpBytes, segment.size() - kSctpBytes);
}

// The request that a reply answers (RFC 792, RFC 4443 §4.2), or -1 for what is no reply.
int RequestOf(uint8_t protocol, uint8_t type) {
  if (protocol == kIcmp6) return type == 129 ? 128 : -1;
  switch (type) {
    case 0:
      return 8;
    case 14:
      return 13;
    case 16:
      return 15;
    case 18:
      return 17;
    default:
      return -1;
  }
}

// A reply carries its request's type on the other end, so that both are one flow.
void ParseIcmp(packet::Headers& headers, std::span<const uint8_t> segment) {
  base::Cursor cursor(segment);
  const uint8_t type = cursor.U8();
  const uint8_t code = cursor.U8();
  if (segment.size() < kIcmpBytes) return;
  const int request = RequestOf(headers.ip_protocol, type);
  if (request < 0) {
    headers.src_port = static_cast<uint16_t>(type << 8 | code);
  } else {
    headers.dst_port = static_cast<uint16_t>(request << 8);
  }
  SetPayload(headers, kIcmpBytes, segment.size() - kIcmpBytes);
}

// RFC 4302 §2.2 in IPv4 (in IPv6 it is an extension header): (length + 2) words of four bytes, in
// plain sight before the transport. One of them; a second is unknown.
void ParseBehindAuthentication(packet::Headers& headers, std::span<const uint8_t> segment) {
  base::Cursor cursor(segment);
  const uint8_t next_header = cursor.U8();
  const size_t bytes = (cursor.U8() + 2U) * 4U;
  cursor.Skip(bytes - 2);
  if (!cursor.ok()) return;
  if (next_header == kAuthentication) {
    headers.note = packet::ParseNote::kUnknownTransport;
    return;
  }
  headers.ip_protocol = next_header;
  if (!PlaceTransport(headers, headers.l4_offset + bytes)) return;
  ParseTransport(headers, cursor.rest());
}

}  // namespace

void ParseTransport(packet::Headers& headers, std::span<const uint8_t> segment) {
  if (headers.fragment_offset_bytes != 0) {
    headers.note = packet::ParseNote::kLaterFragment;
    return;
  }
  headers.note = packet::ParseNote::kTruncatedTransport;
  switch (headers.ip_protocol) {
    case kTcp:
      return ParseTcp(headers, segment);
    case kUdp:
    case kUdpLite:
      return ParseUdp(headers, segment);
    case kSctp:
      return ParseSctp(headers, segment);
    case kIcmp:
    case kIcmp6:
      return ParseIcmp(headers, segment);
    case kAuthentication:
      return ParseBehindAuthentication(headers, segment);
    default:
      headers.note = packet::ParseNote::kUnknownTransport;
  }
}

}  // namespace weir::parse

#include "dataplane/fragments/piece.h"

#include <algorithm>
#include <bit>

#include "dataplane/base/cursor.h"
#include "dataplane/parse/parse.h"

namespace weir::fragments {
namespace {

using packet::ip_protocol::kTcp;

constexpr size_t kMacPairBytes = 12;
constexpr size_t kVlanTagBytes = 4;
constexpr size_t kIpv4HeaderBytesMin = 20;
constexpr size_t kIpv6HeaderBytes = 40;
constexpr uint16_t kMoreFragments = 0x0001;
constexpr uint16_t kOffsetMask = 0xfff8;
constexpr size_t kTcpBytesMin = 20;
constexpr uint32_t kIpv6MtuMin = 1280;
constexpr uint8_t kFragmentHeader = 44;
constexpr uint8_t kAuthentication = 51;
constexpr uint8_t kDontFragment = 0x40;

// RFC 1071 over a whole header is all ones when nothing in it has changed.
bool ChecksumHolds(std::span<const uint8_t> header) {
  uint32_t sum = 0;
  for (size_t i = 0; i + 1 < header.size(); i += 2) sum += base::LoadBe<uint16_t>(&header[i]);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return sum == 0xffff;
}

Key KeyOf(const packet::Headers& headers) {
  Key key{};
  key.src = headers.src_ip.bytes();
  key.dst = headers.dst_ip.bytes();
  key.id = headers.fragment_id;
  for (size_t i = 0; i < key.vlans.size(); ++i) {
    key.vlans[i] = headers.vlan_count > i ? headers.vlans[i] : uint16_t{0xffff};
  }
  key.l3 = headers.l3;
  if (headers.l3 == packet::L3::kIpv4) key.protocol = headers.ip_protocol;
  return key;
}

// What of the datagram's claimed bytes is there; a fault where that is not all.
std::span<const uint8_t> Claimed(const packet::Packet& packet, size_t bytes, Piece& piece) {
  const size_t from = packet.headers.l3_offset;
  if (std::max(packet.wire_bytes, packet.captured_bytes) < from + bytes) {
    piece.fault = Event::kCorrupt;
    return {};
  }
  if (packet.captured_bytes < from + bytes) {
    piece.fault = Event::kCut;
    return {};
  }
  return packet.frame().subspan(from, bytes);
}

void ReadIpv4(const packet::Packet& packet, Piece& piece) {
  base::Cursor cursor(packet.frame().subspan(packet.headers.l3_offset));
  const size_t header_bytes = (cursor.U8() & 0x0fU) * 4U;
  cursor.Skip(1);
  const size_t total_bytes = cursor.U16();
  if (!cursor.ok() || header_bytes < kIpv4HeaderBytesMin || total_bytes < header_bytes) {
    piece.fault = Event::kCorrupt;
    return;
  }
  const auto datagram = Claimed(packet, total_bytes, piece);
  if (datagram.empty()) return;
  piece.ip_header = datagram.first(header_bytes);
  piece.data = datagram.subspan(header_bytes);
  piece.may_vanish = (datagram[6] & kDontFragment) != 0;
  if (!ChecksumHolds(piece.ip_header)) piece.fault = Event::kCorrupt;
}

// Walks to the fragment header that parse has seen.
void ReadIpv6(const packet::Packet& packet, Piece& piece) {
  base::Cursor fixed(packet.frame().subspan(packet.headers.l3_offset));
  fixed.Skip(4);
  const size_t payload_bytes = fixed.U16();
  uint8_t next_header = fixed.U8();
  // A jumbogram must not be fragmented (RFC 2675 §3).
  if (!fixed.ok() || payload_bytes == 0) {
    piece.fault = Event::kCorrupt;
    return;
  }
  const auto datagram = Claimed(packet, kIpv6HeaderBytes + payload_bytes, piece);
  if (datagram.empty()) return;
  base::Cursor cursor(datagram.subspan(kIpv6HeaderBytes));
  size_t named_at = 6;
  for (unsigned i = 0; next_header != kFragmentHeader && i < parse::kExtensionHeadersMax; ++i) {
    named_at = kIpv6HeaderBytes + cursor.offset();
    const uint8_t type = next_header;
    next_header = cursor.U8();
    const size_t length = cursor.U8();
    cursor.Skip((type == kAuthentication ? (length + 2) * 4 : (length + 1) * 8) - 2);
  }
  const size_t fragment_at = kIpv6HeaderBytes + cursor.offset();
  piece.next_header = cursor.U8();
  cursor.Skip(1);
  const uint16_t offset_flags = cursor.U16();
  piece.key.id = cursor.U32();
  piece.offset = offset_flags & kOffsetMask;
  piece.last = (offset_flags & kMoreFragments) == 0;
  // Parse has seen a fragment, so behind an atomic fragment's header (RFC 6946) is another.
  const bool atomic = piece.last && piece.offset == 0;
  if (!cursor.ok() || next_header != kFragmentHeader || atomic) {
    piece.fault = Event::kIllegal;
    return;
  }
  piece.names_fragment_at = static_cast<uint16_t>(named_at);
  piece.ip_header = datagram.first(fragment_at);
  piece.data = cursor.rest();
  piece.may_vanish = datagram.size() > kIpv6MtuMin;
  if (piece.next_header == kFragmentHeader) piece.fault = Event::kIllegal;
}

// RFC 7112 §5: a first IPv6 fragment holds all headers up to the transport's, whose options may
// follow, as servers take it. Over IPv4 servers take any, down to 8 bytes; what RFC 1858 and RFC
// 3128 fear of those cannot happen where the verdict falls on the whole.
bool HoldsHeaders(const packet::Packet& packet, const Piece& piece) {
  const packet::Headers& headers = packet.headers;
  if (headers.l3 == packet::L3::kIpv4) return true;
  if (headers.note != packet::ParseNote::kTruncatedTransport) return true;
  if (headers.ip_protocol != kTcp || headers.l4_offset == packet::kNoOffset) return false;
  const auto data_at = static_cast<size_t>(piece.data.data() - packet.data);
  return data_at + piece.data.size() >= headers.l4_offset + kTcpBytesMin;
}

Event FaultOf(const packet::Packet& packet, const Piece& piece) {
  const size_t ip_bytes = piece.ip_header.size() -
                          (packet.headers.l3 == packet::L3::kIpv6 ? kIpv6HeaderBytes : size_t{0});
  if (piece.data.empty() || ip_bytes + piece.end() > kDatagramBytesMax) return Event::kIllegal;
  if (!piece.last && piece.data.size() % 8 != 0) return Event::kIllegal;
  if (LinkBytes(packet.headers) + 2 + piece.ip_header.size() > kHeadBytesMax) {
    return Event::kIllegal;  // extension headers that long have no use
  }
  return !piece.first() || HoldsHeaders(packet, piece) ? Event::kHeld : Event::kTiny;
}

uint64_t FateOf(const packet::Packet& packet, const Piece& piece, const base::HashKey& secret) {
  std::array<uint8_t, kHeadBytesMax> head;
  const size_t link_bytes = LinkBytes(packet.headers);
  uint8_t* ip = std::copy_n(packet.data, link_bytes, head.data());
  std::ranges::copy(piece.ip_header, ip);
  if (packet.headers.l3 == packet::L3::kIpv4) {
    std::fill_n(ip + 2, 2, uint8_t{0});  // length
    ip[6] &= kDontFragment;
    ip[7] = 0;
    std::fill_n(ip + 10, 2, uint8_t{0});  // checksum
  } else {
    std::fill_n(ip + 4, 2, uint8_t{0});  // length
  }
  return base::KeyedHash(secret, {head.data(), link_bytes + piece.ip_header.size()});
}

}  // namespace

bool Key::operator==(const Key& other) const {
  return std::memcmp(this, &other, sizeof *this) == 0;
}

uint64_t Key::Hash(const base::HashKey& secret) const {
  std::array<uint64_t, sizeof(Key) / sizeof(uint64_t)> words;
  std::memcpy(words.data(), this, sizeof words);
  base::SipHash13 hash(secret);
  for (const uint64_t word : words) hash.Add(word);
  return hash.Finish();
}

size_t LinkBytes(const packet::Headers& headers) {
  return kMacPairBytes + headers.vlan_count * kVlanTagBytes;
}

Piece ReadPiece(const packet::Packet& packet, const base::HashKey& secret) {
  Piece piece;
  const packet::Headers& headers = packet.headers;
  piece.key = KeyOf(headers);
  piece.offset = headers.fragment_offset_bytes;
  piece.last = !headers.more_fragments;
  if (headers.l3 == packet::L3::kIpv4) {
    ReadIpv4(packet, piece);
  } else {
    ReadIpv6(packet, piece);
  }
  if (piece.fault != Event::kHeld) return piece;
  if (headers.encapsulated) piece.may_vanish = true;
  piece.fault = FaultOf(packet, piece);
  if (piece.fault == Event::kHeld) piece.fate = FateOf(packet, piece, secret);
  return piece;
}

}  // namespace weir::fragments

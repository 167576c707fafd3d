#include "dataplane/capture/link_layer.h"

#include <pcap/dlt.h>
#include <pcap/pcap.h>

#include <algorithm>

#include "dataplane/base/cursor.h"

namespace weir::capture {
namespace {

using base::Cursor;
using Found = std::optional<NetworkPart>;

Found At(const Cursor& cursor, uint16_t ether_type) {
  if (!cursor.ok()) return std::nullopt;
  return NetworkPart{static_cast<uint32_t>(cursor.offset()), ether_type};
}

// Moves a part that was found in the bytes from `base` on.
Found Shifted(Found part, size_t base) {
  if (part) part->offset += static_cast<uint32_t>(base);
  return part;
}

uint16_t LittleU16(Cursor& cursor) { return base::ByteSwap(cursor.U16()); }
uint32_t LittleU32(Cursor& cursor) { return base::ByteSwap(cursor.U32()); }

// The first byte of the packet itself says 4 or 6.
Found ByIpVersion(Cursor cursor) {
  const auto rest = cursor.rest();
  if (rest.empty()) return std::nullopt;
  if (rest[0] >> 4 == 4) return At(cursor, kEtherTypeIpv4);
  if (rest[0] >> 4 == 6) return At(cursor, kEtherTypeIpv6);
  return std::nullopt;
}

// An address family as the systems number it: AF_INET is 2 everywhere; AF_INET6 10, 24, 28 or 30.
Found ByFamily(const Cursor& cursor, uint32_t family) {
  if (family == 2) return At(cursor, kEtherTypeIpv4);
  if (family == 10 || family == 24 || family == 28 || family == 30) {
    return At(cursor, kEtherTypeIpv6);
  }
  return std::nullopt;
}

// The family in the byte order of the machine that captured: a value beyond 16 bits is the other
// order.
Found Null(Cursor cursor) {
  const uint32_t family = cursor.U32();
  return ByFamily(cursor, family > 0xffff ? base::ByteSwap(family) : family);
}

// OpenBSD's enc(4): family, security index and flags, four bytes each.
Found Enc(Cursor cursor) {
  const uint32_t family = cursor.U32();
  cursor.Skip(8);
  return ByFamily(cursor, family > 0xffff ? base::ByteSwap(family) : family);
}

// RFC 1661 protocol numbers, also with the field compressed to a byte (RFC 1661 §6.5).
Found PppProtocol(Cursor cursor) {
  const auto rest = cursor.rest();
  if (rest.empty()) return std::nullopt;
  const uint16_t protocol = (rest[0] & 1) != 0 ? cursor.U8() : cursor.U16();
  if (protocol == 0x0021) return At(cursor, kEtherTypeIpv4);
  if (protocol == 0x0057) return At(cursor, kEtherTypeIpv6);
  if (protocol == 0x0281) return At(cursor, 0x8847);  // MPLS
  return std::nullopt;
}

// PPP, framed as HDLC (RFC 1662) or with address and control left out; Cisco HDLC begins 0f or 8f.
Found Ppp(Cursor cursor) {
  const auto rest = cursor.rest();
  if (rest.size() >= 4 && (rest[0] == 0x0f || rest[0] == 0x8f)) {
    cursor.Skip(2);
    const uint16_t ether_type = cursor.U16();
    return At(cursor, ether_type);
  }
  if (rest.size() >= 2 && rest[0] == 0xff && rest[1] == 0x03) cursor.Skip(2);
  return PppProtocol(cursor);
}

// LLC with SNAP (IEEE 802.2, RFC 1042) carries an EtherType; plain LLC carries no IP worth the name
// but SAP 06.
Found LlcSnap(Cursor cursor) {
  const uint8_t dsap = cursor.U8();
  const uint8_t ssap = cursor.U8();
  cursor.Skip(1);
  if (dsap == 0x06 && ssap == 0x06) return At(cursor, kEtherTypeIpv4);
  if (dsap != 0xaa || ssap != 0xaa) return std::nullopt;
  cursor.Skip(3);
  const uint16_t ether_type = cursor.U16();
  return At(cursor, ether_type);
}

Found TokenRing(Cursor cursor) {
  cursor.Skip(2 + 6);
  const auto source = cursor.Bytes(6);
  if (!source.empty() && (source[0] & 0x80) != 0) {  // routed: a routing field follows
    const auto rest = cursor.rest();
    if (rest.empty()) return std::nullopt;
    cursor.Skip(rest[0] & 0x1f);
  }
  return LlcSnap(cursor);
}

// A data frame of IEEE 802.11 that is neither empty nor encrypted. `padded`: the card aligned the
// body to four bytes.
Found Wifi(Cursor cursor, bool padded) {
  const size_t begin = cursor.offset();
  const uint8_t type = cursor.U8();
  const uint8_t flags = cursor.U8();
  constexpr uint8_t kData = 0x08, kNoBody = 0x40, kQos = 0x80;
  constexpr uint8_t kToAndFromDs = 0x03, kProtected = 0x40, kOrder = 0x80;
  if ((type & 0x0f) != kData || (type & kNoBody) != 0 || (flags & kProtected) != 0) {
    return std::nullopt;
  }
  cursor.Skip(22);
  if ((flags & kToAndFromDs) == kToAndFromDs) cursor.Skip(6);
  if ((type & kQos) != 0) {
    const uint8_t qos = cursor.U8();
    cursor.Skip(1);
    constexpr uint8_t kSeveralInOne = 0x80;  // an A-MSDU has subframes, each with a header
    if ((qos & kSeveralInOne) != 0) return std::nullopt;
    if ((flags & kOrder) != 0) cursor.Skip(4);
  }
  if (padded && cursor.ok()) cursor.Skip((4 - (cursor.offset() - begin) % 4) % 4);
  return LlcSnap(cursor);
}

// Radiotap: a header of its own length, in little-endian order; bit 0x20 of its flags means
// padding.
Found Radiotap(Cursor cursor, std::span<const uint8_t> record) {
  cursor.Skip(2);
  const uint16_t header_bytes = LittleU16(cursor);
  constexpr uint32_t kTsft = 1u << 0, kFlags = 1u << 1, kMorePresent = 1u << 31;
  const uint32_t present = LittleU32(cursor);
  for (uint32_t word = present; cursor.ok() && (word & kMorePresent) != 0;) {
    word = LittleU32(cursor);
  }
  bool padded = false;
  if (cursor.ok() && (present & kFlags) != 0) {
    if ((present & kTsft) != 0) cursor.Skip((8 - cursor.offset() % 8) % 8 + 8);
    padded = (cursor.U8() & 0x20) != 0;
  }
  Cursor frame(record);
  frame.Skip(header_bytes);
  return Wifi(frame, padded);
}

Found FrameRelay(Cursor cursor) {
  // Address octets end with the one whose lowest bit is set (Q.922 §3.2).
  for (int octet = 0; octet < 4 && cursor.ok(); ++octet) {
    if ((cursor.U8() & 1) != 0) break;
  }
  if (cursor.U8() != 0x03) return std::nullopt;
  uint8_t nlpid = cursor.U8();
  if (nlpid == 0) nlpid = cursor.U8();  // a pad octet (RFC 2427 §3)
  if (nlpid == 0xcc) return At(cursor, kEtherTypeIpv4);
  if (nlpid == 0x8e) return At(cursor, kEtherTypeIpv6);
  if (nlpid != 0x80) return std::nullopt;
  cursor.Skip(3);
  const uint16_t ether_type = cursor.U16();
  return At(cursor, ether_type);
}

// Packets of Linux' NFLOG: attributes of type and length, the packet is attribute 9.
Found NetfilterLog(Cursor cursor) {
  const uint8_t family = cursor.U8();
  cursor.Skip(3);
  while (cursor.ok() && cursor.left() >= 4) {
    const uint16_t bytes = LittleU16(cursor);
    const uint16_t type = LittleU16(cursor) & 0x7fff;
    if (bytes < 4) return std::nullopt;
    constexpr uint16_t kPayload = 9;
    if (type == kPayload) return ByFamily(cursor, family);
    cursor.Skip((size_t{bytes} - 4 + 3) / 4 * 4);
  }
  return std::nullopt;
}

// Linux cooked captures: the EtherType is a field, 802.1Q tags follow as on Ethernet.
Found LinuxCooked(Cursor cursor) {
  cursor.Skip(14);
  const uint16_t ether_type = cursor.U16();
  return At(cursor, ether_type);
}

Found LinuxCooked2(Cursor cursor) {
  const uint16_t ether_type = cursor.U16();
  cursor.Skip(18);
  return At(cursor, ether_type);
}

// BSD's packet filter log: its own length, then the family.
Found PfLog(Cursor cursor) {
  const uint8_t header_bytes = cursor.U8();
  const uint8_t family = cursor.U8();
  cursor.Skip((size_t{header_bytes} + 3) / 4 * 4 - std::min<size_t>(header_bytes, 2));
  return ByFamily(cursor, family);
}

Found Skipping(Cursor cursor, size_t bytes, Found (*next)(Cursor)) {
  cursor.Skip(bytes);
  return next(cursor);
}

// A header in front of 802.11 whose length it says itself.
Found WifiBehind(std::span<const uint8_t> record, size_t header_bytes) {
  Cursor cursor(record);
  cursor.Skip(header_bytes);
  return Wifi(cursor, false);
}

// Per-packet information: a length, and the link type of what follows (both little-endian).
Found Ppi(std::span<const uint8_t> record) {
  Cursor cursor(record);
  cursor.Skip(2);
  const uint16_t header_bytes = LittleU16(cursor);
  const uint32_t inner = LittleU32(cursor);
  if (!cursor.ok() || header_bytes < 8 || header_bytes > record.size() || inner == DLT_PPI) {
    return std::nullopt;
  }
  return Shifted(FindNetworkPart(static_cast<int>(inner), record.subspan(header_bytes)),
                 header_bytes);
}

Found InnerEthernet(Cursor cursor) {
  cursor.Skip(12);
  const uint16_t ether_type = cursor.U16();
  return At(cursor, ether_type);
}

}  // namespace

std::optional<NetworkPart> FindNetworkPart(int link_type, std::span<const uint8_t> record) {
  const Cursor cursor(record);
  switch (link_type) {
    case DLT_EN10MB:
      return InnerEthernet(cursor);
    case DLT_NULL:
    case DLT_LOOP:
      return Null(cursor);
    case DLT_ENC:
      return Enc(cursor);
    case DLT_RAW:
    case DLT_IPV4:
    case DLT_IPV6:
      return ByIpVersion(cursor);
    case DLT_PPP:
    case DLT_PPP_SERIAL:
    case DLT_C_HDLC:
      return Ppp(cursor);
    case DLT_PPP_WITH_DIR:
      return Skipping(cursor, 1, Ppp);
    case DLT_PPP_ETHER:
      return Skipping(cursor, 6, PppProtocol);
    case DLT_LINUX_SLL:
      return LinuxCooked(cursor);
    case DLT_LINUX_SLL2:
      return LinuxCooked2(cursor);
    case DLT_IEEE802_11:
      return Wifi(cursor, false);
    case DLT_IEEE802_11_RADIO:
      return Radiotap(cursor, record);
    case DLT_PRISM_HEADER:
      return WifiBehind(record, 144);
    case DLT_IEEE802_11_RADIO_AVS: {
      Cursor header(record.size() < 8 ? record : record.subspan(4));
      return WifiBehind(record, header.U32());
    }
    case DLT_PPI:
      return Ppi(record);
    case DLT_IEEE802:
      return TokenRing(cursor);
    case DLT_FDDI:
      return Skipping(cursor, 13, LlcSnap);
    case DLT_ATM_RFC1483:
      return LlcSnap(cursor);
    case DLT_IP_OVER_FC:
      return Skipping(cursor, 16, LlcSnap);
    case DLT_FRELAY:
      return FrameRelay(cursor);
    case DLT_NFLOG:
      return NetfilterLog(cursor);
    case DLT_PFLOG:
      return PfLog(cursor);
    case DLT_NETANALYZER:
      return Skipping(cursor, 4, InnerEthernet);
    default:
      return std::nullopt;
  }
}

std::string LinkTypeName(int link_type) {
  const char* text = pcap_datalink_val_to_description(link_type);
  if (text == nullptr) return "link type " + std::to_string(link_type);
  return text;
}

}  // namespace weir::capture

#include "dataplane/names/google_quic.h"

#include <algorithm>
#include <string_view>

#include "dataplane/base/cursor.h"

namespace weir::names {
namespace {

using base::Cursor;

constexpr std::string_view kChlo = "CHLO";
constexpr std::string_view kSniTag = {"SNI\0", 4};
constexpr size_t kMessageHeaderBytes = 8;  // "CHLO", count, two bytes of padding
constexpr size_t kEntryBytes = 8;          // tag, end of its value
constexpr size_t kTagsMax = 128;
// Between the public header and the CHLO lie a hash and a stream frame's header.
constexpr size_t kSearchBytes = 64;

// This protocol counts from the little end.
uint32_t Le(ByteSpan bytes) {
  uint32_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) value = (value << 8) | bytes[i];
  return value;
}

bool Equals(ByteSpan bytes, std::string_view text) {
  return std::equal(bytes.begin(), bytes.end(), text.begin(), text.end(),
                    [](uint8_t a, char b) { return a == static_cast<uint8_t>(b); });
}

// "Q024" to "Q046" as a number; 0 for what is not one of them.
unsigned ClearVersion(uint32_t version) {
  const unsigned tens = (version >> 8) & 0xff;
  const unsigned ones = version & 0xff;
  if (version >> 16 != 0x5130 || tens < '0' || tens > '9' || ones < '0' || ones > '9') return 0;
  const unsigned number = (tens - '0') * 10 + (ones - '0');
  return number >= 24 && number <= 46 ? number : 0;
}

// What follows the public header; empty when there is none with a version.
ByteSpan AfterHeader(ByteSpan datagram) {
  constexpr uint8_t kHasVersion = 0x01;
  constexpr uint8_t kHasConnectionId = 0x08;
  constexpr uint8_t kLongHeader = 0x80;
  Cursor header(datagram);
  const uint8_t flags = header.U8();
  if ((flags & kLongHeader) != 0) {  // Q044 and later
    if (ClearVersion(header.U32()) < 44) return {};
    header.Skip(1 + 8);  // lengths of the connection ids, the one that is there
    return header.rest();
  }
  if ((flags & kHasVersion) == 0 || (flags & kHasConnectionId) == 0) return {};
  header.Skip(8);
  const unsigned version = ClearVersion(header.U32());
  return version != 0 && version < 44 ? header.rest() : ByteSpan();
}

}  // namespace

Outcome ParseChlo(ByteSpan message, ClientHello& out) {
  const size_t magic = std::min(message.size(), kChlo.size());
  if (!Equals(message.first(magic), kChlo.substr(0, magic))) return Outcome::kNotThis;
  Cursor cursor(message);
  cursor.Skip(kChlo.size());
  const size_t tags = Le(cursor.Bytes(2));
  cursor.Skip(2);
  if (!cursor.ok()) return Outcome::kNeedMore;
  if (tags > kTagsMax) return Outcome::kTooLong;
  const size_t values_at = kMessageHeaderBytes + tags * kEntryBytes;
  size_t value_begin = 0;
  for (size_t i = 0; i < tags; ++i) {
    const ByteSpan tag = cursor.Bytes(4);
    const size_t value_end = Le(cursor.Bytes(4));
    if (!cursor.ok()) return Outcome::kNeedMore;
    if (value_end < value_begin) return Outcome::kMalformed;
    if (values_at + value_end > kTlsStreamBytesMax) return Outcome::kTooLong;
    if (values_at + value_end > message.size()) return Outcome::kNeedMore;
    if (Equals(tag, kSniTag) && value_end > value_begin) {
      out.has_sni = true;
      out.server_names[0] = message.subspan(values_at + value_begin, value_end - value_begin);
      out.server_name_count = 1;
      return Outcome::kFound;
    }
    value_begin = value_end;
  }
  return Outcome::kNone;
}

Outcome ParseClearGoogleQuic(ByteSpan datagram, ClientHello& out) {
  const ByteSpan rest = AfterHeader(datagram);
  if (rest.empty()) return Outcome::kNotThis;
  const ByteSpan window = rest.first(std::min(rest.size(), kSearchBytes));
  const auto at = std::search(window.begin(), window.end(), kChlo.begin(), kChlo.end(),
                              [](uint8_t a, char b) { return a == static_cast<uint8_t>(b); });
  if (at == window.end()) return Outcome::kNeedMore;
  return ParseChlo(rest.subspan(static_cast<size_t>(at - window.begin())), out);
}

}  // namespace weir::names

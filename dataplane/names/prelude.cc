#include "dataplane/names/prelude.h"

#include <algorithm>
#include <string_view>

#include "dataplane/base/cursor.h"

namespace weir::names {
namespace {

using base::Cursor;
using ByteSpan = std::span<const uint8_t>;

constexpr Prelude kAbsent = {Outcome::kNotThis, 0};
constexpr Prelude kPartial = {Outcome::kNeedMore, 0};

constexpr uint8_t kTlsHandshake = 0x16;

enum class Match : uint8_t { kDiffers, kPart, kWhole };

Match MatchStart(ByteSpan stream, std::string_view start) {
  const size_t bytes = std::min(stream.size(), start.size());
  const bool equal =
      std::equal(stream.begin(), stream.begin() + static_cast<ptrdiff_t>(bytes), start.begin(),
                 [](uint8_t a, char b) { return a == static_cast<uint8_t>(b); });
  if (!equal) return Match::kDiffers;
  return bytes == start.size() ? Match::kWhole : Match::kPart;
}

Prelude OfLength(ByteSpan stream, size_t bytes) {
  if (bytes > kPreludeBytesMax) return kAbsent;
  return stream.size() < bytes ? kPartial : Prelude{Outcome::kFound, bytes};
}

// HAProxy's PROXY protocol, version 1 (a line) and 2 (binary).
Prelude FindProxy(ByteSpan stream) {
  constexpr std::string_view kLine = "PROXY ";
  constexpr std::string_view kSignature = {"\r\n\r\n\0\r\nQUIT\n", 12};
  constexpr size_t kLineBytesMax = 107;
  const Match line = MatchStart(stream, kLine);
  if (line == Match::kWhole) {
    const ByteSpan window = stream.first(std::min(stream.size(), kLineBytesMax));
    const auto end = std::find(window.begin(), window.end(), '\n');
    if (end == window.end()) return window.size() < kLineBytesMax ? kPartial : kAbsent;
    return {Outcome::kFound, static_cast<size_t>(end - window.begin()) + 1};
  }
  const Match signature = MatchStart(stream, kSignature);
  if (signature == Match::kWhole) {
    Cursor header(stream.subspan(kSignature.size()));
    header.Skip(2);
    const size_t length = header.U16();
    return header.ok() ? OfLength(stream, kSignature.size() + 4 + length) : kPartial;
  }
  return line == Match::kPart || signature == Match::kPart ? kPartial : kAbsent;
}

constexpr uint8_t kSocksVersion = 5;
constexpr uint8_t kSocksLogin = 1;

// RFC 1928 and RFC 1929. A greeting and a request differ only by what went before.
Prelude FindSocks5(ByteSpan stream, bool within_socks) {
  constexpr size_t kMethodsMax = 8;
  Cursor cursor(stream);
  const uint8_t version = cursor.U8();
  if (within_socks && version == kSocksLogin) {
    cursor.Skip(cursor.U8());
    cursor.Skip(cursor.U8());
    return cursor.ok() ? OfLength(stream, cursor.offset()) : kPartial;
  }
  if (version != kSocksVersion) return kAbsent;
  const uint8_t second = cursor.U8();
  if (!cursor.ok()) return kPartial;
  if (!within_socks) {
    return second == 0 || second > kMethodsMax ? kAbsent : OfLength(stream, size_t{2} + second);
  }
  constexpr size_t kConnectBytes = 4;  // version, command, reserved, kind of address
  cursor.Skip(1);
  const uint8_t kind = cursor.U8();
  const size_t name_bytes = kind == 3 ? size_t{1} + cursor.U8() : 0;
  if (!cursor.ok()) return kPartial;
  if (second != 1 || (kind != 1 && kind != 3 && kind != 4)) return kAbsent;
  const size_t address_bytes = kind == 1 ? 4 : kind == 4 ? 16 : name_bytes;
  return OfLength(stream, kConnectBytes + address_bytes + 2);
}

// SOCKS 4: version, CONNECT, port, address, user; 4a: a name behind an address of 0.0.0.x.
Prelude FindSocks4(ByteSpan stream) {
  constexpr size_t kUserAt = 8;
  const Match start = MatchStart(stream, {"\4\1", 2});
  if (start != Match::kWhole) return start == Match::kPart && !stream.empty() ? kPartial : kAbsent;
  if (stream.size() <= kUserAt) return kPartial;
  const bool named = stream[4] == 0 && stream[5] == 0 && stream[6] == 0 && stream[7] != 0;
  const ByteSpan window = stream.first(std::min(stream.size(), kPreludeBytesMax));
  auto end = std::find(window.begin() + kUserAt, window.end(), 0);
  if (named && end != window.end()) end = std::find(end + 1, window.end(), 0);
  if (end == window.end()) return window.size() < kPreludeBytesMax ? kPartial : kAbsent;
  return {Outcome::kFound, static_cast<size_t>(end - window.begin()) + 1};
}

Prelude FindDatabase(ByteSpan stream) {
  constexpr std::string_view kPostgresTls = {"\0\0\0\10\4\322\26\57", 8};
  constexpr std::string_view kPostgresGss = {"\0\0\0\10\4\322\26\60", 8};
  constexpr std::string_view kMysqlHeader = {"\40\0\0\1", 4};  // 32 bytes, the client's first
  constexpr size_t kMysqlBytes = 36;
  constexpr uint8_t kMysqlTlsFlag = 0x08;  // CLIENT_SSL, in the second byte of the capabilities
  for (const std::string_view request : {kPostgresTls, kPostgresGss}) {
    const Match match = MatchStart(stream, request);
    if (match == Match::kWhole) return {Outcome::kFound, request.size()};
    if (match == Match::kPart) return kPartial;
  }
  const Match mysql = MatchStart(stream, kMysqlHeader);
  if (mysql == Match::kPart) return kPartial;
  if (mysql == Match::kDiffers) return kAbsent;
  if (stream.size() < kMysqlBytes) return kPartial;
  return (stream[5] & kMysqlTlsFlag) != 0 ? Prelude{Outcome::kFound, kMysqlBytes} : kAbsent;
}

// TPKT with an X.224 connection request: RDP.
Prelude FindRdp(ByteSpan stream) {
  constexpr uint8_t kConnectionRequest = 0xe0;
  constexpr size_t kRdpBytesMax = 512;
  const Match start = MatchStart(stream, {"\3\0", 2});
  if (start != Match::kWhole) return start == Match::kPart ? kPartial : kAbsent;
  Cursor cursor(stream);
  cursor.Skip(2);
  const size_t length = cursor.U16();
  cursor.Skip(1);
  const uint8_t type = cursor.U8();
  if (!cursor.ok()) return kPartial;
  const bool fits = type == kConnectionRequest && length >= 11 && length <= kRdpBytesMax;
  return fits ? OfLength(stream, length) : kAbsent;
}

// An LDAP message with the extended request StartTLS (RFC 4511 §4.14.1).
Prelude FindLdap(ByteSpan stream) {
  constexpr uint8_t kSequence = 0x30;
  constexpr uint8_t kInteger = 0x02;  // the message's number comes first
  constexpr std::string_view kOid = "1.3.6.1.4.1.1466.20037";
  if (stream.empty() || stream[0] != kSequence) return kAbsent;
  if (stream.size() < 2) return kPartial;
  const size_t bytes = size_t{2} + stream[1];
  if (stream[1] < kOid.size() || stream[1] >= 0x80) return kAbsent;
  if (stream.size() > 2 && stream[2] != kInteger) return kAbsent;
  if (stream.size() < bytes) return kPartial;
  const ByteSpan message = stream.first(bytes);
  const auto at = std::search(message.begin(), message.end(), kOid.begin(), kOid.end(),
                              [](uint8_t a, char b) { return a == static_cast<uint8_t>(b); });
  return at == message.end() ? kAbsent : Prelude{Outcome::kFound, bytes};
}

bool IsText(uint8_t byte) {
  return (byte >= ' ' && byte != 0x7f) || byte == '\t' || byte == '\r' || byte == '\n';
}

}  // namespace

Prelude FindPrelude(ByteSpan stream, bool within_socks) {
  if (stream.empty()) return kPartial;
  if (within_socks) return FindSocks5(stream, true);
  if (stream[0] == kTlsHandshake) return kAbsent;
  bool more = false;
  for (const Prelude& each : {FindProxy(stream), FindSocks5(stream, false), FindSocks4(stream),
                              FindDatabase(stream), FindRdp(stream), FindLdap(stream)}) {
    if (each.outcome == Outcome::kFound) return each;
    more = more || each.outcome == Outcome::kNeedMore;
  }
  return more ? kPartial : kAbsent;
}

bool IsHttpResponse(ByteSpan stream) { return MatchStart(stream, "HTTP/") == Match::kWhole; }

bool GoesOnWithSocks5(ByteSpan stream, bool within_socks) {
  if (stream.empty()) return within_socks;
  return within_socks ? stream[0] == kSocksLogin : stream[0] == kSocksVersion;
}

Prelude SkipTextBeforeTls(ByteSpan text) {
  const auto other = std::find_if_not(text.begin(), text.end(), IsText);
  const auto text_bytes = static_cast<size_t>(other - text.begin());
  if (other == text.end()) {
    // The last byte stays: whether it ended a line or a tag is asked when the next one is there.
    return {Outcome::kNeedMore, text_bytes == 0 ? 0 : text_bytes - 1};
  }
  const bool ends = text_bytes > 0 && (text[text_bytes - 1] == '\n' || text[text_bytes - 1] == '>');
  if (*other != kTlsHandshake || !ends) return kAbsent;
  return {Outcome::kFound, text_bytes};
}

}  // namespace weir::names

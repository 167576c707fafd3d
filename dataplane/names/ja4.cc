#include "dataplane/names/ja4.h"

#include <algorithm>

#include "dataplane/base/cursor.h"

namespace weir::names {
namespace {

using base::Cursor;

// A hello of kTlsStreamBytesMax holds no more 16-bit values than this.
constexpr size_t kValuesMax = kTlsStreamBytesMax / 2;
constexpr size_t kHashTextBytes = 12;
constexpr size_t kVersionAt = 1;
constexpr size_t kSniAt = 3;
constexpr size_t kCiphersAt = 4;
constexpr size_t kExtensionsAt = 6;
constexpr size_t kAlpnAt = 8;
constexpr size_t kCipherHashAt = 11;
constexpr size_t kExtensionHashAt = 24;
constexpr uint16_t kExtServerName = 0;
constexpr uint16_t kExtAlpn = 16;

struct Values {
  std::array<uint16_t, kValuesMax> value;
  size_t count = 0;

  void Add(uint16_t each) {
    if (count < value.size()) value[count++] = each;
  }
  std::span<uint16_t> span() { return {value.data(), count}; }
};

char HexDigit(unsigned value) { return "0123456789abcdef"[value & 0xf]; }

void PutText(std::string_view from, size_t at, Ja4& out) {
  std::copy(from.begin(), from.end(), out.text.begin() + at);
}

void PutCount(size_t count, size_t at, Ja4& out) {
  count = std::min<size_t>(count, 99);
  out.text[at] = static_cast<char>('0' + count / 10);
  out.text[at + 1] = static_cast<char>('0' + count % 10);
}

std::string_view VersionText(uint16_t version) {
  switch (version) {
    case 0x0304:
      return "13";
    case 0x0303:
      return "12";
    case 0x0302:
      return "11";
    case 0x0301:
      return "10";
    case 0x0300:
      return "s3";
    case 0x0002:
      return "s2";
    case 0xfeff:
      return "d1";
    case 0xfefd:
      return "d2";
    case 0xfefc:
      return "d3";
    default:
      return "00";
  }
}

bool IsAlphanumeric(uint8_t byte) {
  return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
         (byte >= 'A' && byte <= 'Z');
}

// First and last character of the first protocol; of its hexadecimal form where one is not a letter
// or digit.
void PutAlpn(const ClientHello& hello, Ja4& out) {
  out.text[kAlpnAt] = '0';
  out.text[kAlpnAt + 1] = '0';
  if (hello.alpn_count == 0 || hello.alpn[0].empty()) return;
  const uint8_t first = hello.alpn[0].front();
  const uint8_t last = hello.alpn[0].back();
  const bool plain = IsAlphanumeric(first) && IsAlphanumeric(last);
  out.text[kAlpnAt] = plain ? static_cast<char>(first) : HexDigit(first >> 4U);
  out.text[kAlpnAt + 1] = plain ? static_cast<char>(last) : HexDigit(last);
}

// Feeds "002f,0035,…" to the digest.
void HashList(std::span<const uint16_t> values, Crypto& crypto) {
  std::array<uint8_t, 5> text{};
  for (size_t i = 0; i < values.size(); ++i) {
    const uint16_t value = values[i];
    for (unsigned digit = 0; digit < 4; ++digit) {
      text[digit] =
          static_cast<uint8_t>(HexDigit(static_cast<unsigned>(value) >> (12 - 4 * digit)));
    }
    text[4] = ',';
    crypto.HashUpdate(std::span<const uint8_t>(text).first(i + 1 < values.size() ? 5 : 4));
  }
}

void PutHash(const Sha256& digest, size_t at, Ja4& out) {
  for (size_t i = 0; i < kHashTextBytes; ++i) {
    const unsigned byte = digest[i / 2];
    out.text[at + i] = HexDigit(i % 2 == 0 ? byte >> 4 : byte);
  }
}

void CollectPairs(ByteSpan pairs, Values& out) {
  Cursor list(pairs);
  while (list.left() >= 2) {
    const uint16_t value = list.U16();
    if (!IsGrease(value)) out.Add(value);
  }
}

void PutCiphers(const ClientHello& hello, Crypto& crypto, Ja4& out) {
  Values ciphers;
  CollectPairs(hello.cipher_suites, ciphers);
  PutCount(ciphers.count, kCiphersAt, out);
  if (ciphers.count == 0) return PutText("000000000000", kCipherHashAt, out);
  std::sort(ciphers.span().begin(), ciphers.span().end());
  crypto.HashStart();
  HashList(ciphers.span(), crypto);
  PutHash(crypto.HashFinish(), kCipherHashAt, out);
}

void PutExtensions(const ClientHello& hello, Crypto& crypto, Ja4& out) {
  Values types;
  size_t counted = 0;
  Cursor list(hello.extensions);
  while (!list.empty()) {
    const uint16_t type = list.U16();
    list.Skip(list.U16());
    if (!list.ok()) break;
    if (IsGrease(type)) continue;
    ++counted;
    if (type != kExtServerName && type != kExtAlpn) types.Add(type);
  }
  PutCount(counted, kExtensionsAt, out);
  if (types.count == 0) return PutText("000000000000", kExtensionHashAt, out);
  std::sort(types.span().begin(), types.span().end());
  crypto.HashStart();
  HashList(types.span(), crypto);
  Values algorithms;
  CollectPairs(hello.signature_algorithms, algorithms);
  if (algorithms.count > 0) {
    constexpr uint8_t kSeparator[] = {'_'};
    crypto.HashUpdate(kSeparator);
    HashList(algorithms.span(), crypto);
  }
  PutHash(crypto.HashFinish(), kExtensionHashAt, out);
}

}  // namespace

Ja4 ComputeJa4(const ClientHello& hello, Ja4Transport transport, Crypto& crypto) {
  Ja4 out;
  out.text.fill('_');
  out.text[0] = static_cast<char>(transport);
  PutText(VersionText(hello.version_max), kVersionAt, out);
  out.text[kSniAt] = hello.has_sni ? 'd' : 'i';
  PutAlpn(hello, out);
  PutCiphers(hello, crypto, out);
  PutExtensions(hello, crypto, out);
  return out;
}

}  // namespace weir::names

#include "hello_builder.h"

#include <algorithm>

namespace weir::names::testing {
namespace {

int Nibble(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

Bytes FromHex(std::string_view hex) {
  Bytes out;
  int high = -1;
  for (const char c : hex) {
    const int value = Nibble(c);
    if (value < 0) continue;
    if (high >= 0) out.push_back(static_cast<uint8_t>(high * 16 + value));
    high = high >= 0 ? -1 : value;
  }
  return out;
}

Bytes FromText(std::string_view text) { return {text.begin(), text.end()}; }

void Append(Bytes& to, std::span<const uint8_t> more) {
  to.insert(to.end(), more.begin(), more.end());
}

void AppendBe(Bytes& to, uint64_t value, size_t bytes) {
  while (bytes-- > 0) to.push_back(static_cast<uint8_t>(value >> (8 * bytes)));
}

HelloBuilder::HelloBuilder() {
  Ciphers({0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f});
  Extension(43, FromHex("04 0304 0303"));
  Extension(10, FromHex("0004 001d 0017"));
  Extension(13, FromHex("0006 0403 0804 0401"));
}

HelloBuilder& HelloBuilder::Sni(std::string_view name) { return SniList({name}); }

HelloBuilder& HelloBuilder::SniList(std::initializer_list<std::string_view> names) {
  Bytes list;
  for (const std::string_view name : names) {
    list.push_back(0);
    AppendBe(list, name.size(), 2);
    Append(list, FromText(name));
  }
  Bytes body;
  AppendBe(body, list.size(), 2);
  Append(body, list);
  return Extension(0, body);
}

HelloBuilder& HelloBuilder::Alpn(std::initializer_list<std::string_view> protocols) {
  Bytes list;
  for (const std::string_view protocol : protocols) {
    AppendBe(list, protocol.size(), 1);
    Append(list, FromText(protocol));
  }
  Bytes body;
  AppendBe(body, list.size(), 2);
  Append(body, list);
  return Extension(16, body);
}

HelloBuilder& HelloBuilder::Extension(uint16_t type, std::span<const uint8_t> body) {
  AppendBe(extensions_, type, 2);
  AppendBe(extensions_, body.size(), 2);
  Append(extensions_, body);
  return *this;
}

HelloBuilder& HelloBuilder::Ciphers(std::initializer_list<uint16_t> suites) {
  ciphers_.clear();
  for (const uint16_t suite : suites) AppendBe(ciphers_, suite, 2);
  return *this;
}

HelloBuilder& HelloBuilder::Bare() {
  bare_ = true;
  extensions_.clear();
  return *this;
}

Bytes HelloBuilder::Message() const {
  Bytes body;
  AppendBe(body, 0x0303, 2);
  body.resize(body.size() + 32, 0x5a);
  AppendBe(body, 32, 1);
  body.resize(body.size() + 32, 0xa5);
  AppendBe(body, ciphers_.size(), 2);
  Append(body, ciphers_);
  AppendBe(body, 0x0100, 2);
  if (!bare_) {
    AppendBe(body, extensions_.size(), 2);
    Append(body, extensions_);
  }
  Bytes message;
  AppendBe(message, 1, 1);
  AppendBe(message, body.size(), 3);
  Append(message, body);
  return message;
}

Bytes HelloBuilder::Stream(size_t record_bytes) const { return Records(Message(), record_bytes); }

Bytes Records(std::span<const uint8_t> handshake, size_t record_bytes) {
  Bytes out;
  while (!handshake.empty()) {
    const auto piece = handshake.first(std::min(record_bytes, handshake.size()));
    AppendBe(out, 0x160301, 3);
    AppendBe(out, piece.size(), 2);
    Append(out, piece);
    handshake = handshake.subspan(piece.size());
  }
  return out;
}

void RecordingSink::OnName(const HostName& name, Source source) {
  names.push_back(std::string(SourceName(source)) + " " + std::string(name.view()));
}

}  // namespace weir::names::testing

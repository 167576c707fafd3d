// ClientHellos, records and expectations for the tests of names/: what a client would send, built
// by hand so that each test can say what is odd about it.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/names/name_sink.h"

namespace weir::names::testing {

using Bytes = std::vector<uint8_t>;

Bytes FromHex(std::string_view hex);  // blanks are passed over
Bytes FromText(std::string_view text);
void Append(Bytes& to, std::span<const uint8_t> more);
void AppendBe(Bytes& to, uint64_t value, size_t bytes);

// A handshake message of type ClientHello, as a TLS 1.3 browser writes it.
class HelloBuilder {
 public:
  HelloBuilder();  // no extension but supported_versions, groups and signature algorithms

  HelloBuilder& Sni(std::string_view name);  // may be called again: a second extension
  HelloBuilder& SniList(std::initializer_list<std::string_view> names);
  HelloBuilder& Alpn(std::initializer_list<std::string_view> protocols);
  HelloBuilder& Extension(uint16_t type, std::span<const uint8_t> body);
  HelloBuilder& Ciphers(std::initializer_list<uint16_t> suites);
  HelloBuilder& Bare();  // drops all extensions, the length field too

  Bytes Message() const;  // type, length, body
  // In records of `record_bytes` at most.
  Bytes Stream(size_t record_bytes = 16384) const;

 private:
  Bytes ciphers_;
  Bytes extensions_;
  bool bare_ = false;
};

Bytes Records(std::span<const uint8_t> handshake, size_t record_bytes);

// Writes down what it is told, as "tls_sni www.example".
class RecordingSink : public NameSink {
 public:
  void OnName(const HostName& name, Source source) override;
  std::vector<std::string> names;
};

}  // namespace weir::names::testing

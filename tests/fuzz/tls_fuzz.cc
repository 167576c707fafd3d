// ClientHellos over records: no read outside, a prefix never needs more than the whole has, and JA4
// of whatever was read.
#include <cstdint>
#include <memory>

#include "dataplane/names/ja4.h"
#include "dataplane/names/tls_client_hello.h"
#include "fuzz_check.h"

using namespace weir::names;

namespace {

Crypto& SharedCrypto() {
  static const std::unique_ptr<Crypto> crypto = Crypto::Create().value();
  return *crypto;
}

// Reads every byte the hello points at, for the sanitizers to see.
unsigned Sum(const ClientHello& hello) {
  unsigned sum = 0;
  for (size_t i = 0; i < hello.server_name_count; ++i) {
    for (const uint8_t byte : hello.server_names[i]) sum += byte;
  }
  for (size_t i = 0; i < hello.alpn_count; ++i) {
    for (const uint8_t byte : hello.alpn[i]) sum += byte;
  }
  return sum;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto scratch = std::make_unique<HandshakeBuffer>();
  const ByteSpan stream(data, size);
  ClientHello hello;
  const TlsParse whole = ParseTlsClientHello(stream, *scratch, hello);
  if (whole.outcome == Outcome::kFound || whole.outcome == Outcome::kNone) {
    FUZZ_CHECK(Sum(hello) <= 255 * size);
    const Ja4 ja4 = ComputeJa4(hello, Ja4Transport::kTcp, SharedCrypto());
    for (const char c : ja4.view()) {
      FUZZ_CHECK(c > ' ' && c < 0x7f);
    }
  }
  FUZZ_CHECK(whole.outcome != Outcome::kFound || hello.server_name_count > 0);
  FUZZ_CHECK(whole.outcome != Outcome::kNeedMore || whole.needed_bytes > size);
  const TlsParse half = ParseTlsClientHello(stream.first(size / 2), *scratch, hello);
  if (half.outcome == Outcome::kNeedMore && whole.outcome == Outcome::kFound) {
    FUZZ_CHECK(half.needed_bytes <= size);
  }
  // A prefix that decided decides as the whole does.
  FUZZ_CHECK(half.outcome == Outcome::kNeedMore || half.outcome == whole.outcome);
  return 0;
}

// A worker allocates nothing once it runs: counted here at operator new and at OpenSSL's allocator.
// A program of its own, for it replaces both.
#include <gtest/gtest.h>
#include <openssl/crypto.h>

#include <cstdlib>
#include <memory>
#include <new>

#include "dataplane/names/ja4.h"
#include "dataplane/names/name_finder.h"
#include "quic_builder.h"

namespace {

size_t allocations = 0;

void* CountedMalloc(size_t bytes, const char*, int) {
  ++allocations;
  return std::malloc(bytes);
}
void* CountedRealloc(void* old, size_t bytes, const char*, int) {
  ++allocations;
  return std::realloc(old, bytes);
}
void CountedFree(void* old, const char*, int) { std::free(old); }

// OpenSSL takes these only before its first allocation.
const bool counted = CRYPTO_set_mem_functions(CountedMalloc, CountedRealloc, CountedFree) == 1;

}  // namespace

void* operator new(size_t bytes) {
  ++allocations;
  void* made = std::malloc(bytes);
  if (made == nullptr) throw std::bad_alloc();
  return made;
}
void operator delete(void* old) noexcept { std::free(old); }
void operator delete(void* old, size_t) noexcept { std::free(old); }

namespace weir::names {
namespace {

using testing::Bytes;
using testing::HelloBuilder;

class FingerprintingSink : public NameSink {
 public:
  explicit FingerprintingSink(Crypto& crypto) : crypto_(crypto) {}
  void OnName(const HostName&, Source) override { ++names; }
  void OnClientHello(const ClientHello& hello, Source) override {
    last = ComputeJa4(hello, Ja4Transport::kTcp, crypto_);
  }
  size_t names = 0;
  Ja4 last;

 private:
  Crypto& crypto_;
};

TEST(NameFinder, AllocatesNothingOnceStarted) {
  ASSERT_TRUE(counted);
  const size_t before_start = allocations;
  const auto context = NameContext::Create(4).value();
  ASSERT_GT(allocations, before_start);  // the counters count

  const Bytes message = HelloBuilder()
                            .Sni(
                                "b\xc3\xbc"
                                "cher.example")
                            .Message();
  const Bytes tls = testing::Records(message, 50);
  const Bytes http =
      testing::FromText("GET / HTTP/1.1\r\nHost: one.example\r\nHost: 0x7f.1\r\n\r\n");
  const Bytes dns = testing::FromHex("1234 0100 0001 0000 0000 0000 0161 00 0001 0001");
  testing::InitialSpec spec;
  const Bytes first = testing::SealInitial(
      spec, testing::CryptoPart(message, 100, message.size() - 100), context->crypto());
  spec.number = 3;
  const Bytes second =
      testing::SealInitial(spec, testing::CryptoPart(message, 0, 100), context->crypto());

  FingerprintingSink sink(context->crypto());
  const size_t before = allocations;
  for (int i = 0; i < 10; ++i) {
    for (const Bytes* stream : {&tls, &http}) {
      TcpNameFinder finder;
      finder.Consume(*stream, *context, sink);
    }
    UdpNameFinder finder;
    for (const Bytes* datagram : {&dns, &first, &second, &http}) {
      finder.Consume(*datagram, {40000, 53}, *context, sink);
    }
  }
  EXPECT_EQ(allocations, before);
  EXPECT_EQ(sink.names, 50U);
}

}  // namespace
}  // namespace weir::names

// What a name costs: nanoseconds a message, from bytes to a normalised name told.
#include <benchmark/benchmark.h>

#include <memory>

#include "dataplane/names/ja4.h"
#include "dataplane/names/name_finder.h"
#include "tests/unit/dataplane_names/quic_builder.h"

namespace weir::names {
namespace {

using testing::Bytes;
using testing::HelloBuilder;

class CountingSink : public NameSink {
 public:
  void OnName(const HostName& name, Source) override { bytes += name.bytes; }
  uint64_t bytes = 0;
};

// The size of a browser's hello today: post-quantum key shares make it about 1,700 bytes.
HelloBuilder BrowserHello() {
  HelloBuilder builder;
  builder.Sni("www.subdomain.example").Alpn({"h2", "http/1.1"}).Extension(51, Bytes(1500, 7));
  return builder;
}

std::unique_ptr<NameContext> MakeContext() { return NameContext::Create().value(); }

void RunTcp(benchmark::State& state, const Bytes& stream) {
  const auto context = MakeContext();
  CountingSink sink;
  for (auto _ : state) {
    TcpNameFinder finder(443);
    benchmark::DoNotOptimize(finder.Consume(stream, *context, sink));
  }
  if (sink.bytes == 0) state.SkipWithError("no name was found");
}

void BM_TlsClientHello(benchmark::State& state) { RunTcp(state, BrowserHello().Stream()); }
BENCHMARK(BM_TlsClientHello);

void BM_TlsClientHelloSmallRecords(benchmark::State& state) {
  RunTcp(state, BrowserHello().Stream(64));
}
BENCHMARK(BM_TlsClientHelloSmallRecords);

void BM_HttpRequest(benchmark::State& state) {
  RunTcp(state, testing::FromText("GET /index.html HTTP/1.1\r\nUser-Agent: Mozilla/5.0 (X11)\r\n"
                                  "Accept: text/html,application/xhtml+xml\r\n"
                                  "Host: www.subdomain.example\r\nConnection: keep-alive\r\n\r\n"));
}
BENCHMARK(BM_HttpRequest);

void RunUdp(benchmark::State& state, const std::vector<Bytes>& datagrams, uint16_t port) {
  const auto context = MakeContext();
  CountingSink sink;
  for (auto _ : state) {
    UdpNameFinder finder;
    for (const Bytes& datagram : datagrams) {
      benchmark::DoNotOptimize(finder.Consume(datagram, {40000, port}, *context, sink));
    }
  }
  if (sink.bytes == 0) state.SkipWithError("no name was found");
}

void BM_DnsQuery(benchmark::State& state) {
  RunUdp(state,
         {testing::FromHex("1234 0100 0001 0000 0000 0000 03777777 09737562646f6d61696e"
                           "076578616d706c65 00 0001 0001")},
         53);
}
BENCHMARK(BM_DnsQuery);

Bytes Seal(uint64_t number, const Bytes& frames) {
  const auto crypto = Crypto::Create();
  testing::InitialSpec spec;
  spec.number = number;
  spec.pad_to = 1200;
  return testing::SealInitial(spec, frames, **crypto);
}

void BM_QuicInitial(benchmark::State& state) {
  const Bytes hello = HelloBuilder().Sni("www.subdomain.example").Alpn({"h3"}).Message();
  RunUdp(state, {Seal(1, testing::CryptoPart(hello, 0, hello.size()))}, 443);
}
BENCHMARK(BM_QuicInitial);

void BM_QuicTwoInitials(benchmark::State& state) {
  const Bytes hello = BrowserHello().Message();
  RunUdp(state,
         {Seal(1, testing::CryptoPart(hello, 900, hello.size() - 900)),
          Seal(2, testing::CryptoPart(hello, 0, 900))},
         443);
}
BENCHMARK(BM_QuicTwoInitials);

void BM_QuicShortHeader(benchmark::State& state) {
  const auto context = MakeContext();
  CountingSink sink;
  UdpNameFinder finder;
  Bytes datagram(1200, 0x5a);
  for (auto _ : state) {
    benchmark::DoNotOptimize(finder.Consume(datagram, {40000, 443}, *context, sink));
  }
}
BENCHMARK(BM_QuicShortHeader);

void BM_Ja4(benchmark::State& state) {
  const auto crypto = Crypto::Create();
  const Bytes message = BrowserHello().Message();
  ClientHello hello;
  ParseHandshake(message, hello);
  for (auto _ : state) benchmark::DoNotOptimize(ComputeJa4(hello, Ja4Transport::kTcp, **crypto));
}
BENCHMARK(BM_Ja4);

void BM_NormaliseHost(benchmark::State& state) {
  HostName name;
  for (auto _ : state) {
    benchmark::DoNotOptimize(NormaliseHost("WWW.Subdomain.Example:443", name));
  }
}
BENCHMARK(BM_NormaliseHost);

}  // namespace
}  // namespace weir::names

BENCHMARK_MAIN();

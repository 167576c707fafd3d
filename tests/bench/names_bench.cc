// What a name costs: nanoseconds a message, from bytes to a normalised name told.
// scripts/bench names runs it several times and says how far the runs lie apart.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <memory>

#include "dataplane/names/ja4.h"
#include "dataplane/names/name_finder.h"
#include "dataplane/stream/client_stream.h"
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

// Without post-quantum keys.
void BM_TlsClientHelloSmall(benchmark::State& state) {
  HelloBuilder builder;
  builder.Sni("www.subdomain.example").Alpn({"h2", "http/1.1"}).Extension(51, Bytes(36, 7));
  RunTcp(state, builder.Stream());
}
BENCHMARK(BM_TlsClientHelloSmall);

// The finder as the stream's reader, as in the pipeline.
struct NameReader {
  TcpNameFinder& finder;
  NameContext& context;
  NameSink& sink;

  size_t Read(ByteSpan bytes) { return finder.Consume(bytes, context, sink).consumed; }
  uint64_t passable() const { return finder.passable(); }
  void Pass(uint32_t count) { finder.Pass(count); }
  bool finished() const { return finder.finished(); }
};

// In two segments, put in order and kept until the server has acknowledged them.
void BM_TlsClientHelloTwoSegments(benchmark::State& state) {
  constexpr size_t kSegmentBytes = 1448;
  const Bytes stream = BrowserHello().Stream();
  const ByteSpan whole(stream);
  const auto context = MakeContext();
  CountingSink sink;
  stream::BufferPool pool(1);
  for (auto _ : state) {
    TcpNameFinder finder(443);
    NameReader reader{finder, *context, sink};
    stream::ClientStream client(pool);
    client.Start(1000, true);
    client.Add(1000, whole.first(kSegmentBytes), true, reader);
    benchmark::DoNotOptimize(
        client.Add(1000 + kSegmentBytes, whole.subspan(kSegmentBytes), true, reader));
    client.Acknowledge(1000 + static_cast<uint32_t>(whole.size()));
    client.Stop();
  }
  if (sink.bytes == 0) state.SkipWithError("no name was found");
}
BENCHMARK(BM_TlsClientHelloTwoSegments);

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

Bytes Seal(uint64_t number, const Bytes& frames, uint32_t version = testing::kQuicV1) {
  const auto crypto = Crypto::Create();
  testing::InitialSpec spec;
  spec.version = version;
  spec.number = number;
  spec.pad_to = 1200;
  return testing::SealInitial(spec, frames, **crypto);
}

void RunQuicInitial(benchmark::State& state, uint32_t version) {
  const Bytes hello = HelloBuilder().Sni("www.subdomain.example").Alpn({"h3"}).Message();
  RunUdp(state, {Seal(1, testing::CryptoPart(hello, 0, hello.size()), version)}, 443);
}

void BM_QuicInitial(benchmark::State& state) { RunQuicInitial(state, testing::kQuicV1); }
BENCHMARK(BM_QuicInitial);

void BM_QuicInitialV2(benchmark::State& state) { RunQuicInitial(state, testing::kQuicV2); }
BENCHMARK(BM_QuicInitialV2);

// A browser's hello in four Initials; the time is that of all four.
void RunQuicFlight(benchmark::State& state, uint32_t version) {
  constexpr size_t kInitials = 4;
  const Bytes hello = BrowserHello().Message();
  const size_t part = (hello.size() + kInitials - 1) / kInitials;
  std::vector<Bytes> flight;
  for (size_t at = 0; at < hello.size(); at += part) {
    const size_t bytes = std::min(part, hello.size() - at);
    flight.push_back(Seal(1 + flight.size(), testing::CryptoPart(hello, at, bytes), version));
  }
  RunUdp(state, flight, 443);
}

void BM_QuicFourInitials(benchmark::State& state) { RunQuicFlight(state, testing::kQuicV1); }
BENCHMARK(BM_QuicFourInitials);

void BM_QuicFourInitialsV2(benchmark::State& state) { RunQuicFlight(state, testing::kQuicV2); }
BENCHMARK(BM_QuicFourInitialsV2);

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

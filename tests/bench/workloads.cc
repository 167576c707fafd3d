#include "tests/bench/workloads.h"

#include <fmt/format.h>

#include <stdexcept>

#include "tests/bench/connection.h"
#include "tests/bench/measurements.h"
#include "tests/unit/dataplane_names/quic_builder.h"

namespace weir::bench {
namespace {

using names::testing::Bytes;
using packet::tcp_flag::kSyn;

using MakeFlow = std::function<void(BenchPipeline&, const FlowMaker&, uint64_t)>;

Workload NewFlowWork(uint64_t flows_a_piece, const MakeFlow& make) {
  auto number = std::make_shared<uint64_t>(0);
  const auto some = [make, number](BenchPipeline& bench, uint64_t count) {
    const FlowMaker maker(kSeed);
    for (uint64_t i = 0; i < count; ++i) make(bench, maker, (*number)++);
  };
  Workload work;
  work.setup = {.flows_max = 2'000'000, .closed_s = 1, .rules = kRules};
  work.warm_up = [some, flows_a_piece](BenchPipeline& bench) { some(bench, flows_a_piece); };
  work.piece = work.warm_up;
  return work;
}

Workload SynAlone(uint64_t flows) {
  return NewFlowWork(flows, [](BenchPipeline& bench, const FlowMaker& maker, uint64_t number) {
    maker.Tcp(number, true, {.flags = kSyn, .payload = {}}, bench.Next());
  });
}

Workload OpenedAndClosed(uint64_t flows) {
  return NewFlowWork(flows, [](BenchPipeline& bench, const FlowMaker& maker, uint64_t number) {
    Connection connection(bench, maker, number);
    connection.Handshake();
    connection.End();
  });
}

Workload TlsWithName(uint64_t flows) {
  const Bytes hello = HelloFor("www.example.org");
  return NewFlowWork(flows, [hello](BenchPipeline& bench, const FlowMaker& maker, uint64_t number) {
    Connection connection(bench, maker, number);
    connection.Handshake();
    connection.Say(hello);
    connection.Answer();
    connection.End();
  });
}

Workload QuicWithName(uint64_t flows) {
  auto crypto = names::Crypto::Create();
  if (!crypto) throw std::runtime_error(crypto.error().message);
  std::vector<Bytes> initials;
  for (uint64_t i = 0; i < 64; ++i) {
    const Bytes hello =
        names::testing::HelloBuilder().Sni(fmt::format("host-{}.example", i)).Message();
    names::testing::InitialSpec spec;
    for (size_t at = 0; at < spec.dcid.size(); ++at) {
      spec.dcid[at] = static_cast<uint8_t>(Scramble(i) >> (8 * at));
    }
    spec.pad_to = 1200;
    initials.push_back(SealInitial(spec, names::testing::CryptoFrame(0, hello), **crypto));
  }
  return NewFlowWork(flows,
                     [initials](BenchPipeline& bench, const FlowMaker& maker, uint64_t number) {
                       maker.Udp(number, true, initials[number % initials.size()], bench.Next());
                     });
}

void Establish(BenchPipeline& bench, uint64_t flows, unsigned records) {
  const FlowMaker maker(kSeed);
  const Bytes hello = HelloFor("www.example.org");
  for (uint64_t number = 0; number < flows; ++number) {
    Connection connection(bench, maker, number);
    connection.Handshake();
    connection.Say(hello);
    connection.Answer();
    for (unsigned i = 0; i < records; ++i) connection.Exchange();
  }
  bench.Flush();
  if (bench.flows().entries.value() != flows) throw std::runtime_error("flows were lost");
}

}  // namespace

Workload EstablishedWork(uint64_t flows, uint64_t packets, unsigned records) {
  auto random = std::make_shared<uint64_t>(kSeed);
  Workload work;
  work.setup = {.flows_max = static_cast<uint32_t>(flows * 100 / 85 + 1000), .rules = kRules};
  work.warm_up = [flows, records](BenchPipeline& bench) { Establish(bench, flows, records); };
  work.piece = [flows, packets, random](BenchPipeline& bench) {
    const FlowMaker maker(kSeed);
    for (uint64_t i = 0; i < packets; ++i) {
      *random = Scramble(*random);
      maker.Data(*random % flows, (*random >> 32) % 2 == 0, MixedPayloadBytes(*random >> 40),
                 bench.Next());
    }
  };
  return work;
}

const std::vector<NewFlowKind>& NewFlowKinds() {
  static const std::vector<NewFlowKind> kKinds = {
      {"SYN alone", false, SynAlone},
      {"TCP, opened and closed (6 packets)", false, OpenedAndClosed},
      {"TLS with a name (8 packets)", true, TlsWithName},
      {"QUIC Initial with a name (1 packet)", true, QuicWithName}};
  return kKinds;
}

Workload MixWork(const std::shared_ptr<TrafficMix>& mix, uint64_t packets) {
  const auto some = [mix](BenchPipeline& bench, uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) mix->Next(bench.Next());
  };
  Workload work;
  // A million packets a second; idle flows go after a second, so that the table comes to its size
  // while one waits.
  work.setup = {
      .flows_max = 500'000, .closed_s = 1, .udp_s = 1, .ns_a_packet = 1000, .rules = kRules};
  work.warm_up = [some](BenchPipeline& bench) { some(bench, 1'500'000); };
  work.piece = [some, packets](BenchPipeline& bench) { some(bench, packets); };
  return work;
}

}  // namespace weir::bench

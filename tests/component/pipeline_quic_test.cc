// QUIC hellos in pieces through the whole pipeline: over IPv4 and IPv6, with and without VLAN, many
// flows at once, captures that begin with the server's words.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "dataplane/names/name_finder.h"
#include "tests/support/pipeline_harness.h"
#include "tests/unit/dataplane_names/quic_flight.h"

namespace weir::testing {
namespace {

using names::testing::CryptoPart;
using names::testing::HelloBuilder;
using names::testing::InitialSpec;
using names::testing::MakeQuicFlight;
using names::testing::QuicFlight;
using names::testing::RecordingSink;
using names::testing::SealInitial;

constexpr size_t kFlows = 113;

// Both ways of one UDP flow, alike for the same number.
struct Path {
  uint16_t client_port;
  bool is_v6;
  bool has_vlan;

  explicit Path(size_t number)
      : client_port(static_cast<uint16_t>(30000 + number)),
        is_v6(number % 3 == 1),
        has_vlan(number % 4 == 2) {}

  PacketBuilder Datagram(bool from_client, std::span<const uint8_t> payload) const {
    PacketBuilder builder;
    if (has_vlan) builder.Vlan(20);
    const char* client = is_v6 ? "2001:db8:1::11" : "10.20.0.11";
    const char* server = is_v6 ? "2001:db8:2::10" : "198.51.100.10";
    const char* src = from_client ? client : server;
    const char* dst = from_client ? server : client;
    if (is_v6) {
      builder.Ipv6(src, dst);
    } else {
      builder.Ipv4(src, dst);
    }
    const uint16_t src_port = from_client ? client_port : uint16_t{443};
    const uint16_t dst_port = from_client ? uint16_t{443} : client_port;
    builder.Udp({.src_port = src_port, .dst_port = dst_port}).Payload(payload);
    return builder;
  }
};

class PipelineQuic : public ::testing::Test {
 protected:
  std::unique_ptr<names::NameContext> context_ = names::NameContext::Create().value();
};

TEST_F(PipelineQuic, NamesEveryOneOfManyFlowsAtOnce) {
  for (unsigned seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    PipelineHarness bench;
    std::vector<QuicFlight> flights;
    for (size_t i = 0; i < kFlows; ++i) {
      const std::string name = "host-" + std::to_string(i) + ".example";
      flights.push_back(MakeQuicFlight(random, name, context_->crypto()));
    }
    const Bytes answer = FromHex("c0 00000001 00 05 0102030405 00 4015 0000000000000000000000");
    for (size_t at = 0, left = kFlows; left > 0; ++at) {
      left = 0;
      for (size_t i = 0; i < kFlows; ++i) {
        const Path path(i);
        // Some begin with the server's words.
        if ((at == 0) == (i % 5 == 0)) bench.FromOutside(path.Datagram(false, answer));
        if (at >= flights[i].datagrams.size()) continue;
        ASSERT_TRUE(bench.FromInside(path.Datagram(true, flights[i].datagrams[at])));
        ++left;
      }
    }
    bench.CloseAll();
    ASSERT_EQ(bench.events().sessions().size(), kFlows);
    for (const auto& [key, seen] : bench.events().sessions()) {
      const uint16_t port = std::max(seen.event.src_port, seen.event.dst_port);
      EXPECT_EQ(seen.event.name_source, events::NameSource::kQuicSni);
      EXPECT_EQ(seen.name, flights.at(port - 30000U).name);
    }
  }
}

// A server reads what got through; it must not come to a blocked name. An allowed one always gets
// through.
TEST_F(PipelineQuic, NothingOfABlockedHelloIsWholeBehindIt) {
  for (unsigned seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    PipelineHarness bench("drop domain blocked.example mode enforce\n");
    for (const bool blocked : {true, false}) {
      const QuicFlight flight = MakeQuicFlight(
          random, blocked ? "www.blocked.example" : "www.allowed.example", context_->crypto());
      const Path path(blocked ? 1 : 2);
      names::UdpNameFinder server;
      RecordingSink read;
      for (const Bytes& datagram : flight.datagrams) {
        if (!bench.FromInside(path.Datagram(true, datagram))) continue;
        server.Consume(datagram, {40000, 443}, *context_, read);
      }
      EXPECT_EQ(read.names.empty(), blocked);
    }
  }
}

TEST_F(PipelineQuic, DropsADatagramThatContradictsTheHello) {
  const Bytes shown = HelloBuilder().Sni("shown-.example").Message();
  const Bytes hidden = HelloBuilder().Sni("hidden.example").Message();
  const auto part = [&](const Bytes& hello, uint64_t number, size_t offset, size_t bytes) {
    InitialSpec spec;
    spec.number = number;
    spec.pad_to = 1200;
    return SealInitial(spec, CryptoPart(hello, offset, bytes), context_->crypto());
  };
  const size_t half = shown.size() / 2;
  for (const bool enforced : {true, false}) {
    PipelineHarness bench(enforced ? "drop host hidden.example mode enforce\n" : "");
    const Path path(1);
    EXPECT_TRUE(bench.FromInside(path.Datagram(true, part(shown, 1, half, shown.size() - half))));
    EXPECT_EQ(bench.FromInside(path.Datagram(true, part(hidden, 2, half, shown.size() - half))),
              !enforced);
    EXPECT_EQ(bench.last_reason(),
              enforced ? packet::DropReason::kStream : packet::DropReason::kNone);
    EXPECT_TRUE(bench.FromInside(path.Datagram(true, part(shown, 3, 0, half))));
    EXPECT_EQ(bench.session().name, "shown-.example");
  }
}

// One half of an allowed hello is made to die on its way to the server; the hello was whole here.
TEST_F(PipelineQuic, NoHalfIsReplacedBehindAHelloThatWasWhole) {
  const Bytes shown = HelloBuilder().Sni("shown-.example").Message();
  const Bytes hidden = HelloBuilder().Sni("hidden.example").Message();
  const size_t half = shown.size() / 2;
  const auto part = [&](const Bytes& hello, uint64_t number, bool second) {
    InitialSpec spec;
    spec.number = number;
    spec.pad_to = 1200;
    const size_t from = second ? half : 0;
    return SealInitial(spec, CryptoPart(hello, from, second ? hello.size() - half : half),
                       context_->crypto());
  };
  for (const bool enforced : {true, false}) {
    PipelineHarness bench(enforced ? "drop host hidden.example mode enforce\n" : "");
    const Path path(1);
    EXPECT_TRUE(bench.FromInside(path.Datagram(true, part(shown, 1, true))));
    EXPECT_TRUE(bench.FromInside(path.Datagram(true, part(shown, 2, false))));
    EXPECT_EQ(bench.FromInside(path.Datagram(true, part(hidden, 3, true))), !enforced);
    // What was said before may come again.
    EXPECT_TRUE(bench.FromInside(path.Datagram(true, part(shown, 4, true))));
    EXPECT_EQ(bench.session().name, "shown-.example");
  }
}

// A verdict does not wait for ever; the hello is read to its end all the same.
// Half a hello in the server's name, from the client's side, so that the client be taken for it.
TEST_F(PipelineQuic, ReadsNoSecondClientOnTheSameSide) {
  PipelineHarness bench("drop host bad.test id r1");
  std::mt19937 random(7);
  QuicFlight half = MakeQuicFlight(random, "all.test", context_->crypto());
  while (half.datagrams.size() < 2) half = MakeQuicFlight(random, "all.test", context_->crypto());
  const Path path(0);
  const auto in_the_servers_name = [](std::span<const uint8_t> payload) {
    PacketBuilder builder;
    builder.Ipv4("198.51.100.10", "10.20.0.11")
        .Udp({.src_port = 443, .dst_port = 30000})
        .Payload(payload);
    return builder;
  };
  EXPECT_TRUE(bench.FromInside(in_the_servers_name(half.datagrams[0])));
  const QuicFlight bad = MakeQuicFlight(random, "bad.test", context_->crypto());
  bool all_passed = true;
  for (const auto& datagram : bad.datagrams) {
    all_passed = bench.FromInside(path.Datagram(true, datagram)) && all_passed;
  }
  EXPECT_FALSE(all_passed);
}

TEST_F(PipelineQuic, ReadsAQuestionBehindAHelloToAResolver) {
  PipelineHarness bench("drop host bad.test id r1");
  std::mt19937 random(7);
  const auto to_resolver = [](std::span<const uint8_t> payload) {
    PacketBuilder builder;
    builder.Ipv4("10.20.0.11", "198.51.100.10")
        .Udp({.src_port = 30000, .dst_port = 53})
        .Payload(payload);
    return builder;
  };
  const QuicFlight hello = MakeQuicFlight(random, "all.test", context_->crypto());
  for (const auto& datagram : hello.datagrams) {
    EXPECT_TRUE(bench.FromInside(to_resolver(datagram)));
  }
  const Bytes question =
      FromHex("1234 0100 0001 0000 0000 0000 03 626164 04 74657374 00 0001 0001");
  EXPECT_FALSE(bench.FromInside(to_resolver(question)));
}

TEST_F(PipelineQuic, FollowsAHelloBehindManyOtherDatagrams) {
  PipelineHarness bench("drop host late.example mode enforce\n");
  const Bytes hello = HelloBuilder().Sni("late.example").Message();
  const Path path(1);
  InitialSpec spec;
  spec.pad_to = 1200;
  const Bytes first = SealInitial(spec, CryptoPart(hello, 0, 100), context_->crypto());
  ++spec.number;
  const Bytes second =
      SealInitial(spec, CryptoPart(hello, 100, hello.size() - 100), context_->crypto());
  EXPECT_TRUE(bench.FromInside(path.Datagram(true, first)));
  const Bytes zero_rtt =
      FromHex("d0 00000001 08 8394c8f03e515708 00 4014 0000000000000000 000000000000000000000000");
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(bench.FromInside(path.Datagram(true, zero_rtt)));
  EXPECT_FALSE(bench.FromInside(path.Datagram(true, second)));
  EXPECT_EQ(bench.session().name, "late.example");
}

}  // namespace
}  // namespace weir::testing

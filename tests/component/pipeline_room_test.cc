// When more flows want to be read than there are places: who has said nothing yields, and no name
// is lost by it.
#include <gtest/gtest.h>

#include "tests/support/pipeline_harness.h"
#include "tests/support/tcp_talk.h"

namespace weir::testing {
namespace {

using packet::tcp_flag::kSyn;

constexpr char kRules[] = "drop host bad.test id r1";
const std::string kBad = "GET / HTTP/1.1\r\nHost: bad.test\r\n\r\n";
const std::string kHalf = "GET / HTTP/1.1\r\nHos";
constexpr uint16_t kPlaces = 4;

pipeline::Options FewPlaces(bool closed) {
  pipeline::Options options = PipelineHarness::DefaultOptions();
  options.learning_max = kPlaces;
  options.drop_when_table_full = options.drop_when_streams_full = closed;
  return options;
}

TEST(PipelineRoom, AFloodOfSynsKeepsNoNameFromBeingRead) {
  PipelineHarness bench(kRules, FewPlaces(false));
  for (uint16_t i = 0; i < 3 * kPlaces; ++i) {
    TcpTalk scan(bench, static_cast<uint16_t>(50000 + i), 80);
    EXPECT_TRUE(scan.Client(kSyn, {}));
  }
  TcpTalk talk(bench, 40000, 80);
  ASSERT_TRUE(talk.Handshake());
  EXPECT_FALSE(talk.Say(kBad));
  EXPECT_EQ(bench.pipeline().counters().learning_refused.value(), 0U);
  EXPECT_EQ(bench.pipeline().counters().learning_taken.value(), 2U * kPlaces + 1);
}

TEST(PipelineRoom, WhoYieldedIsReadFromHisFirstWordsOn) {
  PipelineHarness bench(kRules, FewPlaces(false));
  TcpTalk talk(bench, 40000, 80);
  ASSERT_TRUE(talk.Handshake());
  for (uint16_t i = 0; i < 2 * kPlaces; ++i) {
    TcpTalk scan(bench, static_cast<uint16_t>(50000 + i), 80);
    EXPECT_TRUE(scan.Client(kSyn, {}));
  }
  EXPECT_FALSE(talk.Say(kBad));
}

TEST(PipelineRoom, ARuleBehindTheOneThatWaitedIsAskedAgain) {
  PipelineHarness bench("drop app BitTorrent id a1\ndrop port udp/6881 id r2", FewPlaces(false));
  bench.classifier().final_after_packets = 100;
  PacketBuilder datagram;
  datagram.Ipv4("10.20.0.11", "198.51.100.10")
      .Udp({.src_port = 40000, .dst_port = 6881})
      .Payload("nothing that anybody knows");
  EXPECT_TRUE(bench.FromInside(datagram)) << "its application may yet be known";
  for (uint16_t i = 0; i < 2 * kPlaces; ++i) {
    TcpTalk scan(bench, static_cast<uint16_t>(50000 + i), 80);
    EXPECT_TRUE(scan.Client(kSyn, {}));
  }
  EXPECT_TRUE(bench.FromInside(datagram)) << "scans yield first";
  for (uint16_t i = 0; i < 2 * kPlaces; ++i) {
    EXPECT_TRUE(
        bench.FromInside(PacketBuilder()
                             .Ipv4("10.20.0.11", "198.51.100.10")
                             .Udp({.src_port = static_cast<uint16_t>(50000 + i), .dst_port = 6882})
                             .Payload("nothing that anybody knows")));
  }
  EXPECT_FALSE(bench.FromInside(datagram));
}

TEST(PipelineRoom, DatagramsWithoutANameYield) {
  PipelineHarness bench(kRules, FewPlaces(false));
  for (uint16_t i = 0; i < 3 * kPlaces; ++i) {
    EXPECT_TRUE(
        bench.FromInside(PacketBuilder()
                             .Ipv4("10.20.0.11", "198.51.100.10")
                             .Udp({.src_port = static_cast<uint16_t>(50000 + i), .dst_port = 6881})
                             .Payload("nothing that anybody knows")));
  }
  TcpTalk talk(bench, 40000, 80);
  ASSERT_TRUE(talk.Handshake());
  EXPECT_FALSE(talk.Say(kBad));
}

// Names that are half read do not yield: then it is as configured.
TEST(PipelineRoom, WhereNobodyCanYieldItIsAsConfigured) {
  for (const bool closed : {false, true}) {
    PipelineHarness bench(kRules, FewPlaces(closed));
    for (uint16_t i = 0; i < kPlaces; ++i) {
      TcpTalk busy(bench, static_cast<uint16_t>(50000 + i), 80);
      ASSERT_TRUE(busy.Handshake());
      ASSERT_TRUE(busy.Say(kHalf));
    }
    TcpTalk talk(bench, 40000, 80);
    EXPECT_EQ(talk.Client(kSyn, {}), !closed);
    EXPECT_EQ(bench.pipeline().counters().learning_refused.value(), 1U);
    const auto reason = closed ? packet::DropReason::kTableFull : packet::DropReason::kNone;
    EXPECT_EQ(bench.last_reason(), reason);
  }
}

}  // namespace
}  // namespace weir::testing

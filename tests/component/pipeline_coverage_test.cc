// What Weir says of the names that it did not see: every session counts once, under one reason.
#include <gtest/gtest.h>

#include "dataplane/pipeline/coverage.h"
#include "tests/support/pipeline_harness.h"
#include "tests/support/tcp_talk.h"

namespace weir::testing {
namespace {

std::map<std::string, uint64_t> Coverage(PipelineHarness& bench) {
  bench.CloseAll();
  std::map<std::string, uint64_t> counts;
  for (const auto& [name, count] : pipeline::CoverageCounts(bench.pipeline().counters())) {
    counts[std::string(name)] = count;
  }
  return counts;
}

using Counts = std::map<std::string, uint64_t>;

TEST(PipelineCoverage, CountsEachSessionOnce) {
  PipelineHarness bench;
  TcpTalk named(bench, 40000, 80);
  EXPECT_TRUE(named.Handshake());
  EXPECT_TRUE(named.Say("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"));
  EXPECT_TRUE(named.Say("GET / HTTP/1.1\r\nHost: b.test\r\n\r\n"));
  TcpTalk nameless(bench, 40001, 80);
  EXPECT_TRUE(nameless.Handshake());
  EXPECT_TRUE(nameless.Say("GET / HTTP/1.0\r\n\r\n"));
  TcpTalk foreign(bench, 40002, 9999);
  EXPECT_TRUE(foreign.Handshake());
  EXPECT_TRUE(foreign.Say(std::string(64, '\1')));
  TcpTalk scan(bench, 40003, 22);
  EXPECT_TRUE(scan.Client(packet::tcp_flag::kSyn, {}));
  EXPECT_TRUE(
      bench.FromInside(PacketBuilder().Ipv4("10.20.0.11", "192.0.2.9").Icmp(8, 0).Payload("ping")));
  EXPECT_EQ(
      Coverage(bench),
      (Counts{
          {"named", 1}, {"http_no_host", 1}, {"unknown", 1}, {"no_payload", 1}, {"no_names", 1}}));
}

TEST(PipelineCoverage, TellsWhatHidesNames) {
  PipelineHarness bench;
  TcpTalk dot(bench, 40000, 853);
  EXPECT_TRUE(dot.Handshake());
  EXPECT_TRUE(dot.Say("anything at all"));
  EXPECT_TRUE(bench.FromInside(
      PacketBuilder().Ipv4("10.20.0.11", "192.0.2.9").Raw(50).Payload(std::string(80, 'e'))));
  EXPECT_EQ(Coverage(bench), (Counts{{"dot", 1}, {"vpn", 1}}));
}

}  // namespace
}  // namespace weir::testing

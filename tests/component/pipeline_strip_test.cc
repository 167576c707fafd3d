// Keys for encrypted hellos in plain DNS answers, on the way through the pipeline.
#include <gtest/gtest.h>

#include "dataplane/base/byte_order.h"
#include "tests/support/encapsulation.h"
#include "tests/support/pipeline_harness.h"

namespace weir::testing {
namespace {

// An HTTPS record with one configuration for ECH, behind a question for www.test.
Bytes DnsAnswer(std::string_view pad) {
  return FromHex("1234 8180 0001 0001 0000 0000 03777777 04746573 7400 0041 0001" +
                 std::string("c00c 0041 0001 0000012c") + std::string(pad) +
                 "0005 0009 0007 fe0d 0003 aabbcc");
}
// The record's length, its priority, and a target of the root, or of one letter so that the
// configuration lies at an odd offset.
constexpr char kEven[] = "0010 0001 00";
constexpr char kOdd[] = "0012 0001 016100";

PacketBuilder Answer(const Bytes& message, bool v6) {
  PacketBuilder builder;
  builder.Macs("02:00:00:00:00:02", "02:00:00:00:00:01");
  if (v6) {
    builder.Ipv6("2001:db8::53", "2001:db8::11");
  } else {
    builder.Vlan(9).Ipv4("198.51.100.53", "10.20.0.11");
  }
  builder.Udp({.src_port = 53, .dst_port = 40000}).Payload(message);
  return builder;
}

pipeline::Options Stripping() {
  pipeline::Options options = PipelineHarness::DefaultOptions();
  options.strip_ech = true;
  return options;
}

TEST(PipelineStrip, MakesTheKeysUnusableAndTheChecksumRight) {
  for (const char* target : {kEven, kOdd}) {
    for (const bool v6 : {false, true}) {
      PipelineHarness bench("drop host bad.test", Stripping());
      Bytes message = DnsAnswer(target);
      ASSERT_TRUE(bench.FromOutside(Answer(message, v6)));
      EXPECT_EQ(bench.pipeline().counters().ech_hidden.value(), 1U);
      const size_t version_at = message.size() - 7;
      message[version_at] = message[version_at + 1] = 0;
      EXPECT_EQ(bench.last_frame(), Answer(message, v6).Build());
    }
  }
}

TEST(PipelineStrip, ChangesNothingUnlessAskedTo) {
  const Bytes frame = Answer(DnsAnswer(kEven), false).Build();
  PipelineHarness off("drop host bad.test");
  EXPECT_TRUE(off.Send(frame, packet::Side::kOutside));
  EXPECT_EQ(off.last_frame(), frame);
  PipelineHarness monitor("drop host bad.test mode monitor", Stripping());
  EXPECT_TRUE(monitor.Send(frame, packet::Side::kOutside));
  EXPECT_EQ(monitor.last_frame(), frame);
  PipelineHarness bypass("drop host bad.test", Stripping());
  bypass.pipeline().set_bypass(true);
  EXPECT_TRUE(bypass.Send(frame, packet::Side::kOutside));
  EXPECT_EQ(bypass.last_frame(), frame);
}

// The builder's own sums say what the tunnel's checksum must be afterwards.
TEST(PipelineStrip, InATunnelEveryChecksumStaysRight) {
  const auto in_vxlan = [](const Bytes& message, bool with_checksum) {
    Bytes frame = PacketBuilder()
                      .Ipv4("198.51.100.53", "10.20.0.11")
                      .Udp({53, 40000})
                      .Payload(message)
                      .Build();
    if (!with_checksum) frame[14 + 20 + 6] = frame[14 + 20 + 7] = 0;
    return OverUdp(PacketBuilder().Ipv4("203.0.113.2", "10.20.0.2"), {50000, 4789}, Vxlan(frame));
  };
  for (const bool with_checksum : {true, false}) {
    PipelineHarness bench("drop host bad.test", Stripping());
    Bytes message = DnsAnswer(kEven);
    ASSERT_TRUE(bench.Send(in_vxlan(message, with_checksum), packet::Side::kOutside));
    const size_t version_at = message.size() - 7;
    if (with_checksum) message[version_at] = message[version_at + 1] = 0;
    EXPECT_EQ(bench.last_frame(), in_vxlan(message, with_checksum));
    EXPECT_EQ(bench.pipeline().counters().ech_hidden.value(), with_checksum ? 1U : 0U);
  }
}

}  // namespace
}  // namespace weir::testing

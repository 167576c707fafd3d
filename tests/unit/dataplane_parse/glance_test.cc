#include "dataplane/parse/glance.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/support/glance_check.h"
#include "tests/support/packet_builder.h"

namespace weir::parse {
namespace {

using weir::testing::Bytes;
using weir::testing::PacketBuilder;

packet::Packet PacketOf(Bytes& frame, size_t wire_bytes = 0) {
  packet::Packet packet;
  packet.data = frame.data();
  packet.captured_bytes = static_cast<uint32_t>(frame.size());
  packet.wire_bytes = static_cast<uint32_t>(wire_bytes == 0 ? frame.size() : wire_bytes);
  return packet;
}

bool SaysSomething(Bytes frame, size_t wire_bytes = 0) {
  bool said = false;
  EXPECT_EQ(weir::testing::GlanceDiffers(PacketOf(frame, wire_bytes), said), "");
  return said;
}

PacketBuilder V4() { return PacketBuilder().Ipv4("10.0.0.1", "192.0.2.1"); }
PacketBuilder V6() { return PacketBuilder().Ipv6("2001:db8::1", "2001:db8:1::2"); }
const std::string kWords(40, 'w');

TEST(Glance, IsEnoughForPlainTcpAndUdp) {
  EXPECT_TRUE(SaysSomething(V4().Tcp({}).Payload(kWords).Build()));
  EXPECT_TRUE(SaysSomething(V4().Tcp({.options = Bytes(12, 1)}).Payload(kWords).Build()));
  EXPECT_TRUE(SaysSomething(V4().Udp({}).Payload(kWords).Build()));
  EXPECT_TRUE(SaysSomething(V6().Tcp({}).Payload(kWords).Build()));
  EXPECT_TRUE(SaysSomething(V6().Udp({}).Payload(kWords).Build()));
  EXPECT_TRUE(SaysSomething(V4().Tcp({}).Padding(6).Build()));
}

TEST(Glance, LooksBehindTwoVlanTagsAndNoMore) {
  const auto tagged = [](unsigned tags) {
    PacketBuilder builder;
    for (unsigned i = 0; i < tags; ++i) builder.Vlan(static_cast<uint16_t>(20 + i));
    return builder.Ipv4("10.0.0.1", "192.0.2.1").Tcp({}).Payload(kWords).Build();
  };
  EXPECT_TRUE(SaysSomething(tagged(1)));
  EXPECT_TRUE(SaysSomething(tagged(2)));
  EXPECT_FALSE(SaysSomething(tagged(3)));
}

TEST(Glance, LeavesTheUnusualToTheParser) {
  EXPECT_FALSE(SaysSomething(V4().Ipv4Options(Bytes(4, 1)).Tcp({}).Payload(kWords).Build()));
  EXPECT_FALSE(SaysSomething(V4().Fragment(7, 0, true).Tcp({}).Payload(kWords).Build()));
  EXPECT_FALSE(SaysSomething(V4().Fragment(7, 64, false).Raw(6).Payload(kWords).Build()));
  EXPECT_FALSE(SaysSomething(V4().Icmp(8, 0).Payload(kWords).Build()));
  EXPECT_FALSE(SaysSomething(V4().Raw(47).Payload(kWords).Build()));
  const Bytes hop_by_hop = {6, 0, 1, 4, 0, 0, 0, 0};
  EXPECT_FALSE(SaysSomething(V6().Ipv6Extension(0, hop_by_hop).Tcp({}).Payload(kWords).Build()));
}

TEST(Glance, LeavesWhatMayBeATunnelToTheParser) {
  for (const uint16_t port : {kVxlanPort, kTeredoPort, kGtpUserPort}) {
    EXPECT_FALSE(SaysSomething(V4().Udp({.dst_port = port}).Payload(kWords).Build())) << port;
  }
  EXPECT_FALSE(SaysSomething(V4().Udp({.src_port = kTeredoPort}).Payload(kWords).Build()));
}

TEST(Glance, LeavesCutFramesToTheParser) {
  Bytes frame = V4().Tcp({}).Payload(kWords).Build();
  const size_t wire_bytes = frame.size();
  frame.resize(wire_bytes - 1);
  EXPECT_FALSE(SaysSomething(frame, wire_bytes));
}

TEST(Glance, TellsMappedIpv4FromIpv6AsTheParserDoes) {
  EXPECT_TRUE(SaysSomething(
      PacketBuilder().Ipv6("::ffff:10.0.0.1", "::ffff:192.0.2.1").Tcp({}).Payload(kWords).Build()));
}

// Any bytes of a plain frame changed, and cut anywhere: it says the same, or nothing.
TEST(Glance, NeverContradictsTheParser) {
  const unsigned seed = 20261130;
  std::mt19937 random(seed);
  const std::vector<Bytes> frames = {
      V4().Tcp({}).Payload(kWords).Build(),
      V4().Udp({}).Payload(kWords).Build(),
      V6().Tcp({.options = Bytes(8, 1)}).Payload(kWords).Build(),
      V6().Udp({}).Payload(kWords).Build(),
      PacketBuilder().Vlan(5).Ipv4("10.0.0.1", "10.0.0.1").Tcp({}).Payload(kWords).Build(),
      PacketBuilder().Vlan(5, 0x88a8).Vlan(6).Ipv6("fe80::1", "fe80::2").Udp({}).Build()};
  size_t said_something = 0;
  constexpr size_t kTrials = 300'000;
  for (size_t trial = 0; trial < kTrials; ++trial) {
    Bytes frame = frames[random() % frames.size()];
    for (unsigned changes = random() % 4; changes > 0; --changes) {
      frame[random() % std::min<size_t>(frame.size(), 82)] = static_cast<uint8_t>(random());
    }
    const size_t wire_bytes = frame.size();
    if (random() % 4 == 0) frame.resize(random() % (frame.size() + 1));
    bool said = false;
    ASSERT_EQ(weir::testing::GlanceDiffers(PacketOf(frame, wire_bytes), said), "")
        << "seed " << seed << ", trial " << trial;
    said_something += said ? 1 : 0;
  }
  EXPECT_GT(said_something, kTrials / 4);
}

}  // namespace
}  // namespace weir::parse

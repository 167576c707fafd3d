// Frames in by one port, frames out by the other, and the numbers about them.
#include <gtest/gtest.h>

#include <numeric>

#include "tests/component/dataplane_app/dataplane_process.h"

namespace weir::testing {
namespace {

constexpr uint8_t kSyn = packet::tcp_flag::kSyn;
constexpr uint8_t kAck = packet::tcp_flag::kAck;

Bytes NotIp(size_t payload_bytes) {
  Bytes frame = FromHex("02 00 00 00 00 02  02 00 00 00 00 01  88 b5");
  for (size_t i = 0; i < payload_bytes; ++i) frame.push_back(static_cast<uint8_t>(i));
  return frame;
}

Bytes Dns(uint16_t src_port) {
  return PacketBuilder()
      .Ipv4("10.20.0.11", "198.51.100.53")
      .Udp({.src_port = src_port, .dst_port = 53})
      .Payload("not much of a question")
      .Build();
}

std::vector<Bytes> FramesOfManyKinds() {
  PacketBuilder syn;
  syn.Ipv4("10.20.0.11", "198.51.100.10").Tcp({.dst_port = 443, .flags = kSyn, .seq = 100});
  PacketBuilder stacked;
  stacked.Vlan(200, 0x88a8).Vlan(5).Ipv4("10.20.0.12", "198.51.100.10").Icmp(8, 0).Payload("ping");
  PacketBuilder six;
  six.Vlan(7).Ipv6("2001:db8::1", "2001:db8::2").Udp({.dst_port = 4433}).Payload("six");
  return {syn.Build(), NotIp(1),   stacked.Build(), NotIp(1500),
          six.Build(), Dns(40000), NotIp(9000)};
}

uint64_t SumOfBytes(const std::vector<Bytes>& frames) {
  return std::accumulate(frames.begin(), frames.end(), uint64_t{0},
                         [](uint64_t sum, const Bytes& frame) { return sum + frame.size(); });
}

TEST(Forwarding, EveryFrameComesOutAsItWentInOnTheOtherSide) {
  DataplaneProcess dataplane;
  const std::vector<Bytes> outbound = FramesOfManyKinds();
  const std::vector<Bytes> inbound = {NotIp(60), NotIp(2), NotIp(4000)};
  dataplane.SetFrames(outbound, inbound);
  dataplane.Start();
  ASSERT_TRUE(dataplane.WaitUntilItAnswers());
  dataplane.WaitForPackets(outbound.size() + inbound.size());
  ASSERT_EQ(dataplane.Stop(), 0) << dataplane.log();

  EXPECT_EQ(dataplane.sent_outside(), outbound);
  EXPECT_EQ(dataplane.sent_inside(), inbound);
  const nlohmann::json summary = dataplane.summary();
  EXPECT_EQ(summary["rx_packets"], outbound.size() + inbound.size());
  EXPECT_EQ(summary["rx_bytes"], SumOfBytes(outbound) + SumOfBytes(inbound));
  EXPECT_EQ(summary["tx_packets"], outbound.size() + inbound.size());
  EXPECT_EQ(summary["dropped_packets"], 0);
  EXPECT_EQ(summary["accounted"], true);
  EXPECT_EQ(summary["flows_created"], 4);
  EXPECT_EQ(summary["sessions_recorded"], 4);
  EXPECT_EQ(summary["events_lost"], 0);
  EXPECT_EQ(summary["policy_version"], 1);
  EXPECT_EQ(summary["workers"].size(), 1U);
  EXPECT_EQ(summary["ports"][0]["rx_packets"], outbound.size());
  EXPECT_EQ(summary["ports"][1]["tx_packets"], outbound.size());
}

TEST(Forwarding, DroppedPacketsAreCountedByReasonAndNowhereElse) {
  DataplaneProcess dataplane;
  dataplane.SetRules("drop port udp/53 id no-dns class dns\n");
  std::vector<Bytes> frames = FramesOfManyKinds();
  for (uint16_t port = 50000; port < 50020; ++port) frames.push_back(Dns(port));
  dataplane.SetFrames(frames, {});
  dataplane.Start();
  ASSERT_TRUE(dataplane.WaitUntilItAnswers());
  const nlohmann::json stats = dataplane.WaitForPackets(frames.size());
  EXPECT_EQ(stats["dropped"]["policy"], 21);
  EXPECT_EQ(stats["verdicts"][0]["verdict"], "drop");
  EXPECT_EQ(stats["verdicts"][0]["class"], "dns");
  EXPECT_EQ(stats["verdicts"][0]["count"], 21);
  ASSERT_EQ(dataplane.Stop(), 0) << dataplane.log();

  const nlohmann::json summary = dataplane.summary();
  EXPECT_EQ(summary["rx_packets"], frames.size());
  EXPECT_EQ(summary["forwarded_packets"], frames.size() - 21);
  EXPECT_EQ(summary["dropped_packets"], 21);
  EXPECT_EQ(summary["dropped"]["policy"], 21);
  EXPECT_EQ(summary["accounted"], true);
  EXPECT_EQ(dataplane.sent_outside().size(), frames.size() - 21);
}

TEST(Forwarding, ARefusedConnectionIsAnsweredToBothSides) {
  DataplaneProcess dataplane;
  dataplane.SetRules("reject port tcp/23\n");
  dataplane.SetFrames({PacketBuilder()
                           .Ipv4("10.20.0.11", "198.51.100.10")
                           .Tcp({.src_port = 40000, .dst_port = 23, .flags = kSyn, .seq = 7})
                           .Build()},
                      {});
  dataplane.Start();
  ASSERT_TRUE(dataplane.WaitUntilItAnswers());
  dataplane.WaitForPackets(1);
  ASSERT_EQ(dataplane.Stop(), 0) << dataplane.log();
  EXPECT_TRUE(dataplane.sent_outside().empty());
  const nlohmann::json summary = dataplane.summary();
  EXPECT_EQ(summary["dropped"]["rejected"], 1);
  // What answers a rejected SYN is the pipeline's business; what it made is sent and counted.
  EXPECT_EQ(summary["tx_packets"], dataplane.sent_inside().size());
}

TEST(Forwarding, EndsByItselfAfterTheDuration) {
  DataplaneProcess dataplane;
  dataplane.Start({"--duration", "1"});
  EXPECT_EQ(dataplane.Wait(), 0) << dataplane.log();
  EXPECT_GE(dataplane.summary()["elapsed_s"].get<double>(), 1.0);
}

TEST(Forwarding, BypassLetsEverythingPass) {
  DataplaneProcess dataplane;
  dataplane.SetRules("drop port udp/53\n");
  // The capture loops, so that packets come before and after the switch.
  dataplane.SetFrames({Dns(40000), NotIp(60)}, {});
  dataplane.ReplaceInConfig("inside.in.pcap", "inside.in.pcap,infinite_rx=1");
  dataplane.ReplaceInConfig(",tx_pcap=" + dataplane.home().string() + "/inside.out.pcap", "");
  dataplane.ReplaceInConfig(",tx_pcap=" + dataplane.home().string() + "/outside.out.pcap", "");
  dataplane.Start();
  ASSERT_TRUE(dataplane.WaitUntilItAnswers());
  const auto dropped = [&dataplane] {
    return dataplane.Ask({{"cmd", "stats"}})["dropped"]["policy"].get<uint64_t>();
  };
  const auto received = [&dataplane] {
    return dataplane.Ask({{"cmd", "stats"}})["workers"][0]["rx_packets"].get<uint64_t>();
  };
  dataplane.WaitForPackets(1000);
  EXPECT_GT(dropped(), 0U);
  EXPECT_EQ(dataplane.Ask({{"cmd", "bypass"}, {"on", true}})["bypass"], true);
  dataplane.WaitForPackets(received() + 1000);
  const uint64_t before = dropped();
  dataplane.WaitForPackets(received() + 1000);
  EXPECT_EQ(dropped(), before);
  EXPECT_EQ(dataplane.Ask({{"cmd", "stats"}})["bypass"], true);
  dataplane.Ask({{"cmd", "bypass"}, {"on", false}});
  dataplane.WaitForPackets(received() + 1000);
  EXPECT_GT(dropped(), before);
  EXPECT_EQ(dataplane.Stop(), 0) << dataplane.log();
  EXPECT_EQ(dataplane.summary()["accounted"], true);
}

}  // namespace
}  // namespace weir::testing

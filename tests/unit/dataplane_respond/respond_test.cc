#include "dataplane/respond/respond.h"

#include <gtest/gtest.h>

#include "dataplane/parse/parse.h"
#include "tests/support/packet_builder.h"

namespace weir::respond {
namespace {

using packet::tcp_flag::kAck;
using packet::tcp_flag::kFin;
using packet::tcp_flag::kRst;
using testing::Bytes;
using testing::PacketBuilder;

struct Parsed {
  Bytes bytes;
  packet::Packet packet;

  explicit Parsed(Bytes frame, packet::Side side = packet::Side::kInside)
      : bytes(std::move(frame)) {
    packet.data = bytes.data();
    packet.captured_bytes = packet.wire_bytes = static_cast<uint32_t>(bytes.size());
    packet.rx_side = side;
    parse::Parse(packet);
  }
};

Bytes FrameOf(const OutFrame& out) { return {out.frame().begin(), out.frame().end()}; }

TEST(Respond, ResetsTheSenderInTheNameOfTheOther) {
  Parsed in(
      PacketBuilder()
          .Macs("02:00:00:00:00:0a", "02:00:00:00:00:0b")
          .Vlan(20)
          .Ipv4("10.0.0.1", "192.0.2.7")
          .Tcp({.src_port = 4000, .dst_port = 443, .flags = kAck | kFin, .seq = 100, .ack = 900})
          .Payload("hello")
          .Build());
  OutFrame out;
  ASSERT_TRUE(ResetSender(in.packet, out));
  EXPECT_EQ(out.to, packet::Side::kInside);
  // The builder is an independent maker of lengths and checksums.
  Bytes expected = PacketBuilder()
                       .Macs("02:00:00:00:00:0b", "02:00:00:00:00:0a")
                       .Vlan(20)
                       .Ipv4("192.0.2.7", "10.0.0.1")
                       .Tcp({.src_port = 443,
                             .dst_port = 4000,
                             .flags = kRst | kAck,
                             .seq = 900,
                             .ack = 106,
                             .window = 0})
                       .Build();
  Bytes got = FrameOf(out);
  ASSERT_EQ(got.size(), expected.size());
  got[24] = 0x00;  // Weir sets "don't fragment": compare the rest, then the header's own checksum
  got[28] = expected[28];
  got[29] = expected[29];
  EXPECT_EQ(got, expected);
}

TEST(Respond, ResetsTheReceiverAtTheSequenceItWaitsFor) {
  Parsed in(PacketBuilder()
                .Ipv6("2001:db8::1", "2001:db8::2")
                .Tcp({.src_port = 4000, .dst_port = 443, .seq = 100, .ack = 900})
                .Payload("hello")
                .Build());
  OutFrame out;
  ASSERT_TRUE(ResetReceiver(in.packet, out));
  EXPECT_EQ(out.to, packet::Side::kOutside);
  EXPECT_EQ(FrameOf(out), PacketBuilder()
                              .Ipv6("2001:db8::1", "2001:db8::2")
                              .Tcp({.src_port = 4000,
                                    .dst_port = 443,
                                    .flags = kRst | kAck,
                                    .seq = 100,
                                    .ack = 900,
                                    .window = 0})
                              .Build());
}

TEST(Respond, NeverAnswersAReset) {
  Parsed in(PacketBuilder().Ipv4("10.0.0.1", "192.0.2.7").Tcp({.flags = kRst}).Build());
  OutFrame out;
  EXPECT_FALSE(ResetSender(in.packet, out));
  EXPECT_FALSE(ResetReceiver(in.packet, out));
}

TEST(Respond, ProhibitionIsNeverLongerThanWhatItAnswers) {
  for (size_t payload = 0; payload < 1400; payload += 7) {
    for (const bool v6 : {false, true}) {
      PacketBuilder builder;
      v6 ? builder.Ipv6("2001:db8::1", "2001:db8::2") : builder.Ipv4("10.0.0.1", "192.0.2.7");
      Parsed in(builder.Udp({}).Payload(Bytes(payload, 'x')).Build());
      OutFrame out;
      if (!Prohibit(in.packet, out)) {
        EXPECT_LT(payload, v6 ? 48U : 28U);
        continue;
      }
      EXPECT_LE(out.bytes, in.bytes.size());
      Parsed answer(FrameOf(out));
      EXPECT_EQ(answer.packet.headers.ip_protocol, v6 ? 58 : 1);
      EXPECT_EQ(answer.packet.headers.src_port, v6 ? 0x0101 : 0x030d);
      EXPECT_EQ(answer.packet.headers.dst_ip, in.packet.headers.src_ip);
    }
  }
}

TEST(Respond, SendsNoErrorAboutErrorsMulticastOrFragments) {
  OutFrame out;
  const Bytes big(200, 'x');
  EXPECT_FALSE(Prohibit(
      Parsed(PacketBuilder().Ipv4("10.0.0.1", "192.0.2.7").Icmp(3, 1).Payload(big).Build()).packet,
      out));
  EXPECT_FALSE(Prohibit(
      Parsed(PacketBuilder().Ipv4("10.0.0.1", "224.0.0.251").Udp({}).Payload(big).Build()).packet,
      out));
  EXPECT_FALSE(Prohibit(Parsed(PacketBuilder()
                                   .Ipv4("10.0.0.1", "192.0.2.7")
                                   .Udp({})
                                   .Payload(big)
                                   .Fragment(1, 0, true)
                                   .Build())
                            .packet,
                        out));
  EXPECT_TRUE(Prohibit(
      Parsed(PacketBuilder().Ipv4("10.0.0.1", "192.0.2.7").Udp({}).Payload(big).Build()).packet,
      out));
}

}  // namespace
}  // namespace weir::respond

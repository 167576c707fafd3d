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
  ASSERT_TRUE(Reset(in.packet, Towards::kSender, {901, 106}, out));
  EXPECT_EQ(out.to, packet::Side::kInside);
  // The builder is an independent maker of lengths and checksums.
  Bytes expected = PacketBuilder()
                       .Macs("02:00:00:00:00:0b", "02:00:00:00:00:0a")
                       .Vlan(20)
                       .Ipv4("192.0.2.7", "10.0.0.1")
                       .Tcp({.src_port = 443,
                             .dst_port = 4000,
                             .flags = kRst | kAck,
                             .seq = 901,
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

TEST(Respond, ResetsTheReceiverInTheNameOfTheSender) {
  Parsed in(PacketBuilder()
                .Vlan(20, 0x88a8)
                .Vlan(30)
                .Ipv6("2001:db8::1", "2001:db8::2")
                .Tcp({.src_port = 4000, .dst_port = 443, .seq = 100, .ack = 900})
                .Payload("hello")
                .Build());
  OutFrame out;
  ASSERT_TRUE(Reset(in.packet, Towards::kReceiver, {90, 900}, out));
  EXPECT_EQ(out.to, packet::Side::kOutside);
  EXPECT_EQ(FrameOf(out), PacketBuilder()
                              .Vlan(20, 0x88a8)
                              .Vlan(30)
                              .Ipv6("2001:db8::1", "2001:db8::2")
                              .Tcp({.src_port = 4000,
                                    .dst_port = 443,
                                    .flags = kRst | kAck,
                                    .seq = 90,
                                    .ack = 900,
                                    .window = 0})
                              .Build());
}

TEST(Respond, RepliesInTheServersNameWithTheLastSegment) {
  Parsed in(PacketBuilder()
                .Ipv6("2001:db8::1", "2001:db8::2")
                .Tcp({.src_port = 4000, .dst_port = 80, .seq = 100, .ack = 900})
                .Payload("GET")
                .Build());
  const Bytes page = testing::BytesOf("blocked");
  OutFrame out;
  ASSERT_TRUE(Reply(in.packet, {{900, 103}, {}, page}, out));
  EXPECT_EQ(out.to, packet::Side::kInside);
  PacketBuilder expected;
  expected.Macs("02:00:00:00:00:02", "02:00:00:00:00:01").Ipv6("2001:db8::2", "2001:db8::1");
  testing::TcpFields fields{
      .src_port = 80, .dst_port = 4000, .flags = 0x19, .seq = 900, .ack = 103};
  EXPECT_EQ(FrameOf(out), expected.Tcp(fields).Payload("blocked").Build());
  EXPECT_EQ(TcpDatagramBytes(in.packet, false, 7), out.bytes - 14U);

  ASSERT_TRUE(Reply(in.packet, {{900, 103}, TcpTimestamps{0x01020304, 0x05060708}, page}, out));
  fields.options = testing::FromHex("0101080a0102030405060708");
  EXPECT_EQ(FrameOf(out), expected.Tcp(fields).Payload("blocked").Build());
  EXPECT_EQ(TcpDatagramBytes(in.packet, true, 7), out.bytes - 14U);
}

TEST(Respond, RepliesWithADatagramInTheServersName) {
  Parsed in(PacketBuilder()
                .Ipv6("2001:db8::1", "2001:db8::2")
                .Udp({.src_port = 4000, .dst_port = 53})
                .Payload("question")
                .Build());
  OutFrame out;
  ASSERT_TRUE(ReplyDatagram(in.packet, testing::BytesOf("answer"), out));
  EXPECT_EQ(FrameOf(out), PacketBuilder()
                              .Macs("02:00:00:00:00:02", "02:00:00:00:00:01")
                              .Ipv6("2001:db8::2", "2001:db8::1")
                              .Udp({.src_port = 53, .dst_port = 4000})
                              .Payload("answer")
                              .Build());
}

TEST(Respond, ReadsTimestampsAmongOtherOptions) {
  const auto read = [](std::string_view options) {
    return ReadTcpTimestamps(Parsed(PacketBuilder()
                                        .Ipv4("10.0.0.1", "192.0.2.7")
                                        .Tcp({.options = testing::FromHex(options)})
                                        .Payload("x")
                                        .Build())
                                 .packet);
  };
  const auto found = read("020405b4 0402 080a 00000001 00000002 01 030307");
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->value, 1U);
  EXPECT_EQ(found->echo, 2U);
  EXPECT_FALSE(read("").has_value());
  EXPECT_FALSE(read("00 080a 0000000100000002").has_value()) << "behind the end of the options";
  EXPECT_FALSE(read("0500 080a 0000000100000002").has_value()) << "an option of no bytes";
  EXPECT_FALSE(read("01010101 01010101 0101 080a").has_value()) << "cut";
}

TEST(Respond, BuildsNothingBeyondAFrame) {
  Parsed in(PacketBuilder().Ipv4("10.0.0.1", "192.0.2.7").Tcp({}).Payload("x").Build());
  OutFrame out;
  const size_t most = kFrameBytesMax - 14 - 40;
  EXPECT_TRUE(Reply(in.packet, {{1, 2}, {}, Bytes(most)}, out));
  EXPECT_EQ(out.bytes, kFrameBytesMax);
  EXPECT_FALSE(Reply(in.packet, {{1, 2}, {}, Bytes(most + 1)}, out));
  EXPECT_FALSE(ReplyDatagram(in.packet, Bytes(8), out)) << "no UDP packet";
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

bool Answerable(const Bytes& frame) { return MayBeAnswered(Parsed(frame).packet); }

PacketBuilder UdpFrom(std::string_view src, std::string_view dst) {
  PacketBuilder builder;
  src.find(':') == src.npos ? builder.Ipv4(src, dst) : builder.Ipv6(src, dst);
  return builder.Udp({}).Payload("0123456789");
}

TEST(Respond, NeverAnswersResetsErrorsOrFragments) {
  const auto v4 = [] { return PacketBuilder().Ipv4("10.0.0.1", "192.0.2.7"); };
  EXPECT_TRUE(Answerable(v4().Tcp({}).Build()));
  EXPECT_FALSE(Answerable(v4().Tcp({.flags = kRst}).Build()));
  EXPECT_FALSE(Answerable(v4().Tcp({.flags = kRst | kAck}).Build()));
  EXPECT_FALSE(Answerable(v4().Icmp(3, 1).Payload(Bytes(100)).Build()));
  EXPECT_FALSE(Answerable(v4().Udp({}).Payload(Bytes(64)).Fragment(1, 0, true).Build()));
  EXPECT_FALSE(Answerable(v4().Raw(17).Payload(Bytes(64)).Fragment(1, 64, false).Build()));
  EXPECT_FALSE(Answerable(v4().Raw(6).Payload(Bytes(12)).Build())) << "a cut TCP header";
  EXPECT_TRUE(Answerable(v4().Raw(99).Payload(Bytes(64)).Build()));
}

TEST(Respond, NeverAnswersGroupsOrAddressesOfNobody) {
  EXPECT_TRUE(Answerable(UdpFrom("10.0.0.1", "192.0.2.7").Build()));
  EXPECT_TRUE(Answerable(UdpFrom("2001:db8::1", "fe80::2").Build()));
  for (const char* odd :
       {"0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.251", "239.1.1.1", "255.255.255.255"}) {
    EXPECT_FALSE(Answerable(UdpFrom(odd, "192.0.2.7").Build())) << odd;
    EXPECT_FALSE(Answerable(UdpFrom("10.0.0.1", odd).Build())) << odd;
  }
  for (const char* odd : {"::", "::1", "::ffff:10.0.0.1", "ff02::fb"}) {
    EXPECT_FALSE(Answerable(UdpFrom(odd, "2001:db8::2").Build())) << odd;
    EXPECT_FALSE(Answerable(UdpFrom("2001:db8::1", odd).Build())) << odd;
  }
  EXPECT_FALSE(Answerable(
      UdpFrom("10.0.0.1", "10.0.0.255").Macs("02:00:00:00:00:01", "ff:ff:ff:ff:ff:ff").Build()));
  EXPECT_FALSE(Answerable(
      UdpFrom("10.0.0.1", "10.0.0.2").Macs("01:00:5e:00:00:01", "02:00:00:00:00:02").Build()));
}

TEST(Respond, NeverAnswersABrokenChecksum) {
  for (const bool v6 : {false, true}) {
    for (const bool tcp : {false, true}) {
      PacketBuilder builder;
      v6 ? builder.Ipv6("2001:db8::1", "2001:db8::2") : builder.Ipv4("10.0.0.1", "192.0.2.7");
      tcp ? builder.Tcp({}) : builder.Udp({});
      const Bytes frame = builder.Payload("odd bytes").Padding(7).Build();
      ASSERT_TRUE(Answerable(frame));
      const size_t transport = 14 + (v6 ? 40 : 20);
      Bytes broken = frame;
      broken[transport + (tcp ? 21 : 9)] ^= 1;
      EXPECT_FALSE(Answerable(broken)) << "payload";
      broken = frame;
      broken[transport + (tcp ? 16 : 6)] ^= 1;
      EXPECT_FALSE(Answerable(broken)) << "checksum";
      broken = frame;
      if (!v6) broken[14 + 8] ^= 1;
      EXPECT_EQ(Answerable(broken), v6) << "time to live: IPv4's header has a sum of its own";
      broken = frame;
      if (!tcp) broken[transport + 6] = broken[transport + 7] = 0;
      EXPECT_EQ(Answerable(broken), tcp || !v6) << "UDP over IPv4 may go without";
    }
  }
}

TEST(Respond, TakesAChecksumThatANetworkCardWouldHaveFinished) {
  Bytes frame = PacketBuilder().Ipv4("10.0.0.1", "192.0.2.7").Udp({}).Payload("0123").Build();
  // 0a00 + 0001 + c000 + 0207 + 17 + 12 bytes
  frame[14 + 20 + 6] = 0xcc;
  frame[14 + 20 + 7] = 0x25;
  EXPECT_TRUE(Answerable(frame));
  frame[14 + 20 + 7] = 0x26;
  EXPECT_FALSE(Answerable(frame));
}

TEST(Respond, TurnsAroundEthernetWithTagsAndNothingElse) {
  EXPECT_TRUE(CanBeTurnedAround(Parsed(UdpFrom("10.0.0.1", "192.0.2.7").Build()).packet));
  EXPECT_TRUE(CanBeTurnedAround(
      Parsed(UdpFrom("10.0.0.1", "192.0.2.7").Vlan(1).Vlan(2).Vlan(3).Build()).packet));
  Parsed deeper(UdpFrom("10.0.0.1", "192.0.2.7").Build());
  deeper.packet.headers.l3_offset += 4;  // as behind an MPLS label
  EXPECT_FALSE(CanBeTurnedAround(deeper.packet));
  Parsed put_together(UdpFrom("10.0.0.1", "192.0.2.7").Build());
  put_together.packet.headers.encapsulated = true;  // its fragments came in a tunnel
  EXPECT_FALSE(CanBeTurnedAround(put_together.packet));
}

}  // namespace
}  // namespace weir::respond

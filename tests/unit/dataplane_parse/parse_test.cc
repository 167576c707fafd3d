#include "dataplane/parse/parse.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/support/packet_builder.h"

namespace weir::parse {
namespace {

using packet::L3;
using packet::ParseNote;
using testing::Bytes;
using testing::PacketBuilder;

packet::Headers HeadersOf(Bytes frame, uint32_t wire_bytes = 0) {
  packet::Packet packet;
  packet.data = frame.data();
  packet.captured_bytes = static_cast<uint32_t>(frame.size());
  packet.wire_bytes = wire_bytes == 0 ? packet.captured_bytes : wire_bytes;
  Parse(packet);
  return packet.headers;
}

PacketBuilder Web() { return PacketBuilder().Ipv4("10.0.0.1", "192.0.2.7"); }

TEST(Parse, FindsEveryLayerOfATcpSegment) {
  const auto headers =
      HeadersOf(Web()
                    .Tcp({.src_port = 4000, .dst_port = 443, .flags = 0x18, .seq = 7, .ack = 9})
                    .Payload("hello")
                    .Build());
  EXPECT_EQ(headers.note, ParseNote::kComplete);
  EXPECT_EQ(headers.l3, L3::kIpv4);
  EXPECT_EQ(headers.src_ip.ToString(), "10.0.0.1");
  EXPECT_EQ(headers.dst_ip.ToString(), "192.0.2.7");
  EXPECT_EQ(headers.src_port, 4000);
  EXPECT_EQ(headers.dst_port, 443);
  EXPECT_EQ(headers.tcp_seq, 7U);
  EXPECT_EQ(headers.tcp_ack, 9U);
  EXPECT_EQ(headers.tcp_flags, 0x18);
  EXPECT_EQ(headers.ip_bytes, 45U);
  EXPECT_EQ(headers.payload_offset, 54);
  EXPECT_EQ(headers.payload_bytes, 5U);
}

TEST(Parse, LeavesLinkPaddingOutOfThePayload) {
  const auto headers = HeadersOf(Web().Udp({}).Payload("abc").Padding(15).Build());
  EXPECT_EQ(headers.payload_bytes, 3U);
  EXPECT_EQ(headers.ip_bytes, 31U);
}

TEST(Parse, KeepsTheTwoOutermostOfThreeVlans) {
  const auto headers = HeadersOf(PacketBuilder()
                                     .Vlan(100, 0x88a8)
                                     .Vlan(0xe0c8)  // priority bits are no part of the number
                                     .Vlan(300)
                                     .Ipv6("2001:db8::1", "2001:db8::2")
                                     .Udp({})
                                     .Build());
  EXPECT_EQ(headers.vlan_count, 3);
  EXPECT_EQ(headers.vlans[0], 100);
  EXPECT_EQ(headers.vlans[1], 0x0c8);
  EXPECT_EQ(headers.l3, L3::kIpv6);
  EXPECT_EQ(headers.note, ParseNote::kComplete);
}

TEST(Parse, WalksIpv6ExtensionHeaders) {
  const Bytes hop_by_hop = {0, 0, 1, 4, 0, 0, 0, 0};
  Bytes authentication(16, 0);
  authentication[1] = 2;  // (2 + 2) words of four bytes
  const auto headers = HeadersOf(PacketBuilder()
                                     .Ipv6("2001:db8::1", "2001:db8::2")
                                     .Ipv6Extension(0, hop_by_hop)
                                     .Ipv6Extension(51, authentication)
                                     .Ipv6Extension(60, hop_by_hop)
                                     .Tcp({.dst_port = 80})
                                     .Payload("x")
                                     .Build());
  EXPECT_EQ(headers.note, ParseNote::kComplete);
  EXPECT_EQ(headers.ip_protocol, 6);
  EXPECT_EQ(headers.dst_port, 80);
  EXPECT_EQ(headers.l4_offset, 14 + 40 + 8 + 16 + 8);
}

TEST(Parse, GivesUpOnTooManyExtensionHeaders) {
  const auto with = [](unsigned count) {
    PacketBuilder builder;
    builder.Ipv6("2001:db8::1", "2001:db8::2");
    for (unsigned i = 0; i < count; ++i) builder.Ipv6Extension(60, Bytes(8, 0));
    return HeadersOf(builder.Tcp({}).Build()).note;
  };
  EXPECT_EQ(with(kExtensionHeadersMax), ParseNote::kComplete);
  EXPECT_EQ(with(kExtensionHeadersMax + 1), ParseNote::kUnknownTransport);
}

TEST(Parse, TellsFirstLaterAndAtomicFragments) {
  const auto first =
      HeadersOf(Web().Udp({.dst_port = 53}).Payload("12345678").Fragment(9, 0, true).Build());
  EXPECT_TRUE(first.is_fragment);
  EXPECT_EQ(first.note, ParseNote::kComplete);
  EXPECT_EQ(first.dst_port, 53);
  const auto later = HeadersOf(Web().Raw(17).Payload("tail").Fragment(9, 16, false).Build());
  EXPECT_EQ(later.note, ParseNote::kLaterFragment);
  EXPECT_EQ(later.fragment_offset_bytes, 16);
  EXPECT_EQ(later.fragment_id, 9U);
  EXPECT_EQ(later.src_port, 0);
  const auto atomic = HeadersOf(PacketBuilder()
                                    .Ipv6("2001:db8::1", "2001:db8::2")
                                    .Fragment(5, 0, false)
                                    .Udp({.dst_port = 53})
                                    .Build());
  EXPECT_FALSE(atomic.is_fragment);
  EXPECT_EQ(atomic.note, ParseNote::kComplete);
  EXPECT_EQ(atomic.dst_port, 53);
}

TEST(Parse, GivesEchoAndItsReplyOneFlow) {
  const auto request = HeadersOf(Web().Icmp(8, 0).Payload("abcd").Build());
  const auto reply = HeadersOf(PacketBuilder().Ipv4("192.0.2.7", "10.0.0.1").Icmp(0, 0).Build());
  EXPECT_EQ(request.src_port, 0x0800);
  EXPECT_EQ(request.dst_port, 0);
  EXPECT_EQ(reply.src_port, 0);
  EXPECT_EQ(reply.dst_port, 0x0800);
}

TEST(Parse, CutCapturesKeepTheLengthOfTheWire) {
  Bytes frame = Web().Tcp({}).Payload(Bytes(1000, 'x')).Build();
  const auto wire = static_cast<uint32_t>(frame.size());
  frame.resize(60);
  const auto headers = HeadersOf(frame, wire);
  EXPECT_EQ(headers.note, ParseNote::kComplete);
  EXPECT_EQ(headers.ip_bytes, 1040U);
  EXPECT_EQ(headers.payload_bytes, 6U);
  frame.resize(40);  // in the middle of the TCP header: the ports are there
  const auto cut = HeadersOf(frame, wire);
  EXPECT_EQ(cut.note, ParseNote::kTruncatedTransport);
  EXPECT_EQ(cut.dst_port, 443);
  EXPECT_EQ(cut.payload_bytes, 0U);
}

TEST(Parse, RefusesIpHeadersThatContradictThemselves) {
  Bytes frame = Web().Udp({}).Build();
  frame[14] = 0x44;  // a header of 16 bytes
  EXPECT_EQ(HeadersOf(frame).note, ParseNote::kTruncatedIp);
  frame[14] = 0x65;  // version 6 under IPv4's type
  EXPECT_EQ(HeadersOf(frame).note, ParseNote::kTruncatedIp);
  frame[14] = 0x45;
  frame[17] = 10;  // a total length below the header's
  const auto headers = HeadersOf(frame);
  EXPECT_EQ(headers.note, ParseNote::kTruncatedIp);
  EXPECT_EQ(headers.l3, L3::kNone);
}

TEST(Parse, PassesWhatIsNotIp) {
  Bytes arp = Web().Udp({}).Build();
  arp[12] = 0x08;
  arp[13] = 0x06;
  EXPECT_EQ(HeadersOf(arp).note, ParseNote::kNotIp);
  EXPECT_EQ(HeadersOf(Bytes(5, 0xff)).note, ParseNote::kNotIp);
  EXPECT_EQ(HeadersOf(Bytes{}).note, ParseNote::kNotIp);
}

// Whatever the bytes, offsets stay inside the frame.
TEST(Parse, StaysInsideAnyFrame) {
  std::mt19937 random(20261122);
  const Bytes good = PacketBuilder()
                         .Vlan(5)
                         .Ipv6("2001:db8::1", "2001:db8::2")
                         .Ipv6Extension(0, Bytes(8, 0))
                         .Tcp({})
                         .Payload("payload")
                         .Build();
  for (int round = 0; round < 20'000; ++round) {
    Bytes frame = good;
    for (int change = 0; change < 4; ++change) {
      frame[random() % frame.size()] = static_cast<uint8_t>(random());
    }
    frame.resize(random() % (frame.size() + 1));
    packet::Packet packet;
    packet.data = frame.data();
    packet.captured_bytes = packet.wire_bytes = static_cast<uint32_t>(frame.size());
    Parse(packet);
    if (packet.headers.payload_offset != packet::kNoOffset) {
      ASSERT_LE(packet.headers.payload_offset + packet.headers.payload_bytes, frame.size());
    }
    ASSERT_LE(packet.headers.ip_bytes, frame.size());
  }
}

}  // namespace
}  // namespace weir::parse

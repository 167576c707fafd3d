// What is one encapsulation's own: limits, what is not looked into, what only looks like a tunnel.
#include <gtest/gtest.h>

#include "tests/unit/dataplane_parse/parsed.h"

namespace weir::parse {
namespace {

using namespace weir::testing;  // NOLINT(google-build-using-namespace): the builders
using packet::L3;
using packet::ParseNote;
using parse::testing::Parsed;

PacketBuilder Outer() { return PacketBuilder().Ipv4("198.51.100.1", "198.51.100.2"); }

PacketBuilder Inner() {
  return PacketBuilder().Ipv4("10.0.0.1", "192.0.2.7").Tcp({.dst_port = 443}).Payload("hello");
}

void ExpectCarrier(const Parsed& parsed, uint8_t ip_protocol) {
  EXPECT_EQ(parsed->tunnel_depth, 0);
  EXPECT_EQ(parsed->src_ip.ToString(), "198.51.100.1");
  EXPECT_EQ(parsed->ip_protocol, ip_protocol);
  EXPECT_EQ(parsed->wire_ip_bytes, parsed->ip_bytes);
  EXPECT_EQ(parsed->note, ip_protocol == 17 ? ParseNote::kComplete : ParseNote::kUnknownTransport);
}

Bytes Nested(unsigned layers) {
  Bytes datagram = DatagramOf(Inner());
  for (unsigned i = layers; i > 0; --i) {
    const std::string last = std::to_string(i);
    datagram = DatagramOf(
        PacketBuilder().Ipv4("198.51.100." + last, "203.0.113." + last).Raw(4).Payload(datagram));
  }
  return Ethernet(kIpv4Type, datagram);
}

TEST(Tunnel, FourLayersAreFollowedAndTheFifthIsTooDeep) {
  const Parsed four(Nested(4));
  EXPECT_EQ(four->tunnel_depth, 4);
  EXPECT_FALSE(four->too_deep);
  EXPECT_EQ(four->dst_port, 443);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(four.around()[i].src_ip.ToString(), "198.51.100." + std::to_string(i + 1));
    EXPECT_EQ(four.around()[i].dst_ip.ToString(), "203.0.113." + std::to_string(i + 1));
    EXPECT_EQ(four.around()[i].src_port, 0);
  }
  const Parsed five(Nested(5));
  EXPECT_EQ(five->tunnel_depth, 4);
  EXPECT_TRUE(five->too_deep);
  EXPECT_EQ(five->src_ip.ToString(), "198.51.100.5");
  EXPECT_EQ(five->ip_protocol, 4);
}

TEST(Tunnel, WhatIsTakenOutOfATunnelKeepsTheLayersAroundIt) {
  packet::Packet whole = Parsed(Nested(1)).packet();
  const Parsed piece(Nested(3));
  whole.TakenOutOf(piece.packet());
  ASSERT_EQ(whole.headers.tunnel_depth, 4);
  EXPECT_FALSE(whole.headers.too_deep);
  EXPECT_EQ(whole.outers[2].dst_ip.ToString(), "203.0.113.3");
  EXPECT_EQ(whole.outers[3].dst_ip.ToString(), "203.0.113.1");
  packet::Packet more = Parsed(Nested(2)).packet();
  more.TakenOutOf(piece.packet());
  EXPECT_EQ(more.headers.tunnel_depth, 4);
  EXPECT_TRUE(more.headers.too_deep);
}

TEST(Tunnel, KeepsTheFramesOwnVlansAndThePortsOfAUdpCarrier) {
  const Parsed parsed(OverUdp(Outer().Vlan(100), {50000, 4789},
                              Vxlan(Ethernet(0x8100, Vlan(9, kIpv4Type, DatagramOf(Inner()))))));
  ASSERT_EQ(parsed->tunnel_depth, 1);
  EXPECT_EQ(parsed->vlan_count, 1);
  EXPECT_EQ(parsed->vlans[0], 100);
  EXPECT_EQ(parsed.around()[0].src_port, 50000);
  EXPECT_EQ(parsed.around()[0].dst_port, 4789);
}

TEST(Tunnel, DoesNotLookIntoPiecesOfADatagram) {
  const Bytes datagram = DatagramOf(Inner());
  const Parsed first(Over(Outer().Fragment(9, 0, true), 4, datagram));
  EXPECT_EQ(first->tunnel_depth, 0);
  EXPECT_TRUE(first->is_fragment);
  const Parsed later(Over(Outer().Fragment(9, 48, false), 4, datagram));
  EXPECT_EQ(later->tunnel_depth, 0);
  EXPECT_EQ(later->note, ParseNote::kLaterFragment);
  const Parsed udp(OverUdp(Outer().Fragment(9, 0, true), {1024, 4789}, Vxlan(Inner().Build())));
  EXPECT_EQ(udp->tunnel_depth, 0);
}

TEST(Tunnel, AFragmentInsideIsOneInside) {
  const Parsed inside(Over(Outer(), 4, DatagramOf(Inner().Fragment(5, 0, true))));
  EXPECT_EQ(inside->tunnel_depth, 1);
  EXPECT_TRUE(inside->is_fragment);
  EXPECT_EQ(inside->fragment_id, 5U);
}

TEST(Tunnel, WhatIsNoWholeIpHeaderStaysTheCarriers) {
  Bytes datagram = DatagramOf(Inner());
  ExpectCarrier(Parsed(Over(Outer(), 4, Bytes(60, 0))), 4);
  ExpectCarrier(Parsed(Over(Outer(), 4, Bytes())), 4);
  ExpectCarrier(Parsed(Over(Outer(), 41, datagram)), 41);  // version 4 where 6 is announced
  datagram[3] = static_cast<uint8_t>(datagram[3] + 1);     // longer than what carries it
  ExpectCarrier(Parsed(Over(Outer(), 4, datagram)), 4);
  datagram[3] = 19;
  ExpectCarrier(Parsed(Over(Outer(), 4, datagram)), 4);
}

TEST(Tunnel, GreThatIsNotUnderstoodStaysTheCarriers) {
  const Bytes datagram = DatagramOf(Inner());
  const auto gre = [](const Bytes& bytes) { return Over(Outer(), 47, bytes); };
  ExpectCarrier(Parsed(gre(Gre(kIpv4Type, datagram, 0x4000))), 47);  // source routes
  ExpectCarrier(Parsed(gre(Gre(kIpv4Type, datagram, 0x0002))), 47);  // version 2
  ExpectCarrier(Parsed(gre(Gre(kIpv4Type, datagram, 0x0001))), 47);  // version 1 is PPP's
  ExpectCarrier(Parsed(gre(Gre(0x2000, datagram))), 47);             // CDP
  ExpectCarrier(Parsed(gre(Gre(kIpv4Type, {}))), 47);                // a keep-alive's answer
  ExpectCarrier(Parsed(gre(Gre(kBridgedType, Ethernet(0x0806, Bytes(46, 0))))), 47);
  ExpectCarrier(Parsed(gre(PptpGre(FromHex("ff03 c021 0101")))), 47);       // LCP
  ExpectCarrier(Parsed(gre(PptpGre(FromHex("fd 1000 aabb")))), 47);         // encrypted
  ExpectCarrier(Parsed(gre(FromHex("2081 880b 0000 4242 00000001"))), 47);  // acknowledgment only
}

TEST(Tunnel, UdpThatOnlyLooksLikeATunnelStaysUdp) {
  const UdpFields vxlan = {50000, 4789}, gtp = {50000, 2152}, teredo = {50000, 3544};
  const Bytes frame = Inner().Build();
  ExpectCarrier(Parsed(OverUdp(Outer(), vxlan, Vxlan(frame, 0x00))), 17);  // no network id
  ExpectCarrier(Parsed(OverUdp(Outer(), vxlan, Vxlan(frame, 0x0c))), 17);  // another format
  ExpectCarrier(Parsed(OverUdp(Outer(), {4789, 50000}, Vxlan(frame))), 17);
  ExpectCarrier(Parsed(OverUdp(Outer(), vxlan, Bytes(200, 'x'))), 17);
  Bytes wrong = frame;
  wrong[14 + 10] ^= 1;  // the IP header's checksum
  ExpectCarrier(Parsed(OverUdp(Outer(), vxlan, Vxlan(wrong))), 17);
  Bytes cut_tcp = DatagramOf(PacketBuilder().Ipv4("10.0.0.1", "192.0.2.7").Raw(6).Payload("short"));
  ExpectCarrier(Parsed(OverUdp(Outer(), vxlan, Vxlan(Ethernet(kIpv4Type, cut_tcp)))), 17);

  Bytes user = GtpUser(DatagramOf(Inner()));
  user[1] = 1;  // an echo request
  ExpectCarrier(Parsed(OverUdp(Outer(), gtp, user)), 17);
  user[1] = 255;
  user[3] = static_cast<uint8_t>(user[3] - 1);
  ExpectCarrier(Parsed(OverUdp(Outer(), gtp, user)), 17);
  ExpectCarrier(Parsed(OverUdp(Outer(), gtp, GtpUser(DatagramOf(Inner()), 0x50))), 17);

  const Bytes elsewhere = DatagramOf(PacketBuilder().Ipv6("2001:db8::1", "2001:db8::2").Tcp({}));
  ExpectCarrier(Parsed(OverUdp(Outer(), teredo, elsewhere)), 17);
  const Bytes bubble = DatagramOf(PacketBuilder().Ipv6("fe80::1", "2001:0:c000:201::1").Raw(59));
  ExpectCarrier(Parsed(OverUdp(Outer(), teredo, bubble)), 17);
}

// A plain query whose identifier begins as IPv6 does, from Teredo's port.
TEST(Tunnel, ADnsQueryFromTeredosPortIsADnsQuery) {
  const Bytes query = FromHex("6000 0100 0001 0000 0000 0000 03626164 0474657374 00 0001 0001");
  const Parsed parsed(OverUdp(Outer(), {3544, 5353}, query));
  ExpectCarrier(parsed, 17);
  EXPECT_EQ(parsed->payload_bytes, query.size());
}

// To name servers and web servers a client may come from any port, and say what it likes.
TEST(Tunnel, NothingToOrFromAServicesPortIsATunnel) {
  const Bytes six = DatagramOf(
      PacketBuilder().Ipv6("2001:0:c000:201::1", "2001:db8:5::7").Udp({}).Payload("hello"));
  for (const uint16_t port : {uint16_t{53}, uint16_t{443}, uint16_t{1023}}) {
    ExpectCarrier(Parsed(OverUdp(Outer(), {3544, port}, six)), 17);
    ExpectCarrier(Parsed(OverUdp(Outer(), {port, 3544}, TeredoIndications(six))), 17);
    ExpectCarrier(Parsed(OverUdp(Outer(), {port, 4789}, Vxlan(Inner().Build()))), 17);
    ExpectCarrier(Parsed(OverUdp(Outer(), {port, 2152}, GtpUser(six))), 17);
  }
  EXPECT_EQ(Parsed(OverUdp(Outer(), {3544, 1024}, six))->tunnel_depth, 1);
}

TEST(Tunnel, UdpsOwnLengthEndsWhatItCarries) {
  Bytes frame = OverUdp(Outer(), {1024, 4789}, Vxlan(Inner().Build()));
  EXPECT_EQ(Parsed(frame)->tunnel_depth, 1);
  frame[14 + 20 + 5] = static_cast<uint8_t>(frame[14 + 20 + 5] - 1);
  EXPECT_EQ(Parsed(frame)->tunnel_depth, 0);
}

TEST(Link, PppoeThatIsNoSessionIsNotIp) {
  const Bytes good = Ethernet(kPppoeType, Pppoe(0x0021, DatagramOf(Inner())));
  const auto with = [&](size_t at, uint8_t value) {
    Bytes frame = good;
    frame[at] = value;
    return Parsed(frame)->note;
  };
  EXPECT_EQ(with(14, 0x11), ParseNote::kComplete);
  EXPECT_EQ(with(14, 0x12), ParseNote::kNotIp);  // version and type
  EXPECT_EQ(with(15, 0x09), ParseNote::kNotIp);  // discovery
  EXPECT_EQ(with(19, 200), ParseNote::kNotIp);   // longer than the frame
  EXPECT_EQ(with(20, 0xc0), ParseNote::kNotIp);  // LCP
}

TEST(Link, PppoesLengthEndsTheDatagramNotThePadding) {
  Bytes frame = Ethernet(kPppoeType, Pppoe(0x0021, DatagramOf(Inner())));
  frame.insert(frame.end(), 12, 0);
  const Parsed parsed(frame);
  EXPECT_EQ(parsed->ip_bytes, 45U);
  EXPECT_EQ(parsed->payload_bytes, 5U);
}

TEST(Link, MplsOfWhatIsNeitherIpNorEthernetIsNotIp) {
  Bytes broken = DatagramOf(Inner());
  broken[10] ^= 1;  // IPv4 with a wrong checksum, by nobody's word but its first nibble's
  EXPECT_EQ(Parsed(Ethernet(kMplsType, Mpls({16}, broken)))->note, ParseNote::kNotIp);
  EXPECT_EQ(Parsed(Ethernet(kMplsType, Mpls({16}, Bytes(64, 0x10))))->note, ParseNote::kNotIp);
  EXPECT_EQ(Parsed(Ethernet(kMplsType, Mpls({16}, {})))->note, ParseNote::kNotIp);
}

// The first nibble of a pseudowire's address may be a 4 or a 6.
TEST(Link, APseudowireIsNotTakenForIpByItsAddress) {
  Bytes frame = Inner().Build();
  frame[0] = 0x45;
  EXPECT_EQ(Parsed(Ethernet(kMplsType, Mpls({16}, frame)))->dst_port, 443);
  frame[0] = 0x60;
  EXPECT_EQ(Parsed(Ethernet(kMplsType, Mpls({16}, frame)))->dst_port, 443);
  frame[0] = 0x00;
  frame[1] = 0x00;  // as a control word begins
  EXPECT_EQ(Parsed(Ethernet(kMplsType, Mpls({16}, frame)))->dst_port, 443);
}

TEST(Link, MoreThanIsFollowedIsTooDeep) {
  const Bytes datagram = DatagramOf(Inner());
  const auto wraps = [&](unsigned count) {
    Bytes frame = Inner().Build();
    for (unsigned i = 0; i < count; ++i) frame = Ethernet(kMplsType, Mpls({16}, frame));
    return frame;
  };
  EXPECT_EQ(Parsed(wraps(kWrapsMax))->dst_port, 443);
  EXPECT_TRUE(Parsed(wraps(kWrapsMax + 1))->too_deep);
  EXPECT_EQ(Parsed(wraps(kWrapsMax + 1))->note, ParseNote::kNotIp);

  const auto labels = [&](size_t count) {
    Bytes stack;
    for (size_t i = 1; i < count; ++i) stack.insert(stack.end(), {0, 1, 0, 64});
    const Bytes last = Mpls({16}, datagram);
    stack.insert(stack.end(), last.begin(), last.end());
    return Ethernet(kMplsType, stack);
  };
  EXPECT_EQ(Parsed(labels(kMplsLabelsMax))->dst_port, 443);
  EXPECT_TRUE(Parsed(labels(kMplsLabelsMax + 1))->too_deep);

  const auto tags = [&](unsigned count, bool in_vxlan) {
    Bytes bytes = datagram;
    for (unsigned i = 0; i < count; ++i) bytes = Vlan(3, i == 0 ? kIpv4Type : 0x8100, bytes);
    const Bytes frame = Ethernet(0x8100, bytes);
    return in_vxlan ? OverUdp(Outer(), {1024, 4789}, Vxlan(frame)) : frame;
  };
  for (const bool in_vxlan : {false, true}) {
    EXPECT_EQ(Parsed(tags(kVlanTagsMax, in_vxlan))->dst_port, 443);
    EXPECT_FALSE(Parsed(tags(kVlanTagsMax, in_vxlan))->too_deep);
    EXPECT_TRUE(Parsed(tags(kVlanTagsMax + 1, in_vxlan))->too_deep);
  }
}

// Extension headers of 2 KB each, in jumbograms in jumbograms, lead behind what 16 bits can say.
TEST(Tunnel, OffsetsNeverOverflow) {
  Bytes header(2048, 0);
  header[1] = 255;
  for (const size_t behind : {size_t{0}, size_t{70'000}}) {
    Bytes datagram = DatagramOf(Inner());
    datagram.insert(datagram.end(), behind, 0);
    for (int layers = 0; layers < 3; ++layers) {
      PacketBuilder jumbo = PacketBuilder().Ipv6("2001:db8::1", "2001:db8::2");
      jumbo.Ipv6Extension(0, header);
      for (int i = 0; i < 14; ++i) jumbo.Ipv6Extension(60, header);
      datagram = DatagramOf(jumbo.Raw(layers == 0 ? 4 : 41).Payload(datagram));
      datagram[4] = datagram[5] = 0;  // RFC 2675: the length stands in an option
      const Parsed parsed(Ethernet(kIpv6Type, datagram));
      parsed.ExpectInside();
      EXPECT_EQ(parsed->too_deep, layers > 1) << layers;
      EXPECT_EQ(parsed->ip_protocol == 6, layers <= 1) << layers;
    }
  }
}

TEST(Parse, ReadsAJumboFrame) {
  const Parsed parsed(Inner().Payload(Bytes(9000, 'x')).Build());
  EXPECT_EQ(parsed->ip_bytes, 9040U);
  EXPECT_EQ(parsed->payload_bytes, 9000U);
}

TEST(Parse, ReadsSctp) {
  Bytes sctp = FromHex("0b59 0b5a 11223344 00000000");
  sctp.insert(sctp.end(), 16, 1);
  const Parsed parsed(Over(PacketBuilder().Ipv4("10.0.0.1", "192.0.2.7"), 132, sctp));
  EXPECT_EQ(parsed->note, ParseNote::kComplete);
  EXPECT_EQ(parsed->src_port, 0x0b59);
  EXPECT_EQ(parsed->dst_port, 0x0b5a);
  EXPECT_EQ(parsed->payload_bytes, 16U);
  for (size_t bytes = 0; bytes < 12; ++bytes) {
    sctp.resize(bytes);
    EXPECT_EQ(Parsed(Over(PacketBuilder().Ipv4("10.0.0.1", "192.0.2.7"), 132, sctp))->note,
              ParseNote::kTruncatedTransport);
  }
}

TEST(Parse, LooksBehindAnAuthenticationHeaderInIpv4) {
  const auto authenticated = [](uint8_t next, const Bytes& payload) {
    Bytes header = {next, 4, 0, 0};
    header.resize(24, 0x5a);
    header.insert(header.end(), payload.begin(), payload.end());
    return Over(PacketBuilder().Ipv4("10.0.0.1", "192.0.2.7"), 51, header);
  };
  Bytes tcp = DatagramOf(Inner());
  tcp.erase(tcp.begin(), tcp.begin() + 20);
  const Parsed parsed(authenticated(6, tcp));
  EXPECT_EQ(parsed->note, ParseNote::kComplete);
  EXPECT_EQ(parsed->ip_protocol, 6);
  EXPECT_EQ(parsed->dst_port, 443);
  EXPECT_EQ(parsed->payload_bytes, 5U);
  EXPECT_EQ(Parsed(authenticated(4, DatagramOf(Inner())))->tunnel_depth, 1);
  EXPECT_EQ(Parsed(authenticated(51, tcp))->note, ParseNote::kUnknownTransport);
  EXPECT_EQ(Parsed(authenticated(50, tcp))->note, ParseNote::kUnknownTransport);  // encrypted
  EXPECT_EQ(Parsed(Over(PacketBuilder().Ipv4("10.0.0.1", "192.0.2.7"), 51, Bytes(12, 9)))->note,
            ParseNote::kTruncatedTransport);
}

TEST(Parse, EncryptedAndEmptyIpv6AreFlowsOfTheirAddresses) {
  for (const uint8_t next_header : {uint8_t{50}, uint8_t{59}}) {
    const Parsed parsed(
        Over(PacketBuilder().Ipv6("2001:db8::1", "2001:db8::2"), next_header, Bytes(40, 0x45)));
    EXPECT_EQ(parsed->note, ParseNote::kUnknownTransport);
    EXPECT_EQ(parsed->l3, L3::kIpv6);
    EXPECT_EQ(parsed->ip_protocol, next_header);
  }
}

Bytes Icmp6(std::string_view src, std::string_view dst, uint8_t type, uint8_t hop_limit) {
  Bytes frame = PacketBuilder().Ipv6(src, dst).Icmp(type, 0).Payload(Bytes(20, 0)).Build();
  frame[14 + 7] = hop_limit;
  return frame;
}

TEST(Parse, NeighborDiscoveryMakesNoFlow) {
  for (uint8_t type = 133; type <= 137; ++type) {
    const Parsed parsed(Icmp6("2001:db8::1", "ff02::1:ff00:2", type, 255));
    EXPECT_EQ(parsed->note, ParseNote::kNeighborDiscovery);
    EXPECT_EQ(parsed->l3, L3::kNone);
    EXPECT_EQ(Parsed(Icmp6("2001:db8::1", "fe80::2", type, 255))->l3, L3::kNone);
    EXPECT_EQ(Parsed(Icmp6("fe80::1", "2001:db8::2", type, 255))->l3, L3::kNone);
  }
}

// RFC 6980; nor would its fragments be counted anywhere.
TEST(Parse, NeighborDiscoveryInFragmentsMakesAFlow) {
  Bytes frame = Icmp6("fe80::1", "ff02::1", 135, 255);
  packet::Packet whole;
  whole.data = frame.data();
  whole.captured_bytes = whole.wire_bytes = static_cast<uint32_t>(frame.size());
  ParseWhole(whole, Parsed(Nested(1)).packet());
  EXPECT_EQ(whole.headers.l3, L3::kIpv6);
  EXPECT_EQ(whole.headers.note, ParseNote::kComplete);
  EXPECT_EQ(whole.headers.tunnel_depth, 1);
}

// Else it would be a way past every rule and record.
TEST(Parse, WhatARouterWouldForwardIsNoNeighborDiscovery) {
  EXPECT_EQ(Parsed(Icmp6("2001:db8::1", "2001:db8:9::2", 135, 255))->l3, L3::kIpv6);
  EXPECT_EQ(Parsed(Icmp6("fe80::1", "ff02::1", 135, 254))->l3, L3::kIpv6);
  EXPECT_EQ(Parsed(Icmp6("fe80::1", "ff02::1", 128, 255))->l3, L3::kIpv6);
  const Bytes solicitation = Icmp6("fe80::1", "ff02::1", 135, 255);
  const Bytes datagram(solicitation.begin() + 14, solicitation.end());
  const Parsed inside(Over(Outer(), 41, datagram));
  EXPECT_EQ(inside->l3, L3::kIpv6);
  EXPECT_EQ(inside->tunnel_depth, 1);
}

}  // namespace
}  // namespace weir::parse

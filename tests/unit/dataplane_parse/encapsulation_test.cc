// Every encapsulation alike: read, cut anywhere, one in another.
#include <gtest/gtest.h>

#include <random>
#include <string_view>

#include "tests/unit/dataplane_parse/parsed.h"

namespace weir::parse {
namespace {

using namespace weir::testing;  // NOLINT(google-build-using-namespace): the builders
using packet::L3;
using packet::ParseNote;
using parse::testing::Parsed;

PacketBuilder Outer() { return PacketBuilder().Ipv4("198.51.100.1", "198.51.100.2"); }
PacketBuilder Outer6() { return PacketBuilder().Ipv6("2001:db8::1", "2001:db8::2"); }

PacketBuilder InnerV4() {
  return PacketBuilder()
      .Ipv4("10.0.0.1", "192.0.2.7")
      .Tcp({.src_port = 4000, .dst_port = 443, .seq = 7})
      .Payload("hello");
}

// Of Teredo's own addresses, so that Teredo can carry it.
PacketBuilder InnerV6() {
  return PacketBuilder()
      .Ipv6("2001:0:c000:201::1", "2001:db8:5::7")
      .Tcp({.src_port = 4000, .dst_port = 443, .seq = 7})
      .Payload("hello");
}

Bytes Frame4() { return InnerV4().Build(); }
Bytes Datagram4() { return DatagramOf(InnerV4()); }
Bytes Datagram6() { return DatagramOf(InnerV6()); }

struct Encapsulation {
  std::string_view name;
  Bytes frame;
  std::vector<uint8_t> outer_protocols;  // of the IP layers around the innermost
};

std::vector<Encapsulation> IpOverIp() {
  return {
      {"4in4", Over(Outer(), 4, Datagram4()), {4}},
      {"6in4", Over(Outer(), 41, Datagram6()), {41}},
      {"4in6", Over(Outer6(), 4, Datagram4()), {4}},
      {"6in6", Over(Outer6(), 41, Datagram6()), {41}},
      {"4in6 behind options",
       Over(Outer6().Ipv6Extension(60, FromHex("0000040101010100")), 4, Datagram4()),
       {4}},
      {"MPLS in IP", Over(Outer(), 137, Mpls({16}, Datagram4())), {137}},
  };
}

std::vector<Encapsulation> OverGre() {
  const auto gre = [](const Bytes& bytes) { return Over(Outer(), 47, bytes); };
  return {
      {"GRE", gre(Gre(kIpv4Type, Datagram4())), {47}},
      {"GRE of IPv6", gre(Gre(kIpv6Type, Datagram6())), {47}},
      {"GRE over IPv6", Over(Outer6(), 47, Gre(kIpv4Type, Datagram4())), {47}},
      {"GRE with a checksum", gre(Gre(kIpv4Type, Datagram4(), 0x8000)), {47}},
      {"GRE with a key", gre(Gre(kIpv4Type, Datagram4(), 0x2000)), {47}},
      {"GRE with a sequence", gre(Gre(kIpv4Type, Datagram4(), 0x1000)), {47}},
      {"GRE with all", gre(Gre(kIpv6Type, Datagram6(), 0xb000)), {47}},
      {"GRE of Ethernet", gre(Gre(kBridgedType, Frame4())), {47}},
      {"GRE of Ethernet with VLANs",
       gre(Gre(kBridgedType, Ethernet(0x88a8, Vlan(7, 0x8100, Vlan(8, kIpv4Type, Datagram4()))),
               0x2000)),
       {47}},
      {"GRE of MPLS", gre(Gre(kMplsType, Mpls({16, 17}, Datagram6()))), {47}},
      {"ERSPAN I", gre(Gre(0x88be, Frame4())), {47}},
      {"ERSPAN II", gre(Gre(0x88be, Erspan2(Frame4()), 0x1000)), {47}},
      {"PPTP",
       gre(PptpGre([] {
         Bytes ppp = FromHex("ff03 0021");
         const Bytes datagram = Datagram4();
         ppp.insert(ppp.end(), datagram.begin(), datagram.end());
         return ppp;
       }())),
       {47}},
      {"PPTP with all compressed",
       gre(PptpGre([] {
         Bytes ppp = FromHex("57");
         const Bytes datagram = Datagram6();
         ppp.insert(ppp.end(), datagram.begin(), datagram.end());
         return ppp;
       }())),
       {47}},
  };
}

std::vector<Encapsulation> OverUdpPorts() {
  const UdpFields vxlan = {50000, 4789}, gtp = {2152, 2152};
  const UdpFields to_server = {50000, 3544}, from_server = {3544, 50000};
  return {
      {"VXLAN", OverUdp(Outer(), vxlan, Vxlan(Frame4())), {17}},
      {"VXLAN over IPv6", OverUdp(Outer6(), vxlan, Vxlan(InnerV6().Build())), {17}},
      {"VXLAN with a group policy", OverUdp(Outer(), vxlan, Vxlan(Frame4(), 0x88)), {17}},
      {"VXLAN with a VLAN",
       OverUdp(Outer(), vxlan, Vxlan(Ethernet(0x8100, Vlan(9, kIpv4Type, Datagram4())))),
       {17}},
      {"Teredo", OverUdp(Outer(), to_server, Datagram6()), {17}},
      {"Teredo back", OverUdp(Outer(), from_server, Datagram6()), {17}},
      {"Teredo with indications",
       OverUdp(Outer(), to_server, TeredoIndications(Datagram6())),
       {17}},
      {"GTP", OverUdp(Outer(), gtp, GtpUser(Datagram4())), {17}},
      {"GTP with a sequence", OverUdp(Outer(), gtp, GtpUser(Datagram6(), 0x32)), {17}},
      {"GTP with an extension", OverUdp(Outer(), gtp, GtpUser(Datagram4(), 0x34)), {17}},
  };
}

std::vector<Encapsulation> OverLink() {
  return {
      {"PPPoE", Ethernet(kPppoeType, Pppoe(0x0021, Datagram4())), {}},
      {"PPPoE of IPv6", Ethernet(kPppoeType, Pppoe(0x0057, Datagram6())), {}},
      {"PPPoE in a VLAN", Ethernet(0x8100, Vlan(5, kPppoeType, Pppoe(0x0021, Datagram4()))), {}},
      {"MPLS", Ethernet(kMplsType, Mpls({16}, Datagram4())), {}},
      {"MPLS of IPv6", Ethernet(0x8848, Mpls({16, 17, 2}, Datagram6())), {}},
      {"pseudowire", Ethernet(kMplsType, Mpls({16}, Frame4())), {}},
      {"pseudowire with a control word",
       Ethernet(kMplsType, Mpls({16},
                                [] {
                                  Bytes wire = FromHex("00000007");
                                  const Bytes frame = Frame4();
                                  wire.insert(wire.end(), frame.begin(), frame.end());
                                  return wire;
                                }())),
       {}},
      {"MPLS of PPPoE in a pseudowire",
       Ethernet(kMplsType, Mpls({16}, Ethernet(kPppoeType, Pppoe(0x0021, Datagram4())))),
       {}},
  };
}

std::vector<Encapsulation> OneInAnother() {
  const Bytes vxlan = OverUdp(Outer(), {50000, 4789}, Vxlan(Frame4()));
  const Bytes in_gre = DatagramOf(Outer6().Raw(47).Payload(Gre(kBridgedType, vxlan)));
  const Bytes in_ipip = DatagramOf(Outer().Raw(41).Payload(in_gre));
  return {
      {"VXLAN in GRE", Ethernet(kIpv6Type, in_gre), {47, 17}},
      {"VXLAN in GRE in 6in4", Ethernet(kIpv4Type, in_ipip), {41, 47, 17}},
      {"VXLAN in GRE in 6in4 in IP", Over(Outer(), 4, in_ipip), {4, 41, 47, 17}},
      {"the same in PPPoE in MPLS",
       Ethernet(kMplsType, Mpls({16}, Ethernet(kPppoeType, Pppoe(0x0021, in_ipip)))),
       {41, 47, 17}},
  };
}

std::vector<Encapsulation> All() {
  std::vector<Encapsulation> all;
  for (auto some : {IpOverIp(), OverGre(), OverUdpPorts(), OverLink(), OneInAnother()}) {
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

bool IsInner(const Parsed& parsed) {
  return parsed->src_ip.ToString() == "10.0.0.1" ||
         parsed->src_ip.ToString() == "2001:0:c000:201::1";
}

TEST(Encapsulation, TheInnermostDatagramIsWhatHeadersDescribe) {
  for (const Encapsulation& each : All()) {
    SCOPED_TRACE(each.name);
    const Parsed parsed(each.frame);
    parsed.ExpectInside();
    EXPECT_TRUE(IsInner(parsed));
    EXPECT_EQ(parsed->note, ParseNote::kComplete);
    EXPECT_EQ(parsed->ip_protocol, 6);
    EXPECT_EQ(parsed->dst_port, 443);
    EXPECT_EQ(parsed->tcp_seq, 7U);
    const auto payload = parsed.packet().payload();
    EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(payload.data()), payload.size()),
              "hello");
    EXPECT_EQ(parsed->ip_bytes, parsed->l3 == L3::kIpv4 ? 45U : 65U);
    EXPECT_FALSE(parsed->too_deep);
    EXPECT_TRUE(parsed->encapsulated);
    ASSERT_EQ(parsed.around().size(), each.outer_protocols.size());
    for (size_t i = 0; i < parsed.around().size(); ++i) {
      EXPECT_EQ(parsed.around()[i].ip_protocol, each.outer_protocols[i]);
    }
  }
}

TEST(Encapsulation, CountsTheBytesOfTheOutermostDatagram) {
  for (const Encapsulation& each : All()) {
    SCOPED_TRACE(each.name);
    const Parsed parsed(each.frame);
    if (each.outer_protocols.empty()) {
      EXPECT_EQ(parsed->wire_ip_bytes, parsed->ip_bytes);
    } else if (each.frame[12] == 0x08 || each.frame[12] == 0x86) {
      EXPECT_EQ(parsed->wire_ip_bytes, each.frame.size() - 14);
    }
  }
}

// A frame that is short by any number of bytes says what it said before, or is its carrier's.
TEST(Encapsulation, AFrameCutAnywhereIsItsCarriers) {
  for (const Encapsulation& each : All()) {
    for (size_t bytes = 0; bytes < each.frame.size(); ++bytes) {
      SCOPED_TRACE(std::string(each.name) + " of " + std::to_string(bytes));
      const Parsed parsed(
          Bytes(each.frame.begin(), each.frame.begin() + static_cast<ptrdiff_t>(bytes)));
      parsed.ExpectInside();
      EXPECT_FALSE(IsInner(parsed));
      EXPECT_FALSE(parsed->too_deep);
      EXPECT_LT(parsed->tunnel_depth, std::max<size_t>(each.outer_protocols.size(), 1));
    }
  }
}

// A capture that cut the frame still shows the innermost datagram as long as its IP header is
// there.
TEST(Encapsulation, ACutCaptureIsReadAsFarAsItGoes) {
  for (const Encapsulation& each : All()) {
    const size_t wire = each.frame.size();
    const Parsed whole(each.frame);
    const size_t header_end = whole->l3_offset + (whole->l3 == L3::kIpv4 ? 20U : 40U);
    for (size_t bytes = 0; bytes < wire; ++bytes) {
      SCOPED_TRACE(std::string(each.name) + " of " + std::to_string(bytes));
      const Parsed parsed(
          Bytes(each.frame.begin(), each.frame.begin() + static_cast<ptrdiff_t>(bytes)), wire);
      parsed.ExpectInside();
      EXPECT_EQ(IsInner(parsed), bytes >= header_end);
      if (bytes < header_end) continue;
      EXPECT_EQ(parsed->ip_bytes, whole->ip_bytes);
      EXPECT_EQ(parsed->wire_ip_bytes, whole->wire_ip_bytes);
      EXPECT_EQ(parsed->note == ParseNote::kComplete, bytes >= whole->payload_offset);
    }
  }
}

TEST(Encapsulation, StaysInsideAnyFrame) {
  std::mt19937 random(20261122);
  for (const Encapsulation& each : All()) {
    for (int round = 0; round < 3'000; ++round) {
      Bytes frame = each.frame;
      for (int change = 0; change < 3; ++change) {
        frame[12 + random() % (frame.size() - 12)] = static_cast<uint8_t>(random());
      }
      frame.resize(random() % (frame.size() + 1));
      const Parsed parsed(frame, frame.size() + random() % 3);
      parsed.ExpectInside();
      if (::testing::Test::HasFatalFailure()) FAIL() << each.name << " round " << round;
    }
  }
}

}  // namespace
}  // namespace weir::parse

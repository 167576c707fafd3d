// Sessions, names and rules of what travels in tunnels.
#include <gtest/gtest.h>

#include "tests/support/encapsulation.h"
#include "tests/support/frame_edit.h"
#include "tests/support/pipeline_harness.h"
#include "tests/unit/dataplane_names/hello_builder.h"

namespace weir::testing {
namespace {

using events::Verdict;
using packet::DropReason;
using packet::Side;
using packet::tcp_flag::kAck;
using packet::tcp_flag::kPsh;
using packet::tcp_flag::kSyn;

constexpr std::string_view kClient = "10.20.0.11", kServer = "192.0.2.7";

Bytes Hello(std::string_view name) { return names::testing::HelloBuilder().Sni(name).Stream(); }

// How a datagram of the client or server is wrapped into a frame.
using Wrap = Bytes (*)(const Bytes& datagram, bool from_client);

PacketBuilder Carrier(bool from_client) {
  return from_client ? PacketBuilder().Ipv4("10.20.0.2", "203.0.113.2")
                     : PacketBuilder().Ipv4("203.0.113.2", "10.20.0.2");
}

Bytes InIp(const Bytes& datagram, bool from_client) {
  return Over(Carrier(from_client), 4, datagram);
}
Bytes InGre(const Bytes& datagram, bool from_client) {
  return Over(Carrier(from_client), 47, Gre(kIpv4Type, datagram, 0x2000));
}
Bytes InVxlan(const Bytes& datagram, bool from_client) {
  const Bytes frame = Ethernet(0x8100, Vlan(9, kIpv4Type, datagram));
  return OverUdp(Carrier(from_client), {50000, 4789}, Vxlan(frame));
}
Bytes InGtp(const Bytes& datagram, bool from_client) {
  return OverUdp(Carrier(from_client), {2152, 2152}, GtpUser(datagram));
}
Bytes InPppoe(const Bytes& datagram, bool) { return Ethernet(kPppoeType, Pppoe(0x0021, datagram)); }
Bytes InMpls(const Bytes& datagram, bool) { return Ethernet(kMplsType, Mpls({16, 17}, datagram)); }
Bytes Bare(const Bytes& datagram, bool) { return Ethernet(kIpv4Type, datagram); }

// A TCP connection to port 443 in a tunnel.
class Talk {
 public:
  Talk(PipelineHarness& bench, Wrap with) : wrap(with), bench_(bench) {}

  PacketBuilder Segment(uint8_t flags, std::span<const uint8_t> payload) const {
    PacketBuilder builder;
    builder.Ipv4(kClient, kServer)
        .Tcp({.flags = flags, .seq = client_seq_, .ack = server_seq_})
        .Payload(payload);
    return builder;
  }
  bool Client(uint8_t flags, std::span<const uint8_t> payload) {
    const bool passed = bench_.Send(wrap(DatagramOf(Segment(flags, payload)), true), Side::kInside);
    client_seq_ += static_cast<uint32_t>(payload.size()) + ((flags & kSyn) != 0 ? 1 : 0);
    return passed;
  }
  bool Server(uint8_t flags, std::span<const uint8_t> payload) {
    const TcpFields fields{
        .src_port = 443, .dst_port = 40000, .flags = flags, .seq = server_seq_, .ack = client_seq_};
    const bool passed = bench_.Send(
        wrap(DatagramOf(PacketBuilder().Ipv4(kServer, kClient).Tcp(fields).Payload(payload)),
             false),
        Side::kOutside);
    server_seq_ += static_cast<uint32_t>(payload.size()) + ((flags & kSyn) != 0 ? 1 : 0);
    return passed;
  }
  bool Handshake() { return Client(kSyn, {}) && Server(kSyn | kAck, {}) && Client(kAck, {}); }
  bool Say(const Bytes& bytes) { return Client(kPsh | kAck, bytes); }
  bool Answer(const Bytes& bytes) { return Server(kPsh | kAck, bytes); }

  Wrap wrap;

 private:
  PipelineHarness& bench_;
  uint32_t client_seq_ = 1000;
  uint32_t server_seq_ = 9000;
};

TEST(PipelineTunnel, OneSessionOfTheInnermostDatagramWithTheBytesOfTheOutermost) {
  for (const Wrap wrap : {InIp, InGre, InVxlan, InGtp, InPppoe, InMpls}) {
    PipelineHarness bench;
    Talk talk(bench, wrap);
    ASSERT_TRUE(talk.Handshake());
    ASSERT_TRUE(talk.Say(Hello("site.test")));
    ASSERT_TRUE(talk.Answer(BytesOf("answer")));
    bench.CloseAll();
    const auto& session = bench.session();
    EXPECT_EQ(session.event.src_ip.ToString(), kClient);
    EXPECT_EQ(session.event.dst_ip.ToString(), kServer);
    EXPECT_EQ(session.event.dst_port, 443);
    EXPECT_EQ(session.event.ip_protocol, 6);
    EXPECT_EQ(session.event.vlan_count, 0);
    EXPECT_EQ(session.name, "site.test");
    EXPECT_EQ(session.event.packets_to_dst, 3U);
    const Bytes answer =
        wrap(DatagramOf(PacketBuilder().Ipv4(kServer, kClient).Tcp({}).Payload("answer")), false);
    const Bytes handshake = wrap(DatagramOf(PacketBuilder().Ipv4(kServer, kClient).Tcp({})), false);
    const size_t link = wrap == InPppoe ? 14 + 8 : wrap == InMpls ? 14 + 8 : 14;
    EXPECT_EQ(session.event.bytes_to_src, answer.size() + handshake.size() - 2 * link);
  }
}

TEST(PipelineTunnel, ABlockedNameAPortAndAnAddressInsideAreBlocked) {
  for (const Wrap wrap : {InIp, InGre, InVxlan, InGtp, InPppoe, InMpls}) {
    PipelineHarness by_name("drop host bad.test id r1");
    Talk talk(by_name, wrap);
    ASSERT_TRUE(talk.Handshake());
    EXPECT_FALSE(talk.Say(Hello("bad.test")));
    EXPECT_EQ(by_name.last_reason(), DropReason::kPolicy);
    EXPECT_FALSE(talk.Answer(BytesOf("anything")));
    EXPECT_EQ(by_name.session().rule, "r1");

    PipelineHarness by_port("drop port tcp/443 id r2");
    EXPECT_FALSE(Talk(by_port, wrap).Client(kSyn, {}));
    PipelineHarness by_address("drop ip 192.0.2.7 id r3");
    EXPECT_FALSE(Talk(by_address, wrap).Client(kSyn, {}));
    PipelineHarness allowed("drop host other.test\ndrop port tcp/80\ndrop ip 192.0.2.8");
    Talk other(allowed, wrap);
    EXPECT_TRUE(other.Handshake());
    EXPECT_TRUE(other.Say(Hello("good.test")));
  }
}

TEST(PipelineTunnel, TheAddressAndThePortOfAnOuterLayerAreJudged) {
  PipelineHarness by_address("drop ip 203.0.113.2 class tunnel id far-end");
  EXPECT_FALSE(Talk(by_address, InIp).Client(kSyn, {}));
  EXPECT_EQ(by_address.last_reason(), DropReason::kPolicy);
  by_address.CloseAll();
  EXPECT_EQ(by_address.session().event.verdict, Verdict::kDrop);
  EXPECT_EQ(by_address.session().rule, "far-end");
  ASSERT_EQ(by_address.events().findings().size(), 1U);
  EXPECT_EQ(by_address.events().findings()[0].rule_class, "tunnel");

  PipelineHarness by_port("drop port udp/4789 id vxlan");
  EXPECT_FALSE(Talk(by_port, InVxlan).Client(kSyn, {}));
  EXPECT_TRUE(Talk(by_port, InIp).Client(kSyn, {}));
  PipelineHarness by_side("drop ip 203.0.113.2 from outside");
  EXPECT_TRUE(Talk(by_side, InIp).Handshake());
  PipelineHarness to_side("drop any to 203.0.113.0/24");
  EXPECT_FALSE(Talk(to_side, InIp).Client(kSyn, {}));
}

TEST(PipelineTunnel, EveryOfFourOuterLayersIsJudged) {
  for (int blocked = 1; blocked <= 4; ++blocked) {
    PipelineHarness bench("drop ip 203.0.113." + std::to_string(blocked));
    Bytes datagram = DatagramOf(PacketBuilder().Ipv4(kClient, kServer).Tcp({}));
    for (int layer = 4; layer > 0; --layer) {
      const std::string to = "203.0.113." + std::to_string(layer);
      datagram = DatagramOf(PacketBuilder().Ipv4("10.20.0.2", to).Raw(4).Payload(datagram));
    }
    EXPECT_FALSE(bench.Send(Ethernet(kIpv4Type, datagram), Side::kInside)) << blocked;
  }
}

// The same inner flow may move to another tunnel at any time, and leave it again.
TEST(PipelineTunnel, AFlowThatPassesIsStillJudgedByTheTunnelItMovesTo) {
  PipelineHarness bench("drop ip 203.0.113.2 id far-end");
  Talk talk(bench, Bare);
  ASSERT_TRUE(talk.Handshake());
  ASSERT_TRUE(talk.Say(Hello("site.test")));
  ASSERT_TRUE(talk.Answer(Bytes(100, 'x')));
  talk.wrap = InGre;
  EXPECT_FALSE(talk.Say(Bytes(10, 'x')));
  EXPECT_FALSE(talk.Answer(Bytes(10, 'x')));
  EXPECT_EQ(bench.session().rule, "far-end");
  EXPECT_EQ(bench.session().event.verdict, Verdict::kDrop);
}

// Else one packet with somebody's addresses, through a forbidden tunnel, would block theirs.
TEST(PipelineTunnel, AForbiddenTunnelDoesNotBlockTheFlowOutsideIt) {
  PipelineHarness bench("drop ip 203.0.113.2 class tunnel id far-end");
  Talk talk(bench, Bare);
  ASSERT_TRUE(talk.Handshake());
  ASSERT_TRUE(talk.Say(Hello("site.test")));
  Talk forged(bench, InIp);
  EXPECT_FALSE(forged.Say(Bytes(10, 'x')));
  EXPECT_FALSE(forged.Say(Bytes(10, 'x')));
  EXPECT_TRUE(talk.Answer(Bytes(10, 'x')));
  EXPECT_TRUE(talk.Say(Bytes(10, 'x')));
  EXPECT_EQ(bench.events().findings().size(), 1U);
}

TEST(PipelineTunnel, ATrialRuleAboutATunnelIsRecordedOnce) {
  PipelineHarness bench("drop ip 203.0.113.2 class tunnel id trial mode monitor");
  Talk talk(bench, InIp);
  ASSERT_TRUE(talk.Handshake());
  ASSERT_TRUE(talk.Say(Hello("site.test")));
  ASSERT_TRUE(talk.Answer(Bytes(10, 'x')));
  EXPECT_EQ(bench.session().rule, "trial");
  EXPECT_EQ(bench.session().event.verdict, Verdict::kWouldDrop);
  EXPECT_EQ(bench.events().findings().size(), 1U);
}

TEST(PipelineTunnel, WithTheBypassNothingIsDropped) {
  pipeline::Options options = PipelineHarness::DefaultOptions();
  options.drop_too_deep = true;
  PipelineHarness bench("drop ip 203.0.113.2 id far-end", options);
  bench.pipeline().set_bypass(true);
  EXPECT_TRUE(Talk(bench, InIp).Handshake());
  EXPECT_EQ(bench.session().event.verdict, Verdict::kWouldDrop);
  Bytes frame = Ethernet(kIpv4Type, Bytes(40, 0));
  for (int i = 0; i < 5; ++i) frame = Ethernet(kMplsType, Mpls({16}, frame));
  EXPECT_TRUE(bench.Send(frame, Side::kInside));
}

// A sequence, a length, a label would be those of another frame.
TEST(PipelineTunnel, NoAnswerIsMadeForWhatIsEncapsulated) {
  for (const Wrap wrap : {InIp, InGre, InVxlan, InGtp, InPppoe, InMpls}) {
    PipelineHarness bench("reject host bad.test\nreject port udp/69");
    Talk talk(bench, wrap);
    ASSERT_TRUE(talk.Handshake());
    EXPECT_FALSE(talk.Say(Hello("bad.test")));
    EXPECT_EQ(bench.last_reason(), DropReason::kRejected);
    EXPECT_TRUE(bench.answers().empty());
    const auto tftp = PacketBuilder().Ipv4(kClient, kServer).Udp({.dst_port = 69});
    EXPECT_FALSE(
        bench.Send(wrap(DatagramOf(PacketBuilder(tftp).Payload("x")), true), Side::kInside));
    EXPECT_TRUE(bench.answers().empty());
    const auto& withheld = bench.pipeline().counters().responses_withheld;
    EXPECT_EQ(withheld[static_cast<size_t>(respond::Withheld::kEncapsulated)].value(), 2U);
  }
  PipelineHarness bench("reject host bad.test");
  Talk talk(bench, Bare);
  ASSERT_TRUE(talk.Handshake());
  EXPECT_FALSE(talk.Say(Hello("bad.test")));
  EXPECT_EQ(bench.answers().size(), 2U);
}

Bytes FiveDeep() {
  Bytes datagram = DatagramOf(PacketBuilder().Ipv4(kClient, kServer).Tcp({}));
  for (int layer = 5; layer > 0; --layer) {
    const std::string to = "203.0.113." + std::to_string(layer);
    datagram = DatagramOf(PacketBuilder().Ipv4("10.20.0.2", to).Raw(4).Payload(datagram));
  }
  return Ethernet(kIpv4Type, datagram);
}

TEST(PipelineTunnel, WhatIsTooDeepPassesOrIsDroppedAndIsASessionOfWhatWasRead) {
  for (const bool drop : {false, true}) {
    pipeline::Options options = PipelineHarness::DefaultOptions();
    options.drop_too_deep = drop;
    PipelineHarness bench("", options);
    EXPECT_EQ(bench.Send(FiveDeep(), Side::kInside), !drop);
    EXPECT_EQ(bench.last_reason(), drop ? DropReason::kTooDeep : DropReason::kNone);
    const auto& counters = bench.pipeline().counters();
    EXPECT_EQ(counters.too_deep.value(), 1U);
    EXPECT_EQ(counters.tunnelled.value(), 1U);
    EXPECT_EQ(counters.dropped[static_cast<size_t>(DropReason::kTooDeep)].value(), drop ? 1U : 0U);
    bench.CloseAll();
    EXPECT_EQ(bench.session().event.dst_ip.ToString(), "203.0.113.5");
    EXPECT_EQ(bench.session().event.ip_protocol, 4);
    EXPECT_EQ(bench.session().event.bytes_to_dst, FiveDeep().size() - 14);
  }
}

TEST(PipelineTunnel, ARuleSaysMoreThanBeingTooDeep) {
  pipeline::Options options = PipelineHarness::DefaultOptions();
  options.drop_too_deep = true;
  PipelineHarness bench("drop ip 203.0.113.3", options);
  EXPECT_FALSE(bench.Send(FiveDeep(), Side::kInside));
  EXPECT_EQ(bench.last_reason(), DropReason::kPolicy);
}

TEST(PipelineTunnel, WhatTheLinkSaysMakesNoSession) {
  PipelineHarness bench("drop any");
  const Bytes body(46, 0x42);
  for (const uint16_t type : {uint16_t{0x0806}, uint16_t{0x88cc}, uint16_t{0x888e},
                              uint16_t{0x8863}, uint16_t{0x2000}, uint16_t{0x0026}}) {
    EXPECT_TRUE(bench.Send(Ethernet(type, body), Side::kInside)) << type;
  }
  Bytes solicitation =
      PacketBuilder().Ipv6("fe80::1", "ff02::1:ff00:2").Icmp(135, 0).Payload(Bytes(20, 0)).Build();
  solicitation[14 + 7] = 255;
  EXPECT_TRUE(bench.Send(solicitation, Side::kOutside));
  bench.CloseAll();
  EXPECT_TRUE(bench.events().sessions().empty());
}

// A query for bad.test, and the frame that it comes in.
Bytes Question() {
  return PacketBuilder()
      .Ipv4(kClient, kServer)
      .Udp({.dst_port = 53})
      .Payload(FromHex("1234 0100 0001 0000 0000 0000 03626164 0474657374 00 0001 0001"))
      .Build();
}
Bytes DatagramIn(const Bytes& frame) { return {frame.begin() + 14, frame.end()}; }

TEST(PipelineTunnel, ATunnelInFragmentsIsLookedIntoWhenItIsWhole) {
  for (const Wrap wrap : {InIp, InGre, InVxlan, InGtp}) {
    PipelineHarness bench("drop host bad.test id r1");
    const Bytes frame = wrap(DatagramIn(Question()), true);
    const uint32_t cuts[] = {0, 16, 40};
    const auto pieces = Fragments(frame, cuts, 77);
    EXPECT_TRUE(bench.Send(pieces[2], Side::kInside));
    EXPECT_TRUE(bench.Send(pieces[0], Side::kInside));
    EXPECT_FALSE(bench.Send(pieces[1], Side::kInside));
    EXPECT_EQ(bench.session().event.dst_ip.ToString(), kServer);
    EXPECT_EQ(bench.session().rule, "r1");
  }
}

TEST(PipelineTunnel, FragmentsInATunnelAreJudgedAsAWholeAndByTheirTunnel) {
  const uint32_t cuts[] = {0, 8, 24};
  const auto pieces = Fragments(Question(), cuts, 77);
  for (const Wrap wrap : {InIp, InGre, InVxlan, InGtp, InPppoe, InMpls}) {
    PipelineHarness by_name("drop host bad.test id r1");
    EXPECT_TRUE(by_name.Send(wrap(DatagramIn(pieces[0]), true), Side::kInside));
    EXPECT_TRUE(by_name.Send(wrap(DatagramIn(pieces[1]), true), Side::kInside));
    EXPECT_FALSE(by_name.Send(wrap(DatagramIn(pieces[2]), true), Side::kInside));
    EXPECT_EQ(by_name.session().rule, "r1");
    if (wrap == InPppoe || wrap == InMpls) continue;
    PipelineHarness by_tunnel("drop ip 203.0.113.2");
    for (const Bytes& piece : pieces) {
      EXPECT_FALSE(by_tunnel.Send(wrap(DatagramIn(piece), true), Side::kInside));
    }
    // Only the piece that makes it whole goes through the tunnel.
    PipelineHarness last_only("drop ip 203.0.113.2 id far-end");
    EXPECT_TRUE(last_only.Send(pieces[0], Side::kInside));
    EXPECT_TRUE(last_only.Send(pieces[1], Side::kInside));
    EXPECT_FALSE(last_only.Send(wrap(DatagramIn(pieces[2]), true), Side::kInside));
    EXPECT_EQ(last_only.session().rule, "far-end");
  }
}

TEST(PipelineTunnel, FragmentsInATunnelCountWithTheBytesOfTheOutermostDatagrams) {
  PipelineHarness bench;
  const uint32_t cuts[] = {0, 8, 24};
  size_t bytes = 0;
  for (const Bytes& piece : Fragments(Question(), cuts, 77)) {
    const Bytes frame = InGre(DatagramIn(piece), true);
    ASSERT_TRUE(bench.Send(frame, Side::kInside));
    bytes += frame.size() - 14;
  }
  bench.CloseAll();
  EXPECT_EQ(bench.session().event.bytes_to_dst, bytes);
  EXPECT_EQ(bench.session().event.packets_to_dst, 3U);
  EXPECT_EQ(bench.session().name, "bad.test");
}

// A fragment may be sent into a tunnel that ends nowhere, to be seen here and by nobody else: what
// the server still waits for must not come behind.
TEST(PipelineTunnel, AfterADatagramWhosePiecesCameInATunnelNothingIsAdded) {
  PipelineHarness bench("drop host bad.test");
  Bytes innocent = Question();
  innocent[14 + 20 + 8 + 13] = 'd';  // dad.test
  const uint32_t cuts[] = {0, 24};
  const auto said = Fragments(innocent, cuts, 77);
  const auto meant = Fragments(Question(), cuts, 77);
  EXPECT_TRUE(bench.Send(InIp(DatagramIn(said[0]), true), Side::kInside));
  EXPECT_TRUE(bench.Send(said[1], Side::kInside));
  EXPECT_FALSE(bench.Send(meant[0], Side::kInside));
  EXPECT_EQ(bench.last_reason(), DropReason::kFragment);
}

TEST(PipelineTunnel, NoAnswerIsMadeForFragmentsThatAreEncapsulated) {
  for (const Wrap wrap : {InIp, InVxlan, InPppoe, InMpls}) {
    PipelineHarness bench("reject host bad.test");
    Talk talk(bench, wrap);
    ASSERT_TRUE(talk.Handshake());
    const Bytes hello = talk.Segment(kPsh | kAck, Hello("bad.test")).Build();
    const uint32_t cuts[] = {0, 40};
    const auto pieces = Fragments(hello, cuts, 77);
    EXPECT_TRUE(bench.Send(wrap(DatagramIn(pieces[0]), true), Side::kInside));
    EXPECT_FALSE(bench.Send(wrap(DatagramIn(pieces[1]), true), Side::kInside));
    EXPECT_EQ(bench.last_reason(), DropReason::kRejected);
    EXPECT_TRUE(bench.answers().empty());
  }
}

TEST(PipelineTunnel, WhatIsTooDeepInFragmentsIsDroppedWithThePieceThatMakesItWhole) {
  pipeline::Options options = PipelineHarness::DefaultOptions();
  options.drop_too_deep = true;
  PipelineHarness bench("", options);
  const uint32_t cuts[] = {0, 40};
  const auto pieces = Fragments(FiveDeep(), cuts, 77);
  EXPECT_TRUE(bench.Send(pieces[0], Side::kInside));
  EXPECT_FALSE(bench.Send(pieces[1], Side::kInside));
  EXPECT_EQ(bench.last_reason(), DropReason::kTooDeep);
}

}  // namespace
}  // namespace weir::testing

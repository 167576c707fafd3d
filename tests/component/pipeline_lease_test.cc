// DHCP on its way through the pipeline: which leases are told, and who is not believed.
#include <gtest/gtest.h>

#include "dataplane/events/lease_event.h"
#include "tests/support/dhcp_builder.h"
#include "tests/support/encapsulation.h"
#include "tests/support/pipeline_harness.h"

namespace weir::testing {
namespace {

using dhcp::Seen;
using packet::Side;

constexpr char kServer[] = "10.0.0.5";
constexpr char kServer6[] = "fe80::5";
constexpr char kClientMac[] = "02:00:00:00:00:11";

pipeline::Options WithServers() {
  pipeline::Options options = PipelineHarness::DefaultOptions();
  options.dhcp_servers = {base::IpPrefix::Parse("10.0.0.0/29").value(),
                          base::IpPrefix::Parse(kServer6).value()};
  options.boot_id = 0xb007;
  return options;
}

class PipelineLease : public ::testing::Test {
 protected:
  PipelineLease() : bench_("", WithServers()) {}

  PacketBuilder Datagram(std::string_view src, std::string_view dst, uint16_t dst_port,
                         const Bytes& message) const {
    PacketBuilder builder;
    builder.Macs("02:00:00:00:00:05", frame_for_);
    src.find(':') == std::string_view::npos ? builder.Ipv4(src, dst) : builder.Ipv6(src, dst);
    builder.Udp({.src_port = uint16_t(dst_port ^ 1), .dst_port = dst_port}).Payload(message);
    return builder;
  }
  bool Ack(const Dhcp4Fields& fields = {}, std::string_view from = kServer,
           Side side = Side::kOutside) {
    return bench_.Send(Datagram(from, "255.255.255.255", 68, Dhcp4(fields)).Build(), side);
  }
  uint64_t Count(Seen seen) {
    return bench_.pipeline().counters().dhcp[static_cast<size_t>(seen)].value();
  }
  const std::vector<SeenLease>& leases() const { return bench_.events().leases(); }

  std::string_view frame_for_ = "ff:ff:ff:ff:ff:ff";
  PipelineHarness bench_;
};

TEST_F(PipelineLease, AnAckIsTold) {
  const Bytes agent = Option4(82, Option4(1, BytesOf("eth1/7")));
  EXPECT_TRUE(Ack({.giaddr = "10.20.0.1", .options = agent}));
  ASSERT_EQ(leases().size(), 1U);
  const SeenLease& lease = leases()[0];
  EXPECT_EQ(lease.event.state, events::LeaseState::kBound);
  EXPECT_EQ(lease.event.ip.ToString(), "10.20.0.11");
  EXPECT_EQ(lease.event.mac.ToString(), kClientMac);
  EXPECT_EQ(lease.event.lease_s, 3600U);
  EXPECT_EQ(lease.event.server.ToString(), kServer);
  EXPECT_EQ(lease.event.relay.ToString(), "10.20.0.1");
  EXPECT_EQ(lease.circuit, "eth1/7");
  EXPECT_EQ(Count(Seen::kBound), 1U);
}

// The flow is decided by then, and its packets would take the short way.
TEST_F(PipelineLease, EveryRenewalIsTold) {
  const Bytes renewal = Datagram(kServer, "10.20.0.11", 68, Dhcp4({})).Build();
  const Bytes request = PacketBuilder()
                            .Ipv4("10.20.0.11", kServer)
                            .Udp({68, 67})
                            .Payload(Dhcp4({.op = 1, .type = 3}))
                            .Build();
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(bench_.Send(request, Side::kInside));
    ASSERT_TRUE(bench_.Send(renewal, Side::kOutside));
    bench_.Advance(0.1);
  }
  EXPECT_EQ(leases().size(), 20U);
  EXPECT_EQ(bench_.pipeline().counters().short_way.value(), 0U);
}

TEST_F(PipelineLease, WhoIsNoServerIsCountedAndToldOnceAMinute) {
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(Ack({}, "192.168.1.1", Side::kInside));
  EXPECT_TRUE(leases().empty());
  EXPECT_EQ(Count(Seen::kUnknownServer), 100U);
  ASSERT_EQ(bench_.events().health().size(), 1U);
  EXPECT_EQ(bench_.events().health()[0].event.kind, events::HealthKind::kRogueDhcp);
  EXPECT_EQ(bench_.events().health()[0].event.value, 1U);
  EXPECT_EQ(bench_.events().health()[0].event.boot_id, 0xb007U);
  EXPECT_EQ(bench_.events().health()[0].detail, "192.168.1.1");
  bench_.Advance(61);
  EXPECT_TRUE(Ack({}, "192.168.1.1", Side::kInside));
  ASSERT_EQ(bench_.events().health().size(), 2U);
  EXPECT_EQ(bench_.events().health()[1].event.value, 100U) << "with those not told before";
}

TEST_F(PipelineLease, AnOfferOfAnotherServerIsEnoughToBeTold) {
  EXPECT_TRUE(Ack({.type = 2}, "192.168.1.1", Side::kInside));
  EXPECT_EQ(Count(Seen::kUnknownServer), 1U);
}

TEST_F(PipelineLease, AServersAddressOnTheClientsSideIsForged) {
  EXPECT_TRUE(Ack({}, kServer, Side::kInside));
  EXPECT_TRUE(leases().empty());
  EXPECT_EQ(Count(Seen::kWrongSide), 1U);
  EXPECT_EQ(bench_.events().health().size(), 1U);
}

TEST_F(PipelineLease, TheServersMayBeInside) {
  pipeline::Options options = WithServers();
  options.dhcp_side = Side::kInside;
  PipelineHarness bench("", options);
  const Bytes frame = Datagram(kServer, "255.255.255.255", 68, Dhcp4({})).Build();
  bench.Send(frame, Side::kOutside);
  EXPECT_TRUE(bench.events().leases().empty());
  bench.Send(frame, Side::kInside);
  EXPECT_EQ(bench.events().leases().size(), 1U);
}

TEST_F(PipelineLease, WhatTheClientDoesNotGetIsNoLease) {
  bench_.Install("drop port udp/68");
  EXPECT_FALSE(Ack());
  EXPECT_TRUE(leases().empty());
  bench_.Install("");
  Bytes frame = Datagram(kServer, "10.20.0.11", 68, Dhcp4({})).Build();
  constexpr size_t kTransactionAt = 14 + 20 + 8 + 4;
  frame[kTransactionAt] ^= 1;
  EXPECT_TRUE(bench_.Send(frame, Side::kOutside));
  EXPECT_TRUE(leases().empty());
  EXPECT_EQ(Count(Seen::kBadChecksum), 1U);
}

TEST_F(PipelineLease, WithoutServersNothingIsLookedAt) {
  PipelineHarness bench;
  bench.Send(Datagram(kServer, "255.255.255.255", 68, Dhcp4({})).Build(), Side::kOutside);
  EXPECT_TRUE(bench.events().leases().empty());
  EXPECT_TRUE(bench.events().health().empty());
}

TEST_F(PipelineLease, ATunnelIsNoServersWord) {
  const Bytes inner = Datagram(kServer, "255.255.255.255", 68, Dhcp4({})).Build();
  EXPECT_TRUE(
      bench_.Send(OverUdp(PacketBuilder().Ipv4(kServer, "10.20.0.2"), {50000, 4789}, Vxlan(inner)),
                  Side::kOutside));
  EXPECT_TRUE(leases().empty());
}

TEST_F(PipelineLease, AFragmentedAnswerIsReadAsAWhole) {
  const Bytes message = Dhcp4({.options = Option4(12, Bytes(200, 'h'))});
  const Bytes whole =
      PacketBuilder().Ipv4(kServer, "10.20.0.11").Udp({67, 68}).Payload(message).Build();
  const Bytes datagram(whole.begin() + 14 + 20, whole.end());
  constexpr size_t kCut = 256;
  const auto piece = [&](size_t from, size_t to, bool more) {
    return PacketBuilder()
        .Ipv4(kServer, "10.20.0.11")
        .Fragment(9, static_cast<uint16_t>(from), more)
        .Raw(packet::ip_protocol::kUdp)
        .Payload(std::span(datagram).subspan(from, to - from))
        .Build();
  };
  EXPECT_TRUE(bench_.Send(piece(0, kCut, true), Side::kOutside));
  EXPECT_TRUE(leases().empty());
  EXPECT_TRUE(bench_.Send(piece(kCut, datagram.size(), false), Side::kOutside));
  EXPECT_EQ(leases().size(), 1U);
}

Bytes Reply6() {
  return Dhcp6(7, Joined({Option6(1, Duid(kClientMac)), IaNa(IaAddress("2001:db8::11", 60)),
                          IaPd(IaPrefix("2001:db8:1::", 56, 60))}));
}

TEST_F(PipelineLease, ADhcp6ReplyIsToldAddressByAddress) {
  frame_for_ = "02:00:00:00:00:77";
  EXPECT_TRUE(bench_.Send(Datagram(kServer6, "fe80::11", 546, Reply6()).Build(), Side::kOutside));
  ASSERT_EQ(leases().size(), 2U);
  EXPECT_EQ(leases()[0].event.mac.ToString(), frame_for_) << "not the DUID's, which may be another";
  EXPECT_EQ(leases()[0].client_id.size(), 10U);
  EXPECT_EQ(leases()[1].event.prefix_bits, 56);
  EXPECT_TRUE(bench_.Send(
      Datagram(kServer6, "2001:db8:20::1", 547, Relayed(13, "2001:db8:20::1", Reply6())).Build(),
      Side::kOutside));
  ASSERT_EQ(leases().size(), 4U);
  EXPECT_EQ(leases()[2].event.mac.ToString(), kClientMac) << "the frame is the relay's";
  EXPECT_EQ(leases()[2].event.relay.ToString(), "2001:db8:20::1");
}

// RFC 6939: the relay tells the server, which does not send it back.
TEST_F(PipelineLease, WhatTheRelayToldTheServerIsRemembered) {
  const Bytes uuid = Option6(1, Joined({Be(4, 2), Bytes(16, 7)}));
  const Bytes told = Option6(79, Joined({Be(1, 2), MacBytes("02:00:00:00:00:77")}));
  const auto ask = [&](std::string_view to, Side side) {
    const Bytes request = Relayed(12, "2001:db8:20::1", Dhcp6(3, uuid), told);
    bench_.Send(Datagram("2001:db8:20::1", to, 547, request).Build(), side);
  };
  const auto mac_of_answer = [&](const Bytes& client_id) {
    const Bytes reply = Dhcp6(7, Joined({client_id, IaNa(IaAddress("2001:db8::11", 60))}));
    bench_.Send(Datagram(kServer6, "2001:db8:20::1", 547, Relayed(13, "::", reply)).Build(),
                Side::kOutside);
    return leases().back().event.mac.ToString();
  };
  constexpr char kNone[] = "00:00:00:00:00:00";
  EXPECT_EQ(mac_of_answer(uuid), kNone);
  ask("2001:db8::5", Side::kInside);
  EXPECT_EQ(mac_of_answer(uuid), kNone) << "not to a server";
  ask(kServer6, Side::kOutside);
  EXPECT_EQ(mac_of_answer(uuid), kNone) << "from the servers' own side";
  ask(kServer6, Side::kInside);
  EXPECT_EQ(mac_of_answer(uuid), "02:00:00:00:00:77");
  EXPECT_EQ(mac_of_answer(Option6(1, Joined({Be(4, 2), Bytes(16, 8)}))), kNone) << "another's";
}

TEST_F(PipelineLease, WithoutAnyNameOfTheClientThereIsNoLease) {
  const Bytes nobody = Dhcp6(7, IaNa(IaAddress("2001:db8::11", 60)));
  bench_.Send(Datagram(kServer6, "2001:db8:20::1", 547, Relayed(13, "::", nobody)).Build(),
              Side::kOutside);
  EXPECT_TRUE(Ack({.hardware_type = 32}));
  EXPECT_TRUE(leases().empty());
  EXPECT_EQ(Count(Seen::kNoClient), 2U);
}

TEST_F(PipelineLease, AReleaseCountsFromItsClientToAServer) {
  const auto release = [&](std::string_view from, std::string_view to, std::string_view relay) {
    const Bytes message = Dhcp4({.op = 1,
                                 .type = 7,
                                 .ciaddr = "10.20.0.11",
                                 .yiaddr = "0.0.0.0",
                                 .giaddr = relay,
                                 .lease_s = 0});
    return Datagram(from, to, 67, message).Build();
  };
  const Bytes good = release("10.20.0.11", kServer, "0.0.0.0");
  bench_.Send(good, Side::kOutside);
  bench_.Send(release("10.20.0.12", kServer, "0.0.0.0"), Side::kInside);
  bench_.Send(release("10.20.0.11", "10.9.9.9", "0.0.0.0"), Side::kInside);
  EXPECT_TRUE(leases().empty());
  bench_.Send(good, Side::kInside);
  bench_.Send(release("10.20.0.1", kServer, "10.20.0.1"), Side::kInside);
  ASSERT_EQ(leases().size(), 2U);
  EXPECT_EQ(leases()[0].event.state, events::LeaseState::kReleased);
  EXPECT_EQ(leases()[0].event.server.ToString(), kServer);
  const Bytes release6 =
      Dhcp6(8, Joined({Option6(1, Duid(kClientMac)), IaNa(IaAddress("2001:db8::11", 60))}));
  bench_.Send(Datagram("fe80::11", "ff02::1:2", 547, release6).Build(), Side::kInside);
  ASSERT_EQ(leases().size(), 3U);
  EXPECT_EQ(Count(Seen::kReleased), 3U);
  EXPECT_EQ(bench_.events().health().size(), 0U);
}

TEST_F(PipelineLease, MalformedOnesAreCounted) {
  bench_.Send(Datagram(kServer, "10.20.0.11", 68, Bytes(100, 1)).Build(), Side::kOutside);
  bench_.Send(Datagram(kServer6, "fe80::11", 546, Bytes{7}).Build(), Side::kOutside);
  EXPECT_EQ(Count(Seen::kMalformed), 2U);
}

}  // namespace
}  // namespace weir::testing

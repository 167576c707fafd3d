#include "dataplane/dhcp/dhcp6.h"

#include <gtest/gtest.h>

#include "tests/support/dhcp_builder.h"

namespace weir::dhcp {
namespace {

using namespace weir::testing;  // NOLINT(google-build-using-namespace): the builders

constexpr uint8_t kReply = 7, kRelease = 8, kForward = 12, kBack = 13;
constexpr char kMac[] = "02:00:00:00:00:11";

Message Read(const Bytes& datagram) {
  Message message;
  ReadDhcp6(datagram, message);
  return message;
}

Bytes ClientId() { return Option6(1, Duid(kMac)); }
Bytes PlainReply() {
  return Dhcp6(kReply, Joined({ClientId(), IaNa(IaAddress("2001:db8::11", 3600))}));
}

std::string Text(std::span<const uint8_t> bytes) { return {bytes.begin(), bytes.end()}; }

TEST(Dhcp6, AReplyGivesAddressesAndPrefixes) {
  const Bytes datagram = Dhcp6(
      kReply,
      Joined({ClientId(),
              IaNa(Joined({IaAddress("2001:db8::11", 3600), IaAddress("2001:db8::12", kForever)})),
              IaTa(IaAddress("2001:db8::13", 60)), IaPd(IaPrefix("2001:db8:1:2::", 56, 7200))}));
  const Message message = Read(datagram);
  EXPECT_EQ(message.kind, Kind::kAnswer);
  EXPECT_EQ(message.mac.ToString(), kMac);
  EXPECT_EQ(Bytes(message.client_id.begin(), message.client_id.end()), Duid(kMac));
  ASSERT_EQ(message.lease_count, 4U);
  EXPECT_EQ(message.leases[0].ip.ToString(), "2001:db8::11");
  EXPECT_EQ(message.leases[0].lease_s, 3600U);
  EXPECT_EQ(message.leases[1].lease_s, kForever);
  EXPECT_EQ(message.leases[2].ip.ToString(), "2001:db8::13");
  EXPECT_EQ(message.leases[3].ip.ToString(), "2001:db8:1::") << "what is behind 56 bits goes";
  EXPECT_EQ(message.leases[3].prefix_bits, 56);
  EXPECT_EQ(message.leases[3].lease_s, 7200U);
}

TEST(Dhcp6, WhatWasNotGivenIsNoLease) {
  const auto with = [](const Bytes& options) {
    return Read(Dhcp6(kReply, Joined({ClientId(), options}))).lease_count;
  };
  EXPECT_EQ(with(IaNa(Joined({IaAddress("2001:db8::11", 9), Status(2)}))), 0U);
  EXPECT_EQ(with(IaNa(IaAddress("2001:db8::11", 9, Status(6)))), 0U);
  EXPECT_EQ(with(IaNa(IaAddress("2001:db8::11", 9, Status(0)))), 1U);
  EXPECT_EQ(with(Joined({Status(1), IaNa(IaAddress("2001:db8::11", 9))})), 0U);
  EXPECT_EQ(with(Joined({Option6(13, {0}), IaNa(IaAddress("2001:db8::11", 9))})), 0U);
  EXPECT_EQ(with(IaNa({})), 0U);
}

TEST(Dhcp6, ALifetimeOfZeroTakesBack) {
  const Message message =
      Read(Dhcp6(kReply, Joined({ClientId(), IaNa(IaAddress("2001:db8::11", 0))})));
  ASSERT_EQ(message.lease_count, 1U);
  EXPECT_EQ(message.leases[0].lease_s, 0U);
}

TEST(Dhcp6, NoLeaseIsAboutEverybodyOrAboutIpv4) {
  const auto leases = [](const Bytes& options) {
    const Message message = Read(Dhcp6(kReply, Joined({ClientId(), options})));
    EXPECT_EQ(message.kind, Kind::kAnswer);
    return message.lease_count;
  };
  EXPECT_EQ(leases(IaNa(IaAddress("::", 9))), 0U);
  EXPECT_EQ(leases(IaNa(IaAddress("::ffff:10.0.0.1", 9))), 0U);
  EXPECT_EQ(leases(IaPd(IaPrefix("2001:db8::", 0, 9))), 0U);
  EXPECT_EQ(leases(IaPd(IaPrefix("::ffff:0:0", 90, 9))), 0U);
  EXPECT_EQ(leases(IaPd(IaPrefix("::8000:0:0", 81, 9))), 0U);
  EXPECT_EQ(leases(IaPd(IaPrefix("2001:db8::", 128, 9))), 1U);
}

TEST(Dhcp6, TheClientIsSoughtThroughAllRelays) {
  const Bytes inner = Relayed(
      kBack, "2001:db8:20::1", PlainReply(),
      Joined({Option6(18, BytesOf("ge-0/0/7")), Option6(37, Joined({Be(9, 4), BytesOf("sw7")}))}));
  const Bytes datagram = Relayed(kBack, "::", inner, Option6(18, BytesOf("outer")));
  const Message message = Read(datagram);
  EXPECT_EQ(message.kind, Kind::kAnswer);
  EXPECT_TRUE(message.relayed);
  EXPECT_EQ(message.relay.ToString(), "2001:db8:20::1");
  EXPECT_EQ(Text(message.circuit), "ge-0/0/7");
  EXPECT_EQ(Text(message.remote), "sw7");
  EXPECT_EQ(message.lease_count, 1U);
}

TEST(Dhcp6, ARelaysMacAddressGoesBeforeTheDuids) {
  const Bytes option = Option6(79, Joined({Be(1, 2), MacBytes("02:00:00:00:00:77")}));
  EXPECT_EQ(Read(Relayed(kBack, "::", PlainReply(), option)).mac.ToString(), "02:00:00:00:00:77");
}

TEST(Dhcp6, WhatARelayPassesOnSaysWhoAsks) {
  const Bytes option = Option6(79, Joined({Be(1, 2), MacBytes("02:00:00:00:00:77")}));
  const Bytes datagram = Relayed(kForward, "::", Dhcp6(3, ClientId()), option);
  const Message message = Read(datagram);
  EXPECT_TRUE(message.mac_by_relay);
  EXPECT_EQ(message.mac.ToString(), "02:00:00:00:00:77");
  EXPECT_EQ(message.transaction, 0x123456U);
  EXPECT_EQ(Bytes(message.client_id.begin(), message.client_id.end()), Duid(kMac));
  EXPECT_EQ(message.lease_count, 0U);
  EXPECT_FALSE(Read(Relayed(kForward, "::", Dhcp6(3, ClientId()))).mac_by_relay);
  EXPECT_EQ(Read(Relayed(kForward, "::", Dhcp6(3, Option6(1, {1})))).kind, Kind::kMalformed);
}

TEST(Dhcp6, RelaysAreFollowedSoFar) {
  Bytes datagram = PlainReply();
  for (unsigned i = 0; i < kRelaysMax; ++i) datagram = Relayed(kBack, "::", datagram);
  EXPECT_EQ(Read(datagram).lease_count, 1U);
  EXPECT_EQ(Read(Relayed(kBack, "::", datagram)).kind, Kind::kMalformed);
}

TEST(Dhcp6, AClientsWordsAreNoServersAndTheOtherWayRound) {
  const Bytes release =
      Dhcp6(kRelease, Joined({ClientId(), IaNa(IaAddress("2001:db8::11", 3600))}));
  EXPECT_EQ(Read(Relayed(kForward, "::", PlainReply())).kind, Kind::kMalformed);
  EXPECT_EQ(Read(Relayed(kBack, "::", release)).kind, Kind::kMalformed);
  EXPECT_EQ(Read(Relayed(kBack, "::", Relayed(kForward, "::", release))).kind, Kind::kMalformed);
  EXPECT_EQ(Read(Relayed(kForward, "::", Dhcp6(3, ClientId()))).kind, Kind::kAsk);
  EXPECT_EQ(Read(Dhcp6(3, ClientId())).kind, Kind::kOther);
  EXPECT_EQ(Read(Dhcp6(3, Joined({ClientId(), IaNa(IaAddress("2001:db8::11", 9))}))).lease_count,
            0U);
}

TEST(Dhcp6, AReleaseGivesBack) {
  const Message message =
      Read(Relayed(kForward, "2001:db8:20::1",
                   Dhcp6(kRelease, Joined({ClientId(), IaNa(IaAddress("2001:db8::11", 3600))}))));
  EXPECT_EQ(message.kind, Kind::kRelease);
  ASSERT_EQ(message.lease_count, 1U);
  EXPECT_EQ(message.leases[0].lease_s, 0U);
}

TEST(Dhcp6, DuidsWithAndWithoutAnAddress) {
  const auto mac_of = [](const Bytes& duid) {
    return Read(Dhcp6(kReply, Option6(1, duid))).mac.ToString();
  };
  constexpr char kNone[] = "00:00:00:00:00:00";
  EXPECT_EQ(mac_of(Joined({Be(1, 2), Be(1, 2), Be(7, 4), MacBytes(kMac)})), kMac);  // LLT
  EXPECT_EQ(mac_of(Duid(kMac)), kMac);
  EXPECT_EQ(mac_of(Joined({Be(2, 2), Be(1, 2), MacBytes(kMac)})), kNone);  // EN
  EXPECT_EQ(mac_of(Joined({Be(4, 2), Bytes(16, 7)})), kNone);              // UUID
  EXPECT_EQ(mac_of(Joined({Be(3, 2), Be(32, 2), Bytes(6, 7)})), kNone);    // not Ethernet
  EXPECT_EQ(mac_of(Joined({Be(3, 2), Be(1, 2), Bytes(8, 7)})), kNone);
}

TEST(Dhcp6, WhatContradictsItselfIsMalformed) {
  const auto kind = [](const Bytes& options) { return Read(Dhcp6(kReply, options)).kind; };
  EXPECT_EQ(kind(Joined({ClientId(), ClientId()})), Kind::kMalformed);
  EXPECT_EQ(kind(Option6(1, Bytes(2, 1))), Kind::kMalformed);
  EXPECT_EQ(kind(Option6(1, Bytes(kClientIdBytesMax + 1, 1))), Kind::kMalformed);
  EXPECT_EQ(kind(Option6(1, Bytes(kClientIdBytesMax, 1))), Kind::kAnswer);
  EXPECT_EQ(kind(Option6(3, Bytes(11, 0))), Kind::kMalformed);
  EXPECT_EQ(kind(IaNa(Option6(5, Bytes(23, 1)))), Kind::kMalformed);
  EXPECT_EQ(kind(IaPd(IaPrefix("2001:db8::", 129, 9))), Kind::kMalformed);
  EXPECT_EQ(kind(Status(0)), Kind::kAnswer);
  const Bytes two =
      Joined({{kBack, 0}, Bytes(32, 0), Option6(9, PlainReply()), Option6(9, PlainReply())});
  EXPECT_EQ(Read(two).kind, Kind::kMalformed);
}

TEST(Dhcp6, MoreLeasesThanAreReadAreCounted) {
  Bytes addresses;
  for (size_t i = 0; i < kLeasesMax + 3; ++i) {
    Append(addresses, IaAddress("2001:db8::" + std::to_string(i + 1), 60));
  }
  const Message message = Read(Dhcp6(kReply, Joined({ClientId(), IaNa(addresses)})));
  EXPECT_EQ(message.lease_count, kLeasesMax);
  EXPECT_EQ(message.leases_over, 3U);
}

TEST(Dhcp6, NoCutOfAReplyIsALease) {
  const Bytes whole = Relayed(kBack, "2001:db8:20::1", PlainReply());
  ASSERT_EQ(Read(whole).lease_count, 1U);
  for (size_t bytes = 0; bytes < whole.size(); ++bytes) {
    const Message message = Read(Bytes(whole.begin(), whole.begin() + static_cast<int>(bytes)));
    EXPECT_EQ(message.kind, Kind::kMalformed) << bytes;
    EXPECT_EQ(message.lease_count, 0U) << bytes;
  }
}

}  // namespace
}  // namespace weir::dhcp

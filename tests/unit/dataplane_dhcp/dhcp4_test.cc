#include "dataplane/dhcp/dhcp4.h"

#include <gtest/gtest.h>

#include "tests/support/dhcp_builder.h"

namespace weir::dhcp {
namespace {

using namespace weir::testing;  // NOLINT(google-build-using-namespace): the builders

Message Read(const Bytes& datagram) {
  Message message;
  ReadDhcp4(datagram, message);
  return message;
}

std::string Text(std::span<const uint8_t> bytes) { return {bytes.begin(), bytes.end()}; }

TEST(Dhcp4, AnAckGivesAnAddress) {
  const Bytes datagram = Dhcp4({});
  const Message message = Read(datagram);
  EXPECT_EQ(message.kind, Kind::kAnswer);
  EXPECT_EQ(message.mac.ToString(), "02:00:00:00:00:11");
  EXPECT_FALSE(message.relayed);
  ASSERT_EQ(message.lease_count, 1U);
  EXPECT_EQ(message.leases[0].ip.ToString(), "10.20.0.11");
  EXPECT_EQ(message.leases[0].prefix_bits, 128);
  EXPECT_EQ(message.leases[0].lease_s, 3600U);
}

TEST(Dhcp4, ARelaysWordSaysWhereTheClientIs) {
  const Bytes agent = Joined({Option4(1, BytesOf("eth1/7:20")), Option4(2, FromHex("0006aabb"))});
  const Bytes datagram = Dhcp4({.giaddr = "10.20.0.1", .options = Option4(82, agent)});
  const Message message = Read(datagram);
  EXPECT_TRUE(message.relayed);
  EXPECT_EQ(message.relay.ToString(), "10.20.0.1");
  EXPECT_EQ(Text(message.circuit), "eth1/7:20");
  EXPECT_EQ(Text(message.remote), std::string("\x00\x06\xaa\xbb", 4));
}

TEST(Dhcp4, AWrongSubOptionCostsThePlaceOnly) {
  const Bytes datagram = Dhcp4({.options = Option4(82, FromHex("01ff61"))});
  const Message message = Read(datagram);
  EXPECT_EQ(message.lease_count, 1U);
  EXPECT_TRUE(message.circuit.empty());
}

TEST(Dhcp4, ALongPlaceIsCut) {
  const Bytes datagram = Dhcp4({.options = Option4(82, Option4(1, Bytes(200, 'x')))});
  EXPECT_EQ(Read(datagram).circuit.size(), kPlaceBytesMax);
}

TEST(Dhcp4, OptionsMayBeInTheOtherFields) {
  // The type in `file`, the lease time in `sname`, and only the word of it among the options.
  Bytes file = Option4(53, {5});
  file.push_back(255);
  Bytes name = Option4(51, Be(77, 4));
  const Bytes both =
      Dhcp4({.type = 0, .lease_s = 0, .options = Option4(52, {3}), .name = name, .file = file});
  ASSERT_EQ(Read(both).lease_count, 1U);
  EXPECT_EQ(Read(both).leases[0].lease_s, 77U);
  const Bytes file_only =
      Dhcp4({.type = 0, .lease_s = 0, .options = Option4(52, {1}), .name = name, .file = file});
  EXPECT_EQ(Read(file_only).kind, Kind::kAnswer);
  EXPECT_EQ(Read(file_only).lease_count, 0U);
  const Bytes neither = Dhcp4({.type = 0, .lease_s = 0, .name = name, .file = file});
  EXPECT_EQ(Read(neither).kind, Kind::kOther);
}

TEST(Dhcp4, AReleaseGivesBackTheClientsAddress) {
  const Bytes datagram =
      Dhcp4({.op = 1, .type = 7, .ciaddr = "10.20.0.11", .yiaddr = "0.0.0.0", .lease_s = 0});
  const Message message = Read(datagram);
  EXPECT_EQ(message.kind, Kind::kRelease);
  ASSERT_EQ(message.lease_count, 1U);
  EXPECT_EQ(message.leases[0].ip.ToString(), "10.20.0.11");
  EXPECT_EQ(message.leases[0].lease_s, 0U);
}

TEST(Dhcp4, OthersTellNoLease) {
  EXPECT_EQ(Read(Dhcp4({.type = 2})).kind, Kind::kAnswer);  // an offer
  EXPECT_EQ(Read(Dhcp4({.type = 2})).lease_count, 0U);
  EXPECT_EQ(Read(Dhcp4({.type = 6, .lease_s = 0})).kind, Kind::kAnswer);
  EXPECT_EQ(Read(Dhcp4({.yiaddr = "0.0.0.0", .lease_s = 0})).lease_count, 0U);  // to an inform
  EXPECT_EQ(Read(Dhcp4({.lease_s = 0})).lease_count, 0U);
  // A client's words, whatever it calls them.
  EXPECT_EQ(Read(Dhcp4({.op = 1, .type = 3})).kind, Kind::kOther);
  EXPECT_EQ(Read(Dhcp4({.op = 1, .type = 5})).kind, Kind::kOther);
  EXPECT_EQ(Read(Dhcp4({.op = 2, .type = 7})).kind, Kind::kOther);
  EXPECT_EQ(Read(Dhcp4({.type = 0})).kind, Kind::kOther);  // BOOTP
}

TEST(Dhcp4, WhatTwoClientsWouldReadInTwoWaysIsMalformed) {
  EXPECT_EQ(Read(Dhcp4({.options = Option4(53, {2})})).kind, Kind::kMalformed);
  EXPECT_EQ(Read(Dhcp4({.options = Option4(51, Be(1, 4))})).kind, Kind::kMalformed);
  EXPECT_EQ(Read(Dhcp4({.lease_s = 0, .options = Option4(51, Be(1, 2))})).kind, Kind::kMalformed);
  EXPECT_EQ(Read(Dhcp4({.options = {82, 250, 1}})).kind, Kind::kMalformed);
  EXPECT_EQ(Read(Dhcp4({.hardware_bytes = 17})).kind, Kind::kMalformed);
}

TEST(Dhcp4, OnlyEthernetAddressesAreTaken) {
  EXPECT_TRUE(Read(Dhcp4({.hardware_type = 32})).mac.is_zero());
  EXPECT_TRUE(Read(Dhcp4({.hardware_bytes = 5})).mac.is_zero());
  EXPECT_FALSE(Read(Dhcp4({.hardware_type = 6})).mac.is_zero());
}

TEST(Dhcp4, EveryCutIsSeen) {
  const Bytes whole =
      Dhcp4({.giaddr = "10.20.0.1", .options = Option4(82, Option4(1, BytesOf("a")))});
  for (size_t bytes = 0; bytes < 240; ++bytes) {
    EXPECT_EQ(Read(Bytes(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(bytes))).kind,
              Kind::kMalformed)
        << bytes;
  }
  // Cut between options it is another message; within one it is none.
  EXPECT_EQ(Read(Bytes(whole.begin(), whole.begin() + 240)).kind, Kind::kOther);
  EXPECT_EQ(Read(Bytes(whole.begin(), whole.begin() + 242)).kind, Kind::kMalformed);
  EXPECT_EQ(Read(Bytes(whole.begin(), whole.begin() + 243)).kind, Kind::kAnswer);
}

TEST(Dhcp4, AnotherCookieIsAnotherProtocol) {
  Bytes datagram = Dhcp4({});
  datagram[236] = 0;
  EXPECT_EQ(Read(datagram).kind, Kind::kOther);
}

}  // namespace
}  // namespace weir::dhcp

#include "control/radius/radius_packet.h"

#include <gtest/gtest.h>

#include "tests/unit/control_radius/radius_builder.h"

namespace weir::control::radius {
namespace {

using test_support::Bytes;
using test_support::Number;
using test_support::RadiusBuilder;
using test_support::Text;

constexpr std::string_view kSecret = "s3cret";

RadiusBuilder Start() {
  RadiusBuilder builder;
  builder.Status(1).Add(1, Text("s20230017")).Add(44, Text("0A000012")).Add(8, {10, 20, 0, 11});
  return builder;
}

AccountingRequest Read(const Bytes& datagram) {
  AccountingRequest request;
  EXPECT_EQ(ReadAccountingRequest(datagram, request), RadiusFault::kNone);
  return request;
}

RadiusFault FaultOf(const Bytes& datagram) {
  AccountingRequest request;
  return ReadAccountingRequest(datagram, request);
}

using Strings = std::vector<std::string>;

template <typename Addresses>
Strings TextOf(const Addresses& addresses) {
  Strings out;
  for (const auto& address : addresses) out.push_back(address.ToString());
  return out;
}

Strings AddressesOf(const AccountingRequest& request) { return TextOf(request.addresses); }

TEST(RadiusPacket, ReadsEveryAttributeThatCounts) {
  Bytes v6(16);
  v6[0] = 0x20, v6[1] = 0x01, v6[2] = 0x0d, v6[3] = 0xb8, v6[15] = 0x11;
  const Bytes datagram = Start()
                             .Add(5, Number(17))
                             .Add(31, Text("02-00-5E-10-00-01"))
                             .Add(32, Text("bras-1"))
                             .Add(41, Number(3))
                             .Add(46, Number(600))
                             .Add(49, Number(4))
                             .Add(55, Number(1'790'000'000))
                             .Add(85, Number(300))
                             .Add(87, Text("eth-trunk1.100"))
                             .Add(97, {0, 64, 0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 2})
                             .Add(123, {0, 56, 0x20, 0x01, 0x0d, 0xb8, 0, 1, 0xff, 0xff})
                             .Add(168, v6)
                             .Build(kSecret);
  const AccountingRequest request = Read(datagram);
  EXPECT_EQ(request.id, 7);
  EXPECT_EQ(request.status, AccountingStatus::kStart);
  EXPECT_EQ(request.user_name, "s20230017");
  EXPECT_EQ(request.session_id, "0A000012");
  EXPECT_EQ(request.nas_port, 17U);
  EXPECT_EQ(request.calling_station_id, "02-00-5E-10-00-01");
  EXPECT_EQ(request.nas_identifier, "bras-1");
  EXPECT_EQ(request.delay_s, 3U);
  EXPECT_EQ(request.session_time_s, 600U);
  EXPECT_EQ(request.terminate_cause, 4U);
  EXPECT_EQ(request.event_time_s, 1'790'000'000U);
  EXPECT_EQ(request.interim_interval_s, 300U);
  EXPECT_EQ(request.nas_port_id, "eth-trunk1.100");
  EXPECT_EQ(AddressesOf(request), (Strings{"10.20.0.11", "2001:db8::11"}));
  EXPECT_EQ(TextOf(request.framed_prefixes), (Strings{"2001:db8:1:2::/64"}));
  EXPECT_EQ(TextOf(request.delegated_prefixes), (Strings{"2001:db8:1:ff00::/56"}));
}

TEST(RadiusPacket, ReadsWhoTheServerIs) {
  Bytes v6(16);
  v6[0] = 0x20, v6[1] = 0x01, v6[15] = 0x09;
  const auto nas = [](const RadiusBuilder& builder) {
    const auto address = Read(builder.Build(kSecret)).nas_address;
    return address ? address->ToString() : "";
  };
  EXPECT_EQ(nas(Start()), "");
  EXPECT_EQ(nas(Start().Add(4, {10, 1, 0, 1})), "10.1.0.1");
  EXPECT_EQ(nas(Start().Add(4, {10, 1, 0, 1}).Add(95, v6)), "2001::9");
  EXPECT_EQ(nas(Start().Add(95, v6).Add(4, {10, 1, 0, 1})), "2001::9");
  EXPECT_EQ(nas(Start().Add(4, {0, 0, 0, 0}).Add(95, Bytes(16, 0))), "");
  EXPECT_EQ(FaultOf(Start().Add(4, {10, 1, 0}).Build(kSecret)), RadiusFault::kAttribute);
  EXPECT_EQ(FaultOf(Start().Add(95, {10, 1, 0, 1}).Build(kSecret)), RadiusFault::kAttribute);
}

// RFC 3162 §2.2; in whatever order the two stand.
TEST(RadiusPacket, PrefixAndInterfaceMakeAnAddress) {
  const Bytes prefix = {0, 64, 0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 2};
  const Bytes interface = {2, 0, 0x5e, 0xff, 0xfe, 0x10, 0, 1};
  const Strings both = {"10.20.0.11", "2001:db8:1:2:200:5eff:fe10:1"};
  EXPECT_EQ(AddressesOf(Read(Start().Add(97, prefix).Add(96, interface).Build(kSecret))), both);
  EXPECT_EQ(AddressesOf(Read(Start().Add(96, interface).Add(97, prefix).Build(kSecret))), both);
  const Strings alone = {"10.20.0.11"};
  EXPECT_EQ(AddressesOf(Read(Start().Add(96, interface).Build(kSecret))), alone);
  EXPECT_EQ(AddressesOf(Read(Start().Add(96, Bytes(8, 0)).Add(97, prefix).Build(kSecret))), alone);
  const Bytes longer = {0, 72, 0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 2, 3};
  EXPECT_EQ(AddressesOf(Read(Start().Add(96, interface).Add(97, longer).Build(kSecret))), alone);
  EXPECT_EQ(FaultOf(Start().Add(96, Bytes(7, 1)).Build(kSecret)), RadiusFault::kAttribute);
}

TEST(RadiusPacket, WhatIsANetworksPrefixIsNoUsers) {
  const auto delegated = [](Bytes value) {
    return TextOf(Read(Start().Add(123, value).Build(kSecret)).delegated_prefixes);
  };
  EXPECT_EQ(delegated({0, 32, 0x20, 0x01, 0x0d, 0xb8}), (Strings{"2001:db8::/32"}));
  EXPECT_EQ(delegated({0, 31, 0x20, 0x01, 0x0d, 0xb8}), Strings{});
  EXPECT_EQ(delegated({0, 0}), Strings{});
  EXPECT_EQ(delegated({0, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}), Strings{})
      << "all of IPv4";
}

TEST(RadiusPacket, KnowsEveryStatus) {
  const auto status = [](uint32_t number) {
    return Read(RadiusBuilder().Status(number).Add(44, Text("x")).Build(kSecret)).status;
  };
  EXPECT_EQ(status(1), AccountingStatus::kStart);
  EXPECT_EQ(status(2), AccountingStatus::kStop);
  EXPECT_EQ(status(3), AccountingStatus::kInterim);
  EXPECT_EQ(status(7), AccountingStatus::kOn);
  EXPECT_EQ(status(8), AccountingStatus::kOff);
  EXPECT_EQ(status(15), AccountingStatus::kOther);
}

TEST(RadiusPacket, TakesTheAddressOfHuaweiAndH3c) {
  const auto vendor = [](uint32_t number, std::string_view text) {
    Bytes value = Number(number);
    value.push_back(60);
    value.push_back(static_cast<uint8_t>(text.size() + 2));
    value.insert(value.end(), text.begin(), text.end());
    return RadiusBuilder().Status(1).Add(44, Text("x")).Add(26, value).Build(kSecret);
  };
  EXPECT_EQ(AddressesOf(Read(vendor(2011, "10.1.2.3 02:00:5e:10:00:01"))), (Strings{"10.1.2.3"}));
  EXPECT_EQ(AddressesOf(Read(vendor(25506, "10.1.2.4"))), (Strings{"10.1.2.4"}));
  EXPECT_EQ(AddressesOf(Read(vendor(25506, "255.255.255.255x"))), (Strings{}));
  EXPECT_EQ(AddressesOf(Read(vendor(9, "10.1.2.5"))), (Strings{}));
  EXPECT_EQ(AddressesOf(Read(vendor(25506, "0.0.0.0 02:00:5e:10:00:01"))), (Strings{}));
}

// What everybody has on his link, or who has no address yet, is no user's.
TEST(RadiusPacket, PassesOverAddressesThatAreNoHosts) {
  const auto v6 = [](const char* text) {
    const auto bytes = base::IpAddress::Parse(text).value().bytes();
    return Bytes(bytes.begin(), bytes.end());
  };
  const auto v4 = [](Bytes address) {
    return AddressesOf(
        Read(RadiusBuilder().Status(1).Add(44, Text("x")).Add(8, address).Build(kSecret)));
  };
  EXPECT_EQ(v4({10, 20, 0, 7}), Strings{"10.20.0.7"});
  for (const Bytes& address : {Bytes{0, 0, 0, 0}, Bytes{169, 254, 1, 1}, Bytes{224, 0, 0, 251},
                               Bytes{255, 255, 255, 255}}) {
    EXPECT_EQ(v4(address), Strings{});
  }
  for (const char* address : {"::", "fe80::1", "ff02::1"}) {
    EXPECT_EQ(AddressesOf(Read(Start().Add(168, v6(address)).Build(kSecret))),
              Strings{"10.20.0.11"});
  }
}

TEST(RadiusPacket, PassesOverWhatItDoesNotKnow) {
  const Bytes datagram = Start()
                             .Add(250, Text("whatever"))
                             .Add(26, {0, 0, 0x13, 0x11, 1})   // Ruijie's, cut
                             .Add(26, {1})                     // no vendor at all
                             .Add(26, {0, 0, 7, 0xdb, 60, 1})  // a length that cannot be
                             .Add(8, {255, 255, 255, 254})     // "the NAS chooses"
                             .Build(kSecret);
  EXPECT_EQ(AddressesOf(Read(datagram)), (Strings{"10.20.0.11"}));
}

TEST(RadiusPacket, NamesTheFault) {
  EXPECT_EQ(FaultOf({}), RadiusFault::kLength);
  EXPECT_EQ(FaultOf(Bytes(19, 4)), RadiusFault::kLength);
  Bytes longer = Start().Build(kSecret);
  longer[3] = static_cast<uint8_t>(longer[3] + 1);
  EXPECT_EQ(FaultOf(longer), RadiusFault::kLength);
  Bytes access = Start().Build(kSecret);
  access[0] = 1;
  EXPECT_EQ(FaultOf(access), RadiusFault::kCode);
  EXPECT_EQ(FaultOf(Start().Add(8, {10, 0, 0}).Build(kSecret)), RadiusFault::kAttribute);
  EXPECT_EQ(FaultOf(Start().Add(97, {0, 129}).Build(kSecret)), RadiusFault::kAttribute);
  EXPECT_EQ(FaultOf(Start().Add(97, {0, 64, 1}).Build(kSecret)), RadiusFault::kAttribute);
  EXPECT_EQ(FaultOf(Start().Add(168, {1}).Build(kSecret)), RadiusFault::kAttribute);
  Bytes cut = Start().Build(kSecret);
  cut[21] = 200;
  EXPECT_EQ(FaultOf(cut), RadiusFault::kAttribute);
  cut[21] = 1;
  EXPECT_EQ(FaultOf(cut), RadiusFault::kAttribute);
  EXPECT_EQ(FaultOf(RadiusBuilder().Add(44, Text("x")).Build(kSecret)), RadiusFault::kNoStatus);
  EXPECT_EQ(FaultOf(RadiusBuilder().Status(1).Build(kSecret)), RadiusFault::kNoSession);
  EXPECT_EQ(FaultOf(RadiusBuilder().Status(7).Build(kSecret)), RadiusFault::kNone);
}

TEST(RadiusPacket, WhatLiesBehindThePacketIsPadding) {
  Bytes datagram = Start().Build(kSecret);
  datagram.resize(datagram.size() + 30, 0xff);
  EXPECT_EQ(Read(datagram).user_name, "s20230017");
  EXPECT_TRUE(IsAuthentic(datagram, kSecret));
}

TEST(RadiusPacket, ASecretIsAskedForToTheLastBit) {
  for (const bool with_message : {false, true}) {
    const Bytes right = Start().Build(kSecret, with_message);
    EXPECT_TRUE(IsAuthentic(right, kSecret));
    EXPECT_FALSE(IsAuthentic(right, "s3cres"));
    EXPECT_FALSE(IsAuthentic(right, ""));
    for (size_t at = 0; at < right.size(); ++at) {
      for (const uint8_t bit : {uint8_t{1}, uint8_t{0x80}}) {
        Bytes wrong = right;
        wrong[at] ^= bit;
        EXPECT_FALSE(IsAuthentic(wrong, kSecret)) << at;
      }
    }
  }
}

TEST(RadiusPacket, AnswersWithTheProxysStates) {
  const AccountingRequest request =
      Read(Start().Add(33, Text("one")).Add(33, Text("two")).Build(kSecret));
  const Bytes answer = WriteAccountingResponse(request, kSecret);
  ASSERT_EQ(answer.size(), 20U + 5 + 5);
  EXPECT_EQ(answer[0], 5);
  EXPECT_EQ(answer[1], 7);
  EXPECT_EQ(answer[3], answer.size());
  EXPECT_EQ(Bytes(answer.begin() + 20, answer.end()),
            (Bytes{33, 5, 'o', 'n', 'e', 33, 5, 't', 'w', 'o'}));
  // RFC 2866 §3: MD5 over the answer with the request's authenticator in its place, and the secret.
  Bytes signed_bytes = answer;
  std::copy(request.authenticator.begin(), request.authenticator.end(), signed_bytes.begin() + 4);
  signed_bytes.insert(signed_bytes.end(), kSecret.begin(), kSecret.end());
  uint8_t digest[EVP_MAX_MD_SIZE];
  unsigned bytes = 0;
  EVP_Digest(signed_bytes.data(), signed_bytes.size(), digest, &bytes, EVP_md5(), nullptr);
  EXPECT_EQ(Bytes(answer.begin() + 4, answer.begin() + 20), Bytes(digest, digest + 16));
}

}  // namespace
}  // namespace weir::control::radius

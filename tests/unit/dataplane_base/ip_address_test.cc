#include "dataplane/base/ip_address.h"

#include <gtest/gtest.h>

namespace weir::base {
namespace {

IpAddress Ip(std::string_view text) { return IpAddress::Parse(text).value(); }

TEST(IpAddress, ReadsAndWritesBothFamilies) {
  EXPECT_EQ(Ip("10.1.2.3").ToString(), "10.1.2.3");
  EXPECT_TRUE(Ip("10.1.2.3").is_v4());
  EXPECT_EQ(Ip("2001:DB8:0:0:0:0:0:1").ToString(), "2001:db8::1");  // RFC 5952
  EXPECT_FALSE(Ip("2001:db8::1").is_v4());
  EXPECT_TRUE(Ip("::").is_unspecified());
}

TEST(IpAddress, HoldsMappedAddressesAsIpv4) {
  EXPECT_EQ(Ip("::ffff:10.1.2.3"), Ip("10.1.2.3"));
  EXPECT_EQ(Ip("::ffff:10.1.2.3").ToString(), "10.1.2.3");
}

TEST(IpAddress, OrdersByBytes) {
  EXPECT_LT(Ip("9.255.255.255"), Ip("10.0.0.0"));
  EXPECT_LT(Ip("10.0.0.0"), Ip("2001:db8::"));
}

TEST(IpAddress, RefusesWhatIsNoAddress) {
  for (const char* text : {"", "10.1.2", "10.1.2.256", "010.1.2.3", "10.1.2.3 ", "1:2:3", "::g",
                           "fe80::1%eth0", "host"}) {
    EXPECT_FALSE(IpAddress::Parse(text).ok()) << text;
  }
  EXPECT_FALSE(IpAddress::Parse(std::string_view("10.1.2.3\0.evil", 14)).ok());
}

TEST(IpPrefix, ReadsBothFamiliesAndHosts) {
  EXPECT_EQ(IpPrefix::Parse("10.0.0.0/8")->ToString(), "10.0.0.0/8");
  EXPECT_EQ(IpPrefix::Parse("10.0.0.0/8")->length_bits(), 104U);
  EXPECT_EQ(IpPrefix::Parse("2001:db8::/32")->ToString(), "2001:db8::/32");
  EXPECT_EQ(IpPrefix::Parse("10.0.0.1")->ToString(), "10.0.0.1");
  EXPECT_EQ(IpPrefix::Parse("10.0.0.1/32")->length_bits(), 128U);
}

TEST(IpPrefix, ContainsItsRangeAndNothingElse) {
  const IpPrefix prefix = *IpPrefix::Parse("10.20.16.0/20");
  EXPECT_TRUE(prefix.Contains(Ip("10.20.16.0")));
  EXPECT_TRUE(prefix.Contains(Ip("10.20.31.255")));
  EXPECT_FALSE(prefix.Contains(Ip("10.20.15.255")));
  EXPECT_FALSE(prefix.Contains(Ip("10.20.32.0")));
  EXPECT_FALSE(prefix.Contains(Ip("2001:db8::")));
  EXPECT_TRUE(IpPrefix::Parse("0.0.0.0/0")->Contains(Ip("255.255.255.255")));
  EXPECT_FALSE(IpPrefix::Parse("0.0.0.0/0")->Contains(Ip("2001:db8::1")));
  EXPECT_TRUE(IpPrefix::Parse("::/0")->Contains(Ip("2001:db8::1")));
}

TEST(IpPrefix, SaysWhatWouldDoForBitsBehindTheLength) {
  const auto prefix = IpPrefix::Parse("10.20.17.3/20");
  ASSERT_FALSE(prefix.ok());
  EXPECT_EQ(prefix.error().message,
            "'10.20.17.3/20' has bits set behind its length; 10.20.16.0/20 would do");
}

TEST(IpPrefix, RefusesBadLengths) {
  for (const char* text : {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0.0/ 8",
                           "2001:db8::/129", "/8", "10.0.0/8"}) {
    EXPECT_FALSE(IpPrefix::Parse(text).ok()) << text;
  }
}

}  // namespace
}  // namespace weir::base

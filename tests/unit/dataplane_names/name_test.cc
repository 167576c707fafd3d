#include "dataplane/names/name.h"

#include <gtest/gtest.h>

#include <string>

#include "dataplane/base/ip_address.h"
#include "hello_builder.h"

namespace weir::names {
namespace {

std::string Normal(std::string_view raw) {
  HostName name;
  return NormaliseHost(raw, name) ? std::string(name.view()) : "refused";
}

std::string Dns(std::string_view wire) {
  HostName name;
  return NormaliseDnsName(testing::FromText(wire), name) ? std::string(name.view()) : "refused";
}

TEST(Name, LowersTrimsAndCutsPortAndTrailingDot) {
  EXPECT_EQ(Normal("WWW.Example.COM"), "www.example.com");
  EXPECT_EQ(Normal(" \twww.example\t "), "www.example");
  EXPECT_EQ(Normal("www.example:443"), "www.example");
  EXPECT_EQ(Normal("www.example.:8080"), "www.example");
  EXPECT_EQ(Normal("www.example:"), "www.example");
  EXPECT_EQ(Normal("www.example :80"), "www.example");
  EXPECT_EQ(Normal("www.example."), "www.example");
  EXPECT_EQ(Normal("under_score-1.example"), "under_score-1.example");
}

TEST(Name, WritesIpv4InAnyNotationAsDottedQuad) {
  for (const char* text : {"127.0.0.1", "0x7f.1", "0177.0.0.1", "2130706433", "0x7f000001", "127.1",
                           "127.0.1", "017700000001", "127.0.0.1.", "127.0.0.1:80"}) {
    EXPECT_EQ(Normal(text), "127.0.0.1") << text;
  }
  EXPECT_EQ(Normal("255.255.255.255"), "255.255.255.255");
  EXPECT_EQ(Normal("4294967295"), "255.255.255.255");
  EXPECT_EQ(Normal("\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1"), "127.0.0.1");  // full width
}

TEST(Name, LeavesWhatOnlyLooksLikeIpv4) {
  for (const char* text : {"256.0.0.1", "1.2.3.4.5", "4294967296", "0x", "09.1", "1.2.3.4x",
                           "1.256.1", "0x1g.1", "127.0.0.256"}) {
    EXPECT_EQ(Normal(text), std::string_view(text) == "0x" ? "0.0.0.0" : text);
  }
}

TEST(Name, WritesIpv6AsRfc5952) {
  EXPECT_EQ(Normal("[2001:DB8:0:0::1]:443"), "[2001:db8::1]");
  EXPECT_EQ(Normal("[::ffff:192.0.2.1]"), "192.0.2.1");
  EXPECT_EQ(Normal("[fe80::1%25eth0]"), "[fe80::1]");
  EXPECT_EQ(Normal("2001:db8:0:0:1:0:0:1"), "[2001:db8::1:0:0:1]");
  EXPECT_EQ(Normal("[::1"), "refused");
  EXPECT_EQ(Normal("[nonsense]"), "refused");
  EXPECT_EQ(Normal("[]"), "refused");
  EXPECT_EQ(Normal("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]"),
            "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]");
  const auto address = base::IpAddress::Parse("2001:db8:0:0:1:0:0:1");
  ASSERT_TRUE(address.ok());
  EXPECT_EQ(Normal("[2001:db8:0:0:1:0:0:1]"), "[" + address->ToString() + "]");
}

TEST(Name, TurnsUtf8IntoALabels) {
  EXPECT_EQ(Normal("b\xc3\xbc"
                   "cher.example"),
            "xn--bcher-kva.example");
  EXPECT_EQ(Normal("B\xc3\x9c"
                   "CHER.example:443"),
            "xn--bcher-kva.example");
  EXPECT_EQ(Normal("XN--BCHER-KVA.example"), "xn--bcher-kva.example");
  EXPECT_EQ(Normal("\xe4\xbe\x8b\xe3\x80\x82\xe4\xbe\x8b"), "xn--fsq.xn--fsq");
}

TEST(Name, RefusesWhatIsNoName) {
  using std::string_view_literals::operator""sv;
  for (const std::string_view text : {""sv, " "sv, "."sv, ":443"sv, "a\0b"sv, "a\x01"sv, "a b"sv,
                                      "\x7f"sv, "a..b"sv, "\xff\xfe.example"sv}) {
    EXPECT_EQ(Normal(text), "refused") << text;
  }
}

TEST(Name, TakesTheLongestNameAndRefusesOneByteMore) {
  const std::string label(63, 'a');
  const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'b');
  ASSERT_EQ(longest.size(), 253U);
  EXPECT_EQ(Normal(longest), longest);
  EXPECT_EQ(Normal(longest + "."), longest);
  EXPECT_EQ(Normal(longest + "b"), "refused");
  EXPECT_EQ(Normal(std::string(64, 'a') + ".example"), "refused");
  EXPECT_EQ(Normal(std::string(100000, 'a')), "refused");
}

TEST(Name, EscapesDnsLabels) {
  using std::string_view_literals::operator""sv;
  EXPECT_EQ(Dns("\3WwW\7Example"), "www.example");
  EXPECT_EQ(Dns("\3a.b\1c"sv), "a\\.b.c");
  EXPECT_EQ(Dns("\3a\\b"sv), "a\\\\b");
  EXPECT_EQ(Dns("\4\0\x20\x7f\xff"sv), "\\000\\032\\127\\255");
  EXPECT_EQ(Dns(""), "refused");
  EXPECT_EQ(Dns("\5ab"), "refused");
  EXPECT_EQ(Dns("\1a\0"sv), "refused");
  std::string binary;
  for (int i = 0; i < 4; ++i) binary += "\x20" + std::string(32, '\xff');
  EXPECT_EQ(Dns(binary), "refused");  // 512 bytes when written
}

}  // namespace
}  // namespace weir::names

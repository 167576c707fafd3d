#include <gtest/gtest.h>

#include "reading.h"

namespace weir::rules {
namespace {

TEST(HostsFormat, TakesEachNameOfALine) {
  EXPECT_EQ(Read("# Title: hosts of a kind\r\n"
                 "127.0.0.1 localhost localhost.localdomain\r\n"
                 "::1 ip6-localhost\r\n"
                 "255.255.255.255\tbroadcasthost\r\n"
                 "fe80::1%lo0 localhost\r\n"
                 "0.0.0.0 0.0.0.0\r\n"
                 "\r\n"
                 "0.0.0.0 Ads.Example tracker.example. # both\r\n"
                 "  :: v6.example\r\n"
                 "192.168.1.5 printer\r\n"),
            (Lines{"hosts", "8 ads.example", "8 tracker.example", "9 v6.example", "10 printer",
                   "2 local: 127.0.0.1 localhost localhost.localdomain",
                   "2 local: 127.0.0.1 localhost localhost.localdomain",
                   "3 local: ::1 ip6-localhost", "local 6"}));
}

TEST(HostsFormat, SkipsWhatIsNoHostsLine) {
  EXPECT_EQ(ReadAs(ListFormat::kHosts,
                   "0.0.0.0 a.example\n0.0.0.0 b.example\n0.0.0.0 c.example\n0.0.0.0 d.example\n"
                   "0.0.0.0 e.example\n0.0.0.0 f.example\n0.0.0.0 g.example\n"
                   "e.example\n0.0.0.0\n0.0.0.010 f.example\n"
                   "0.0.0.0 b..example\n0.0.0.0 198.51.100.7\n0.0.0.0 a/b\n"),
            (Lines{"1 a.example", "2 b.example", "3 c.example", "4 d.example", "5 e.example",
                   "6 f.example", "7 g.example", "8 not_understood: e.example",
                   "9 not_understood: 0.0.0.0", "10 not_understood: 0.0.0.010 f.example",
                   "11 bad_name: 0.0.0.0 b..example", "12 bad_name: 0.0.0.0 198.51.100.7",
                   "13 bad_name: 0.0.0.0 a/b"}));
}

TEST(DomainsFormat, TakesNamesWithReach) {
  EXPECT_EQ(
      Read("\xef\xbb\xbf# of a kind\n; so\n! and so\n// and so\n"
           "a.example\n*.b.example\n.c.example  # with a reason\n"
           "\xe8\xb5\x8c\xe5\x8d\x9a.example\nXN--9KR716K.example\n"
           "_dmarc.example\nsingle\n"),
      (Lines{"domains", "5 a.example", "6 .b.example", "7 .c.example", "8 xn--9kr716k.example",
             "9 xn--9kr716k.example", "10 _dmarc.example", "11 single"}));
}

TEST(DomainsFormat, TakesAddressesAmongNames) {
  EXPECT_EQ(
      Read("192.0.2.1\na.example\n198.51.100.0/24\n2001:db8::/32\n203.0.113.4-203.0.113.6\n"),
      (Lines{"domains", "2 a.example", "1 192.0.2.1", "3 198.51.100.0-198.51.100.255",
             "4 2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "5 203.0.113.4-203.0.113.6"}));
}

TEST(DomainsFormat, SkipsWithReasons) {
  EXPECT_EQ(
      ReadAs(ListFormat::kDomains,
             "a.example\nb.example\nc.example\nd.example\ne.example\nf.example\ng.example\n"
             "h.example\n"
             "https://a.example/x\na.example/x\nads*.example\n*.com\n.com\n"
             "two words\n1.2.3\n010.1.2.3\n::ffff:192.0.2.1\nb\xff.example\nlocalhost\n0.0.0.0\n"
             "c\x01.example\n"),
      (Lines{"1 a.example",
             "2 b.example",
             "3 c.example",
             "4 d.example",
             "5 e.example",
             "6 f.example",
             "7 g.example",
             "8 h.example",
             "14 not_understood: two words",
             "18 not_understood: b?.example",
             "21 bad_name: c.example",
             "15 bad_address: 1.2.3",
             "16 bad_address: 010.1.2.3",
             "17 bad_address: ::ffff:192.0.2.1",
             "9 unsupported: https://a.example/x",
             "10 unsupported: a.example/x",
             "11 unsupported: ads*.example",
             "unsupported 5",
             "19 local: localhost",
             "20 local: 0.0.0.0"}));
}

TEST(DomainsFormat, TakesNoAddressesOfThisMachineOrOfEverything) {
  const std::string_view local[] = {
      "0.0.0.0/0", "0.0.0.0/1",      "128.0.0.0/1",       "::/0",
      "2000::/3",  "127.0.0.1",      "127.5.0.0/16",      "::1",
      "::",        "169.254.0.0/16", "169.254.1.1",       "fe80::1",
      "fe80::/64", "224.0.0.251",    "239.0.0.0/8",       "255.255.255.255",
      "ff02::1",   "0.1.2.3",        "1.0.0.0-255.0.0.0",
  };
  for (const std::string_view word : local) {
    EXPECT_EQ(ReadAs(ListFormat::kDomains, fmt::format("a.example\n{}\n", word)),
              (Lines{"1 a.example", fmt::format("2 local: {}", word)}));
  }
  EXPECT_EQ(ReadAs(ListFormat::kDomains, "a.example\n10.0.0.0/8\n240.0.0.0/5\n4000::/3\n").size(),
            4U);
}

TEST(DomainsFormat, KnowsLocalNamesInEveryForm) {
  for (const std::string_view word : {"localhost", "LocalHost.", "*.localhost", "ip6-loopback"}) {
    EXPECT_EQ(ReadAs(ListFormat::kDomains, fmt::format("a.example\n{}\n", word)),
              (Lines{"1 a.example", fmt::format("2 local: {}", word)}));
  }
}

TEST(DomainsFormat, HoldsLimitsOfNames) {
  const std::string label(63, 'x');
  const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'x');
  EXPECT_EQ(ReadAs(ListFormat::kDomains, longest), (Lines{"1 " + longest}));
  EXPECT_EQ(ReadAs(ListFormat::kDomains, "a.example\n" + longest + "x\n"),
            (Lines{"1 a.example", "2 bad_name: " + longest.substr(0, 100)}));
  EXPECT_EQ(ReadAs(ListFormat::kDomains, "a.example\nx" + label + ".example\n"),
            (Lines{"1 a.example", "2 bad_name: x" + label + ".example"}));
}

}  // namespace
}  // namespace weir::rules

#include <gtest/gtest.h>

#include "reading.h"

namespace weir::rules {
namespace {

TEST(CidrFormat, TakesAddressesPrefixesAndRanges) {
  EXPECT_EQ(Read("# of a kind\n192.0.2.1\n198.51.100.0/24 # why\n203.0.113.4-203.0.113.9 ; why\n"
                 "203.0.113.20 - 203.0.113.29\n2001:db8::1 // why\n2001:db8:1::/48\n"),
            (Lines{"cidr", "2 192.0.2.1", "3 198.51.100.0-198.51.100.255",
                   "4 203.0.113.4-203.0.113.9", "5 203.0.113.20-203.0.113.29", "6 2001:db8::1",
                   "7 2001:db8:1::-2001:db8:1:ffff:ffff:ffff:ffff:ffff"}));
}

TEST(CidrFormat, SkipsWithReasons) {
  EXPECT_EQ(ReadAs(ListFormat::kCidr,
                   "192.0.2.1\n192.0.2.2\n192.0.2.3\n192.0.2.4\n192.0.2.5\n192.0.2.6\n192.0.2.7\n"
                   "a.example\n192.0.2.1 192.0.2.2\n192.0.2.1 -\n"
                   "198.51.100.1/24\n192.0.2.9-192.0.2.1\n::ffff:192.0.2.0/120\n127.0.0.1\n"),
            (Lines{"1 192.0.2.1", "2 192.0.2.2", "3 192.0.2.3", "4 192.0.2.4", "5 192.0.2.5",
                   "6 192.0.2.6", "7 192.0.2.7", "8 not_understood: a.example",
                   "9 not_understood: 192.0.2.1 192.0.2.2", "10 not_understood: 192.0.2.1 -",
                   "11 bad_address: 198.51.100.1/24", "12 bad_address: 192.0.2.9-192.0.2.1",
                   "13 bad_address: ::ffff:192.0.2.0/120", "14 local: 127.0.0.1"}));
}

TEST(DropFormat, TakesText) {
  EXPECT_EQ(Read("; of a kind\n192.0.2.0/24 ; SBL1\n2001:db8::/32 ; SBL2\n"
                 "AS64500 ; of a kind\n"),
            (Lines{"drop", "2 192.0.2.0-192.0.2.255",
                   "3 2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
                   "4 unsupported: AS64500 ; of a kind"}));
}

TEST(DropFormat, TakesJsonLines) {
  EXPECT_EQ(
      Read(R"({"cidr":"192.0.2.0/24","sblid":"SBL1","rir":"ripencc"}
{"cidr":"198.51.100.0/24","sblid":"SBL2","rir":"apnic"}
{"asn":64500,"rir":"arin"}
{"cidr":"198.51.100.0/24"
{"other":1}
{"type":"metadata","timestamp":1796000000,"size":100,"records":2}
)"),
      (Lines{"drop", "1 192.0.2.0-192.0.2.255", "2 198.51.100.0-198.51.100.255",
             R"(4 not_understood: {"cidr":"198.51.100.0/24")", R"(5 not_understood: {"other":1})",
             R"(3 unsupported: {"asn":64500,"rir":"arin"})"}));
  EXPECT_EQ(Read("{\"type\":\"metadata\"}\n{\"cidr\":\"192.0.2.0/24\"}\n"),
            (Lines{"drop", "2 192.0.2.0-192.0.2.255"}));
}

TEST(IpsetFormat, TakesAddressesAndPorts) {
  EXPECT_EQ(Read("create bad hash:net family inet hashsize 1024 maxelem 65536 timeout 0\n"
                 "add bad 198.51.100.0/24 timeout 300\n"
                 "create ports hash:ip,port family inet hashsize 1024 maxelem 65536\n"
                 "add ports 192.0.2.1,tcp:80\nadd ports 192.0.2.1,udp:53\n"
                 "add ports 2001:db8::1,sctp:9\nadd ports 192.0.2.2,443\n"
                 "create six hash:ip family inet6\nadd six 2001:db8::2\n"
                 "create netport hash:net,port\nadd netport 192.0.2.3/32,tcp:22\n"),
            (Lines{"ipset", "2 198.51.100.0-198.51.100.255", "9 2001:db8::2", "4 6/192.0.2.1:80",
                   "5 17/192.0.2.1:53", "6 132/2001:db8::1:9", "7 6/192.0.2.2:443",
                   "11 6/192.0.2.3:22"}));
}

TEST(IpsetFormat, SkipsWithReasons) {
  EXPECT_EQ(ReadAs(ListFormat::kIpset,
                   "create n hash:net\nadd n 192.0.2.0/24\nadd n 192.0.2.8 nomatch\n"
                   "add n 192.0.2.9 comment \"nomatch is no word here\"\n"
                   "add n 192.0.2.10 comment \"x\" nomatch\n"
                   "create m hash:mac\nadd m 02:00:5e:10:00:01\n"
                   "create p hash:net,port\nadd p 198.51.100.0/24,tcp:80\n"
                   "add p 198.51.100.1,icmp:8/0\nadd p 198.51.100.1,tcp:80-90\n"
                   "frobnicate n\nadd n\nadd n 300.1.1.1\nflush n\nCOMMIT\n# a comment\n"
                   "add unknown 203.0.113.1\nadd unknown 203.0.113.1,tcp:1\n"),
            (Lines{"2 192.0.2.0-192.0.2.255", "4 192.0.2.9", "18 203.0.113.1", "19 6/203.0.113.1:1",
                   "12 not_understood: frobnicate n", "13 not_understood: add n",
                   "14 bad_address: add n 300.1.1.1", "3 unsupported: add n 192.0.2.8 nomatch",
                   "5 unsupported: add n 192.0.2.10 comment \"x\" nomatch",
                   "7 unsupported: add m 02:00:5e:10:00:01", "unsupported 6"}));
}

}  // namespace
}  // namespace weir::rules

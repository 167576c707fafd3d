#include <gtest/gtest.h>

#include "reading.h"

namespace weir::rules {
namespace {

constexpr std::string_view kHead =
    "$TTL 2h ; of the zone\n"
    "$ORIGIN rpz.example.\n"
    "@ IN SOA localhost. root.localhost. (\n"
    "    2026113001 ; serial\n"
    "    6h 1h 1w 2h )\n"
    "  IN NS localhost.\n";

Lines ReadZone(std::string_view records) { return Read(std::string(kHead) + std::string(records)); }

TEST(RpzFormat, TakesEachAction) {
  EXPECT_EQ(ReadZone("a.example CNAME .\n"
                     "b.example 300 IN CNAME *.\n"
                     "*.c.example IN 5m CNAME rpz-drop.\n"
                     "good.example CNAME rpz-passthru.\n"
                     "*.good.example CNAME rpz-passthru.\n"
                     "walled.example A 192.0.2.80\n"
                     "             AAAA 2001:db8::80\n"
                     "garden.example CNAME garden.example.net.\n"
                     "self.example CNAME self.example.\n"
                     "D.Example.RPZ.example. CNAME .\n"),
            (Lines{"rpz", "7 a.example", "8 b.example", "9 *.c.example", "10 pass good.example",
                   "11 pass *.good.example", "12 walled.example", "13 walled.example",
                   "14 garden.example", "15 pass self.example", "16 d.example"}));
}

TEST(RpzFormat, TakesAddresses) {
  EXPECT_EQ(
      ReadZone("32.4.3.2.1.rpz-ip CNAME .\n24.0.2.0.192.rpz-ip CNAME *.\n"
               "48.zz.db8.2001.rpz-ip CNAME .\n128.1.zz.2.db8.2001.rpz-ip A 192.0.2.1\n"
               "128.8.7.6.5.4.3.db8.2001.rpz-ip CNAME .\n"
               "33.4.3.2.1.rpz-ip CNAME .\n24.4.3.2.1.rpz-ip CNAME .\n"
               "8.0.0.0.127.rpz-ip CNAME .\nrpz-ip CNAME .\n"),
      (Lines{"rpz", "15 rpz-ip", "7 1.2.3.4", "8 192.0.2.0-192.0.2.255",
             "9 2001:db8::-2001:db8:0:ffff:ffff:ffff:ffff:ffff", "10 2001:db8:2::1",
             "11 2001:db8:3:4:5:6:7:8", "12 bad_address: 33.4.3.2.1.rpz-ip CNAME .",
             "13 bad_address: 24.4.3.2.1.rpz-ip CNAME .", "14 local: 8.0.0.0.127.rpz-ip CNAME ."}));
}

TEST(RpzFormat, SkipsWithReasons) {
  EXPECT_EQ(ReadZone("a.example CNAME .\nb.example CNAME .\nc.example CNAME .\n"
                     "32.4.3.2.1.rpz-client-ip CNAME .\nns.example.rpz-nsdname CNAME .\n"
                     "32.4.3.2.1.rpz-nsip CNAME .\nt.example CNAME rpz-tcp-only.\n"
                     "32.4.3.2.1.rpz-ip CNAME rpz-passthru.\nd.example TXT \"a ; b\"\n* CNAME .\n"
                     "*.com CNAME .\nx.*.example CNAME .\n$INCLUDE more.zone\n"
                     "out.example.net. CNAME .\ne.example\n"),
            (Lines{"rpz", "7 a.example", "8 b.example", "9 c.example",
                   "20 not_understood: out.example.net. CNAME .", "21 not_understood: e.example",
                   "14 unsupported: 32.4.3.2.1.rpz-ip CNAME rpz-passthru.",
                   "15 unsupported: d.example TXT \"a ; b\"", "16 unsupported: * CNAME .",
                   "unsupported 6", "10 conditional: 32.4.3.2.1.rpz-client-ip CNAME .",
                   "11 conditional: ns.example.rpz-nsdname CNAME .",
                   "12 conditional: 32.4.3.2.1.rpz-nsip CNAME .", "conditional 4"}));
}

TEST(RpzFormat, FollowsOrigins) {
  // As named-compilezone writes zones.
  EXPECT_EQ(Read("$ORIGIN .\n$TTL 300\nrpz.local IN SOA localhost. root.localhost. ( 1 2 3 4 5 )\n"
                 "\tNS localhost.\n$ORIGIN example.rpz.local.\na CNAME .\n*.b CNAME .\n"
                 "$ORIGIN rpz.local.\nc.example CNAME .\n"),
            (Lines{"rpz", "6 a.example", "7 *.b.example", "9 c.example"}));
  EXPECT_EQ(
      Read("@ SOA localhost. root.localhost. 1 2 3 4 5\na.example CNAME .\nb.example. CNAME .\n"),
      (Lines{"rpz", "2 a.example", "3 b.example"}));
  EXPECT_EQ(Read("rpz.local. SOA localhost. root.localhost. 1 2 3 4 5\na.example CNAME .\n"
                 "b.example.rpz.local. CNAME .\n"),
            (Lines{"rpz", "2 a.example", "3 b.example"}));
  EXPECT_EQ(Read("$ORIGIN .\nrpz.local SOA localhost. root.localhost. 1 2 3 4 5\n"
                 "a.example.rpz.local CNAME .\n"),
            (Lines{"rpz", "3 a.example"}));
}

TEST(RpzFormat, EndsAnOpenRecordAtALineThatIsNoText) {
  EXPECT_EQ(ReadZone("a.example CNAME .\nb.example CNAME (\n\xff\n. )\nc.example CNAME .\n"
                     "d.example CNAME .\n"),
            (Lines{"rpz", "7 a.example", "11 c.example", "12 d.example",
                   "8 not_understood: b.example CNAME (", "9 not_understood: ?",
                   "10 not_understood: . )"}));
}

TEST(RpzFormat, GivesUpAnOpenParenthesis) {
  std::string records = "a.example CNAME .\nb.example CNAME (\n";
  EXPECT_EQ(ReadZone(records),
            (Lines{"rpz", "7 a.example", "8 not_understood: b.example CNAME ("}));
  for (int i = 0; i < 99; ++i) records += "x\n";
  EXPECT_EQ(ReadZone(records + "c.example CNAME .\n"),
            (Lines{"rpz", "7 a.example", "108 c.example", "8 not_understood: b.example CNAME ("}));
  EXPECT_EQ(
      ReadZone(
          "a.example CNAME .\nb.example CNAME . )\nc.example CNAME ((. ))\nd.example A (\n1 )\n"),
      (Lines{"rpz", "7 a.example", "10 d.example", "8 not_understood: b.example CNAME . )",
             "9 not_understood: c.example CNAME ((. ))"}));
}

}  // namespace
}  // namespace weir::rules

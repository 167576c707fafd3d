#include <gtest/gtest.h>

#include "reading.h"
#include "rules/lists/csv_record.h"

namespace weir::rules {
namespace {

TEST(CsvRecord, SplitsQuotedAndPlainFields) {
  CsvRecord record;
  ASSERT_TRUE(record.Read(R"(a, "b, c" ,"d ""e"" f",,"")"));
  ASSERT_EQ(record.size(), 5U);
  EXPECT_EQ(record[0], "a");
  EXPECT_EQ(record[1], "b, c");
  EXPECT_EQ(record[2], "d \"e\" f");
  EXPECT_EQ(record[3], "");
  EXPECT_EQ(record[4], "");
  EXPECT_FALSE(record.Read(R"(a,"b)"));
  EXPECT_FALSE(record.Read(R"(a,"b"")"));
  EXPECT_FALSE(record.Read(R"("a"b,c)"));
}

TEST(UrlhausFormat, TakesHostsOfUrls) {
  EXPECT_EQ(
      Read(
          "# URLhaus: of a kind\r\n"
          "# id,dateadded,url,url_status,last_online,threat,tags,urlhaus_link,reporter\r\n"
          R"("1","2026-11-30 10:00:00","http://a.example/x.exe","online","","malware","x,y","l","r")"
          "\r\n"
          R"("2","2026-11-30 10:00:00","http://192.0.2.1/x","offline","","malware","","l","r")"
          "\r\n"
          R"("3","2026-11-30 10:00:00","https://192.0.2.1/x","online","","malware","","l","r")"
          "\r\n"
          R"("4","2026-11-30 10:00:00","http://192.0.2.2:8080/#x","online","","malware","","l","r")"
          "\r\n"
          R"("5","2026-11-30 10:00:00","http://u:p@B.Example:81?q","online","","malware","","l","r")"
          "\r\n"
          R"("6","2026-11-30 10:00:00","ftp://[2001:db8::1]/x","online","","malware","","l","r")"
          "\r\n"),
      (Lines{"urlhaus", "3 a.example", "7 b.example", "4 6/192.0.2.1:80", "5 6/192.0.2.1:443",
             "6 6/192.0.2.2:8080", "8 6/2001:db8::1:21"}));
}

TEST(UrlhausFormat, SkipsWithReasons) {
  EXPECT_EQ(
      ReadAs(ListFormat::kUrlhaus,
             "id,dateadded,url,url_status\n"
             "1,d,http://a.example/,online\n2,d,http://b.example/,online\n"
             "3,d,http://c.example/,online\n4,d,http://d.example/,online\n"
             "5,d,http://e.example/,online\n6,d,http://f.example/,online\n"
             "7,d\n8,d,no url,online\n9,d,\"http://g.example\n10,d,http://g..example,x\n"
             "11,d,http://192.0.2.1:99999/,x\n12,d,http://300.1.1.1/,x\n"
             "13,d,gopher://192.0.2.1/,x\n14,d,http://localhost/,x\n15,d,http://127.0.0.1/,x\n"),
      (Lines{"2 a.example", "3 b.example", "4 c.example", "5 d.example", "6 e.example",
             "7 f.example", "8 not_understood: 7,d", "9 not_understood: 8,d,no url,online",
             "10 not_understood: 9,d,\"http://g.example", "11 bad_name: 10,d,http://g..example,x",
             "12 bad_address: 11,d,http://192.0.2.1:99999/,x",
             "13 bad_address: 12,d,http://300.1.1.1/,x",
             "14 unsupported: 13,d,gopher://192.0.2.1/,x", "15 local: 14,d,http://localhost/,x",
             "16 local: 15,d,http://127.0.0.1/,x"}));
}

TEST(ThreatfoxFormat, TakesEachType) {
  EXPECT_EQ(
      Read("# \"first_seen_utc\",\"ioc_id\",\"ioc_value\",\"ioc_type\"\n"
           R"("2026-11-30 10:00:00", "1", "c2.example", "domain", "botnet_cc", "x")"
           "\n"
           R"("2026-11-30 10:00:00", "2", "192.0.2.1:4444", "ip:port", "botnet_cc", "x")"
           "\n"
           R"("2026-11-30 10:00:00", "3", "http://192.0.2.2/gate", "url", "botnet_cc", "x")"
           "\n"
           R"("2026-11-30 10:00:00", "4", "[2001:db8::1]:443", "ip:port", "botnet_cc", "x")"
           "\n"
           R"("2026-11-30 10:00:00", "5", "0011", "md5_hash", "x")"
           "\n"
           R"("2026-11-30 10:00:00", "6", "192.0.2.1", "ip:port", "botnet_cc", "x")"
           "\n"),
      (Lines{
          "threatfox", "2 c2.example", "3 6/192.0.2.1:4444", "3 17/192.0.2.1:4444",
          "4 6/192.0.2.2:80", "5 6/2001:db8::1:443", "5 17/2001:db8::1:443",
          R"(7 bad_address: "2026-11-30 10:00:00", "6", "192.0.2.1", "ip:port", "botnet_cc", "x")",
          R"(6 unsupported: "2026-11-30 10:00:00", "5", "0011", "md5_hash", "x")"}));
}

}  // namespace
}  // namespace weir::rules

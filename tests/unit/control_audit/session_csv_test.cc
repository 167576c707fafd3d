#include "control/audit/session_csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "store_fixture.h"

namespace weir::control::audit {
namespace {

using ::testing::HasSubstr;

TEST(SessionCsv, WritesEveryColumn) {
  SessionRecord record;
  record.event = Close(MakeSession(0xab), After(kNoon, 1.5));
  record.event.name = "www.example.com";
  record.event.name_source = events::NameSource::kTlsSni;
  record.identity.account = "alice";
  record.identity.login_time = kNoon;
  record.sensor = "lab";
  const std::string row = SessionToCsv(record);
  const std::string header = SessionCsvHeader();
  EXPECT_EQ(std::count(row.begin(), row.end(), ','), std::count(header.begin(), header.end(), ','));
  EXPECT_THAT(row, ::testing::StartsWith(
                       "00000000000000ab,0,lab,2026-11-22T09:30:00.000000Z,"
                       "2026-11-22T09:30:00.000000Z,2026-11-22T09:30:01.500000Z,1500,closed,fin,"
                       "tcp,6,10.0.0.1,40001,203.0.113.9,443,,,outbound,"));
  EXPECT_THAT(row, HasSubstr(",www.example.com,tls_sni,"));
  EXPECT_THAT(row, HasSubstr(",alice,2026-11-22T09:30:00.000000Z,"));
  EXPECT_TRUE(row.ends_with("\r\n") && header.ends_with("\r\n"));
}

TEST(SessionCsv, BytesThatAreNotUtf8AreReplaced) {
  SessionRecord record;
  record.event = MakeSession(1);
  record.event.name = "a\xff\xc3\xa9";
  EXPECT_THAT(SessionToCsv(record), HasSubstr(",a\xef\xbf\xbd\xc3\xa9,"));
}

TEST(SessionCsv, LeavesOutWhatMeansNothing) {
  SessionRecord record;
  record.event = MakeSession(1);
  record.event.ip_protocol = 1;
  record.event.src_port = 8 << 8;
  record.event.dst_port = 0;
  EXPECT_THAT(SessionToCsv(record), HasSubstr(",icmp,1,10.0.0.1,,203.0.113.9,,8,0,outbound,"));
}

TEST(SessionCsv, QuotesAndDefusesWhatComesFromOutside) {
  SessionRecord record;
  record.event = MakeSession(1);
  for (const auto& [name, field] :
       {std::pair{"=HYPERLINK(\"http://x\",\"y\")", "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\""},
        {"+1", "'+1"},
        {"-1", "'-1"},
        {"@x", "'@x"},
        {"\tx", "'\tx"},
        {"a,b", "\"a,b\""},
        {"a\nb", "\"a\nb\""},
        {"plain", "plain"}}) {
    record.event.name = name;
    EXPECT_THAT(SessionToCsv(record), HasSubstr("," + std::string(field) + ","));
  }
}

}  // namespace
}  // namespace weir::control::audit

#include "control/portal/syslog_line.h"

#include <gtest/gtest.h>

namespace weir::control::portal {
namespace {

TEST(SyslogLine, Rfc5424) {
  const auto line = ReadSyslogLine(
      "<165>1 2026-11-30T18:05:09.003+08:00 portal-1 auth 123 ID47 - \xef\xbb\xbfuser anna\n");
  EXPECT_EQ(line.host, "portal-1");
  ASSERT_TRUE(line.time.has_value());
  EXPECT_EQ(base::FormatRfc3339(*line.time), "2026-11-30T10:05:09.003000Z");
  EXPECT_EQ(line.text, "user anna");
}

TEST(SyslogLine, Rfc5424WithoutTimeHostAndMessage) {
  const auto line = ReadSyslogLine("<0>1 - - - - - -");
  EXPECT_EQ(line.host, "");
  EXPECT_FALSE(line.time.has_value());
  EXPECT_EQ(line.text, "");
}

TEST(SyslogLine, StructuredDataIsPartOfTheText) {
  const std::string_view data = R"([user@1 name="an\"n]a" ip="10.0.0.1"][x])";
  const std::string text = "<14>1 - h a - - " + std::string(data) + " login";
  EXPECT_EQ(ReadSyslogLine(text).text, std::string(data) + " login");
}

TEST(SyslogLine, Rfc3164) {
  const auto line = ReadSyslogLine("<34>Nov  2 08:05:09 portal-1 auth[12]: user anna");
  EXPECT_EQ(line.host, "portal-1");
  EXPECT_FALSE(line.time.has_value());
  EXPECT_EQ(line.text, "auth[12]: user anna");
}

// Whatever has no header's form is text.
TEST(SyslogLine, AnythingElseIsText) {
  EXPECT_EQ(ReadSyslogLine("user anna").text, "user anna");
  EXPECT_EQ(ReadSyslogLine("<34>user anna").text, "user anna");
  EXPECT_EQ(ReadSyslogLine("<>x").text, "<>x");
  EXPECT_EQ(ReadSyslogLine("<1234>x").text, "<1234>x");
  EXPECT_EQ(ReadSyslogLine("<1a>x").text, "<1a>x");
  EXPECT_EQ(ReadSyslogLine("<34").text, "<34");
  EXPECT_EQ(ReadSyslogLine("").text, "");
  EXPECT_EQ(ReadSyslogLine(std::string_view("\n\r\0", 3)).text, "");
  EXPECT_EQ(ReadSyslogLine("<34>Nov 32 x8:05:09 h x").text, "Nov 32 x8:05:09 h x");
  EXPECT_EQ(ReadSyslogLine("<34>1 2026-11-30T18:05:09Z h a").text, "1 2026-11-30T18:05:09Z h a");
  EXPECT_EQ(ReadSyslogLine("<34>1 yesterday h a - - - x").text, "1 yesterday h a - - - x");
  EXPECT_EQ(ReadSyslogLine("<34>1 - h a - - [open x").text, "1 - h a - - [open x");
  EXPECT_EQ(ReadSyslogLine("<34>1 - h a - - [open=\"\\").text, "1 - h a - - [open=\"\\");
}

TEST(SyslogLine, NothingIsShownThatATerminalWouldObey) {
  EXPECT_EQ(Shown("a\x1b[2J\xe4", 100), "a\\x1b[2J\\xe4");
  EXPECT_EQ(Shown("abcdef", 3), "abc");
  EXPECT_EQ(Shown("ab\x01", 4), "ab");
}

}  // namespace
}  // namespace weir::control::portal

#include "control/accounts/csv.h"

#include <gtest/gtest.h>

#include "control/accounts/utf8.h"

namespace weir::control::accounts {
namespace {

std::vector<CsvRow> ReadAll(std::string_view text) {
  CsvReader reader(text);
  std::vector<CsvRow> rows;
  CsvRow row;
  while (reader.Next(row)) rows.push_back(row);
  return rows;
}

using Fields = std::vector<std::string>;

TEST(CsvReader, SplitsPlainRows) {
  const auto rows = ReadAll("a,b,c\n1,,3\r\n,,\n");
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].fields, (Fields{"a", "b", "c"}));
  EXPECT_EQ(rows[1].fields, (Fields{"1", "", "3"}));
  EXPECT_EQ(rows[2].fields, (Fields{"", "", ""}));
  EXPECT_EQ(rows[2].line, 3u);
}

TEST(CsvReader, TakesLastRowWithoutLineEnd) {
  const auto rows = ReadAll("a,b\nc,");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[1].fields, (Fields{"c", ""}));
}

TEST(CsvReader, UnquotesCommasQuotesAndLineBreaks) {
  const auto rows = ReadAll("\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\"\nnext,\"\"\n");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].fields, (Fields{"a,b", "say \"hi\"", "two\nlines"}));
  EXPECT_EQ(rows[1].fields, (Fields{"next", ""}));
  EXPECT_EQ(rows[1].line, 3u);  // the row before spans two lines
}

TEST(CsvReader, SkipsEmptyLinesAndKeepsCount) {
  const auto rows = ReadAll("\n\r\na\n\n\nb\n\n");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].line, 3u);
  EXPECT_EQ(rows[1].line, 6u);
}

TEST(CsvReader, ReportsBadQuotingAndGoesOn) {
  const auto rows = ReadAll("a\"b,c\n\"x\"y,z\ngood,row\n\"open,row\n");
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_NE(rows[0].error, "");
  EXPECT_NE(rows[1].error, "");
  EXPECT_EQ(rows[2].error, "");
  EXPECT_NE(rows[3].error, "");
}

TEST(Utf8, TakesWellFormedText) {
  EXPECT_TRUE(IsUtf8(""));
  EXPECT_TRUE(IsUtf8("plain"));
  EXPECT_TRUE(IsUtf8("\xe5\xad\xa6\xe7\x94\x9f"));  // 学生
  EXPECT_TRUE(IsUtf8("\xf0\x9f\x98\x80\xc3\xa9\xed\x9f\xbf"));
}

TEST(Utf8, RefusesMalformedText) {
  for (const std::string_view bad :
       {"\x80", "\xc3", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
        "\xf8\x88\x80\x80\x80", "\xd1\xa7\xc9\xfa", "\xe5\xad"}) {
    EXPECT_FALSE(IsUtf8(bad));
  }
}

}  // namespace
}  // namespace weir::control::accounts

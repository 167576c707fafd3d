// Bytes of devices as text.
#include "control/accounts/readable_text.h"

#include <gtest/gtest.h>

#include "control/accounts/utf8.h"

namespace weir::control::accounts {
namespace {

TEST(ReadableText, LeavesTextAsItIs) {
  EXPECT_EQ(ReadableText(""), "");
  EXPECT_EQ(ReadableText("anna@campus.example"), "anna@campus.example");
  EXPECT_EQ(ReadableText("张三"), "张三");
  EXPECT_EQ(ReadableText(std::string_view("anna\0\0", 6)), "anna");
}

TEST(ReadableText, ReadsGbk) {
  EXPECT_EQ(ReadableText("\xd5\xc5\xc8\xfd"), "张三");
  EXPECT_EQ(ReadableText("s1-\xd5\xc5"), "s1-张");
}

TEST(ReadableText, EscapesWhatIsNoText) {
  EXPECT_EQ(ReadableText("a\x1b[31m\n"), "a\\x1b[31m\\x0a");
  EXPECT_EQ(ReadableText("\xff\xff"), "\\xff\\xff");
  EXPECT_EQ(ReadableText(std::string_view("a\0b", 3)), "a\\x00b");
}

TEST(ReadableText, IsCutBetweenCharacters) {
  EXPECT_EQ(ReadableText("张三", 6), "张三");
  EXPECT_EQ(ReadableText("张三", 5), "张");
  EXPECT_EQ(ReadableText("张三", 4), "张");
  EXPECT_EQ(ReadableText("张三", 3), "张");
  EXPECT_EQ(ReadableText("张三", 2), "");
  EXPECT_EQ(ReadableText("anna", 2), "an");
  EXPECT_EQ(ReadableText("\xff\xff", 7), "\\xff");
  for (size_t bytes = 0; bytes < 40; ++bytes) {
    const std::string cut = ReadableText("a张b三c\x01ß€𐍈", bytes);
    EXPECT_LE(cut.size(), bytes);
    EXPECT_TRUE(IsUtf8(cut)) << bytes;
  }
}

}  // namespace
}  // namespace weir::control::accounts

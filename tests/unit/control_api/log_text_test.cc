#include "control/api/log_text.h"

#include <gtest/gtest.h>

namespace weir::control::api {
namespace {

TEST(LogText, AValueCannotBecomeTwo) {
  EXPECT_EQ(LogValue("s1"), "s1");
  EXPECT_EQ(LogValue("s1 name=bad.example"), "s1%20name%3Dbad.example");
  EXPECT_EQ(LogValue("100%"), "100%25");
  EXPECT_EQ(LogValue("a\n\t\x7f\0b"), "a%0A%09%7F");
  EXPECT_EQ(LogValue(std::string_view("\0", 1)), "%00");
  EXPECT_EQ(LogValue("张三"), "张三");
  EXPECT_EQ(LogValue("müller@campus"), "müller@campus");
}

TEST(LogText, BlanksOfOtherScriptsAreBlanks) {
  EXPECT_EQ(LogValue("a\u3000name"), "a%E3%80%80name");
  EXPECT_EQ(LogValue("a\u00a0b"), "a%C2%A0b");
  EXPECT_EQ(LogValue("a\u0085b"), "a%C2%85b");
  EXPECT_EQ(LogValue("a\u2028b\u202eb\u2066"), "a%E2%80%A8b%E2%80%AEb%E2%81%A6");
  EXPECT_EQ(LogValue("\ufeffa\u1680"), "%EF%BB%BFa%E1%9A%80");
  EXPECT_EQ(LogValue("\u00a1\u2070\u20ac\u3001"), "\u00a1\u2070\u20ac\u3001");
  EXPECT_EQ(LogValue("\xc2"), "\xc2");  // cut
  EXPECT_EQ(LogValue("\xe2\x80"), "\xe2\x80");
}

TEST(LogText, AQueryIsAllButTheReasonAndTheForm) {
  Request request;
  EXPECT_EQ(LogQuery(request), "");
  request.query = {{"account", "s1"}, {"format", "csv"}, {"name", ""},    {"request", "K-9"},
                   {"reason", "r"},   {"port", "443"},   {"x y=z", "1 2"}};
  EXPECT_EQ(LogQuery(request), "account=s1 port=443 x%20y%3Dz=1%202");
}

TEST(LogText, AReasonCannotMakeUpARequest) {
  EXPECT_EQ(LogReason("case 2026-17", "K-9"), "case 2026-17 (K-9)");
  EXPECT_EQ(LogReason("case 2026-17", ""), "case 2026-17");
  EXPECT_EQ(LogReason("case (K-9)", ""), "case %28K-9%29");
  EXPECT_EQ(LogReason("a", "b) (c"), "a (b%29 %28c)");
  EXPECT_EQ(LogReason("50 %\n", ""), "50 %25%0A");
  EXPECT_EQ(LogReason("", "K-9"), "(K-9)");
  EXPECT_EQ(LogReason("", ""), "");
}

TEST(LogText, TheReasonIsTheQuerysElseTheBodys) {
  Request request;
  EXPECT_EQ(LogReason(request), "");
  request.body = {{"reason", "of the body"}, {"request", "K-1"}};
  EXPECT_EQ(LogReason(request), "of the body (K-1)");
  request.query = {{"reason", "of the query"}};
  EXPECT_EQ(LogReason(request), "of the query (K-1)");
}

}  // namespace
}  // namespace weir::control::api

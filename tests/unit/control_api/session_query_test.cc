#include "control/api/session_query.h"

#include <gtest/gtest.h>

namespace weir::control::api {
namespace {

std::string NameOf(const std::string& text) {
  Request request;
  request.query["name"] = text;
  const auto query = ToSessionQuery(request);
  EXPECT_TRUE(query.ok()) << text;
  return query.ok() ? query->name : "";
}

TEST(ToSessionQuery, NamesTakeTheFormInWhichTheyAreRecorded) {
  EXPECT_EQ(NameOf("www.example.com"), "www.example.com");
  EXPECT_EQ(NameOf("www.example.com."), "www.example.com");
  EXPECT_EQ(NameOf("WWW.Example.com"), "www.example.com");
  EXPECT_EQ(NameOf("例子.中国"), "xn--fsqu00a.xn--fiqs8s");
  EXPECT_EQ(NameOf("例子。中国"), "xn--fsqu00a.xn--fiqs8s");
  EXPECT_EQ(NameOf("xn--fsqu00a.xn--fiqs8s"), "xn--fsqu00a.xn--fiqs8s");
}

TEST(ToSessionQuery, TheDotOfNamesBelowIsKept) {
  EXPECT_EQ(NameOf(".example.com"), ".example.com");
  EXPECT_EQ(NameOf(".Example.com."), ".example.com");
  EXPECT_EQ(NameOf(".例子.cn"), ".xn--fsqu00a.cn");
}

TEST(ToSessionQuery, WhatHasNoSuchFormStays) {
  EXPECT_EQ(NameOf(""), "");
  EXPECT_EQ(NameOf("."), ".");  // refused by the store
  EXPECT_EQ(NameOf("a..b"), "a..b");
  EXPECT_EQ(NameOf("a b"), "a b");
  EXPECT_EQ(NameOf("a\\032b.example"), "a\\032b.example");
  EXPECT_EQ(NameOf("a\xff.example"), "a\xff.example");
}

}  // namespace
}  // namespace weir::control::api

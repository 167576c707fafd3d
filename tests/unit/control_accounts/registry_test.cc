#include "control/accounts/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::control::accounts {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

base::IpAddress Ip(std::string_view text) { return base::IpAddress::Parse(text).value(); }
base::MacAddress Mac(std::string_view text) { return base::MacAddress::Parse(text).value(); }

std::string WithHeader(std::string_view rows) {
  return "account,ip,mac,group,room,seat\n" + std::string(rows);
}

Registry Good(std::string_view rows) {
  auto parsed = Registry::Parse(WithHeader(rows), "a.csv");
  EXPECT_TRUE(parsed.ok()) << (parsed.ok() ? "" : parsed.error().message);
  return std::move(parsed).value();
}

std::string Refusal(std::string_view text) {
  const auto parsed = Registry::Parse(text, "a.csv");
  EXPECT_FALSE(parsed.ok());
  return parsed.ok() ? "" : parsed.error().message;
}

TEST(Registry, FindsAccountsByBothKindsOfAddress) {
  const Registry registry = Good(
      "alice,10.0.0.7,02-00-5E-10-00-01,staff,B2,17\n"
      "alice,2001:db8::7,,staff,B2,17\n"
      "bob,,0200.5e10.0002,students,,\n");
  EXPECT_EQ(registry.rows(), 3u);
  const Binding* alice = registry.FindIp(Ip("10.0.0.7"));
  ASSERT_NE(alice, nullptr);
  EXPECT_EQ(*alice, (Binding{"alice", "staff", "B2", "17", BindingSource::kRegistry, {}}));
  EXPECT_EQ(registry.FindIp(Ip("::ffff:10.0.0.7")), alice);
  EXPECT_EQ(registry.FindMac(Mac("02:00:5e:10:00:01")), alice);
  ASSERT_NE(registry.FindIp(Ip("2001:db8::7")), nullptr);
  ASSERT_NE(registry.FindMac(Mac("02:00:5e:10:00:02")), nullptr);
  EXPECT_EQ(registry.FindMac(Mac("02:00:5e:10:00:02"))->account, "bob");
  EXPECT_EQ(registry.FindIp(Ip("10.0.0.8")), nullptr);
  EXPECT_EQ(registry.FindMac({}), nullptr);
  EXPECT_EQ(registry.AddressesOf("alice"),
            (std::vector<base::IpAddress>{Ip("10.0.0.7"), Ip("2001:db8::7")}));
  EXPECT_TRUE(registry.AddressesOf("bob").empty());
  EXPECT_EQ(registry.MacsOf("bob"), std::vector<base::MacAddress>{Mac("02:00:5e:10:00:02")});
  EXPECT_TRUE(registry.MacsOf("carl").empty());
}

TEST(Registry, TakesByteOrderMarkCrLfBlanksAndQuotes) {
  const auto parsed = Registry::Parse(
      "\xef\xbb\xbf"
      "account,ip,mac,group,room,seat\r\n"
      "\"Li, Lei\", 10.0.0.1 ,,\xe5\xad\xa6\xe7\x94\x9f,\"Room \"\"B\"\"\",\r\n",
      "a.csv");
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  const Binding* found = parsed->FindIp(Ip("10.0.0.1"));
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->account, "Li, Lei");
  EXPECT_EQ(found->group, "\xe5\xad\xa6\xe7\x94\x9f");
  EXPECT_EQ(found->room, "Room \"B\"");
}

TEST(Registry, RefusesAddressOfTwoAccountsNamingBothLines) {
  EXPECT_EQ(Refusal(WithHeader("alice,10.0.0.1,,,,\nbob,10.0.0.2,,,,\ncarol,10.0.0.1,,,,\n")),
            "a.csv:4: 10.0.0.1 belongs to account 'alice' by line 2, here to 'carol'");
  EXPECT_EQ(Refusal(WithHeader("alice,,02:00:00:00:00:01,,,\nbob,,02-00-00-00-00-01,,,\n")),
            "a.csv:3: 02:00:00:00:00:01 belongs to account 'alice' by line 2, here to 'bob'");
}

TEST(Registry, TakesRepeatedAddressOfOneAccountThatAgrees) {
  EXPECT_EQ(Good("alice,10.0.0.1,,g,r,s\nalice,10.0.0.1,02:00:00:00:00:01,g,r,s\n").rows(), 2u);
  EXPECT_EQ(Refusal(WithHeader("alice,10.0.0.1,,g,r,1\nalice,10.0.0.1,,g,r,2\n")),
            "a.csv:3: 10.0.0.1 has another group, room or seat on line 2");
}

TEST(Registry, ReportsEveryBadLine) {
  const std::string report =
      Refusal(WithHeader(",10.0.0.1,,,,\n"
                         "alice,,,,,\n"
                         "alice,10.0.0.0/24,,,,\n"
                         "alice,,02:00,,,\n"
                         "alice,10.0.0.1\n"
                         "alice,10.0.0.1,,,,,x\n"
                         "al\"ice,10.0.0.1,,,,\n"
                         "good,10.0.0.9,,,,\n"
                         "\xd1\xa7\xc9\xfa,10.0.0.2,,,,\n"
                         "alice,0.0.0.0,,,,\n"
                         "\"a\nb\",10.0.0.3,,,,\n"));
  for (const char* line : {"a.csv:2: no account", "a.csv:3: neither", "a.csv:4: ip '10.0.0.0/24'",
                           "a.csv:5: mac '02:00'", "a.csv:6: 2 fields", "a.csv:7: 7 fields",
                           "a.csv:8: a quote", "a.csv:10: account is not UTF-8",
                           "a.csv:11: ip '0.0.0.0'", "a.csv:12: account holds a control"}) {
    EXPECT_THAT(report, HasSubstr(line));
  }
  EXPECT_THAT(report, Not(HasSubstr("a.csv:9:")));
}

TEST(Registry, ShowsTwentyErrorsAndCountsTheRest) {
  std::string rows;
  for (int i = 0; i < 23; i++) rows += "nobody,,,,,\n";
  EXPECT_THAT(Refusal(WithHeader(rows)),
              AllOf(HasSubstr("a.csv:21: "), Not(HasSubstr("a.csv:22: ")),
                    HasSubstr("a.csv: and 3 more bad lines")));
}

TEST(Registry, RequiresItsHeader) {
  for (const char* text : {"", "\n", "alice,10.0.0.1,,,,\n", "account,ip,mac,group,room\n",
                           "account,ip,mac,room,group,seat\n"}) {
    EXPECT_THAT(Refusal(text), HasSubstr("account,ip,mac,group,room,seat"));
  }
  EXPECT_EQ(Good("").rows(), 0u);
}

TEST(Registry, LimitsTheLengthOfFields) {
  EXPECT_EQ(Good(std::string(255, 'a') + ",10.0.0.1,,,,\n").rows(), 1u);
  EXPECT_EQ(Refusal(WithHeader(std::string(256, 'a') + ",10.0.0.1,,,,\n")),
            "a.csv:2: account of 256 bytes, at most 255");
}

}  // namespace
}  // namespace weir::control::accounts

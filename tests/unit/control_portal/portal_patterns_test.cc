#include "control/portal/portal_patterns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <ctime>

namespace weir::control::portal {
namespace {

using radius::AccountingStatus;
using ::testing::ElementsAre;

const base::IpAddress kSender = *base::IpAddress::Parse("10.0.0.5");
constexpr base::WallTime kArrival{1'796'000'000 * base::kNsPerSecond};

constexpr const char* kByAddress = R"(
[[pattern]]
kind = "login"
regex = 'user (?P<account>\S*) login ip=(?P<ip>\S+)(?: mac=(?P<mac>\S+))?)"
                                   R"((?: port=(?P<port>\S+))?(?: at=(?P<time>.+))?$'
[[pattern]]
kind = "logout"
regex = 'ip=(?P<ip>\S+) logout(?: of (?P<account>\S+))?'
)";
constexpr const char* kBySession = R"(
[[pattern]]
kind = "login"
regex = 'ON sid=(?P<session>\S*) u=(?P<account>\S+) a=(?P<ip>\S+)'
[[pattern]]
kind = "interim"
regex = 'UP sid=(?P<session>\S*) u=(?P<account>\S+) a=(?P<ip>\S+)'
[[pattern]]
kind = "logout"
regex = 'OFF sid=(?P<session>\S*)(?: a=(?P<ip>\S+))?'
)";

PortalPatterns::Outcome Match(const char* patterns, std::string_view datagram) {
  const auto parsed = PortalPatterns::Parse(patterns, "p.toml");
  EXPECT_TRUE(parsed.ok()) << (parsed.ok() ? "" : parsed.error().message);
  return parsed->Match(ReadSyslogLine(datagram), kSender, kArrival);
}

std::string FaultOf(std::string_view text) {
  const auto parsed = PortalPatterns::Parse(text, "p.toml");
  return parsed.ok() ? "accepted" : parsed.error().message;
}

TEST(PortalPatterns, ALoginByAddress) {
  const auto outcome = Match(kByAddress,
                             "<14>Nov 30 10:00:00 portal-1 user anna login ip=10.20.0.7 "
                             "mac=02-00-5E-10-00-01 port=eth1/3");
  ASSERT_EQ(outcome.fault, LineFault::kNone);
  EXPECT_EQ(outcome.event.source, accounts::BindingSource::kPortal);
  EXPECT_EQ(outcome.event.status, AccountingStatus::kStart);
  EXPECT_EQ(outcome.event.account, "anna");
  EXPECT_THAT(outcome.event.addresses, ElementsAre(*base::IpAddress::Parse("10.20.0.7")));
  EXPECT_EQ(outcome.event.session, "10.20.0.7");
  EXPECT_EQ(outcome.event.mac.ToString(), "02:00:5e:10:00:01");
  EXPECT_EQ(outcome.event.port, "eth1/3");
  EXPECT_EQ(outcome.event.nas, kSender.ToString());
  EXPECT_EQ(outcome.event.nas_name, "portal-1");
  EXPECT_EQ(outcome.event.time, kArrival);
  EXPECT_FALSE(outcome.bad_mac || outcome.bad_time);
}

TEST(PortalPatterns, ALogoutNeedsNoAccount) {
  const auto outcome = Match(kByAddress, "ip=2001:db8::7 logout");
  ASSERT_EQ(outcome.fault, LineFault::kNone);
  EXPECT_EQ(outcome.event.status, AccountingStatus::kStop);
  EXPECT_EQ(outcome.event.account, "");
  EXPECT_EQ(outcome.event.session, "2001:db8::7");
  EXPECT_EQ(outcome.event.nas_name, "10.0.0.5");
}

TEST(PortalPatterns, SessionsByTheirName) {
  EXPECT_EQ(Match(kBySession, "ON sid=77 u=anna a=10.20.0.7").event.session, "77");
  EXPECT_EQ(Match(kBySession, "UP sid=77 u=anna a=10.20.0.7").event.status,
            AccountingStatus::kInterim);
  const auto logout = Match(kBySession, "OFF sid=77");
  EXPECT_EQ(logout.event.session, "77");
  EXPECT_TRUE(logout.event.addresses.empty());
  EXPECT_EQ(Match(kBySession, "OFF sid=").fault, LineFault::kBadAddress);
}

TEST(PortalPatterns, WhatIsNoEventSaysWhy) {
  EXPECT_EQ(Match(kByAddress, "user anna failed").fault, LineFault::kNoPattern);
  EXPECT_EQ(Match(kByAddress, "user anna login ip=10.20.0.300").fault, LineFault::kBadAddress);
  EXPECT_EQ(Match(kByAddress, "user anna login ip=0.0.0.0").fault, LineFault::kBadAddress);
  EXPECT_EQ(Match(kByAddress, "user  login ip=10.20.0.7").fault, LineFault::kBadAccount);
  EXPECT_EQ(Match(kByAddress, "user a\x7f login ip=10.20.0.7").fault, LineFault::kBadAccount);
  const std::string just(kFieldBytesMax, 'a');
  EXPECT_EQ(Match(kByAddress, "user " + just + " login ip=10.20.0.7").fault, LineFault::kNone);
  EXPECT_EQ(Match(kByAddress, "user " + just + "a login ip=10.20.0.7").fault,
            LineFault::kBadAccount);
  EXPECT_EQ(Match(kByAddress, "user \xb0\xb2 login ip=10.20.0.7").fault, LineFault::kNotUtf8);
  EXPECT_EQ(Match(kBySession, "OFF sid=" + just + "a").fault, LineFault::kBadSession);
  EXPECT_EQ(Match(kByAddress, "user anna login ip=10.20.0.7 mac=unknown").bad_mac, true);
}

TEST(PortalPatterns, TimesAsPortalsWriteThem) {
  setenv("TZ", "CST-8", 1);
  tzset();
  const auto at = [](const char* text) {
    const auto time = ReadPortalTime(text);
    return time ? base::FormatRfc3339(*time) : "none";
  };
  EXPECT_EQ(at("2026-11-30T18:05:09+08:00"), "2026-11-30T10:05:09.000000Z");
  EXPECT_EQ(at("2026-11-30 18:05:09"), "2026-11-30T10:05:09.000000Z");
  EXPECT_EQ(at("2026/11/30 18:05:09"), "2026-11-30T10:05:09.000000Z");
  EXPECT_EQ(at("1796033109"), "2026-11-30T10:05:09.000000Z");
  EXPECT_EQ(at("1796033109500"), "2026-11-30T10:05:09.500000Z");
  for (const char* bad : {"", "-1", "99999999999999999999", "2026-02-30 10:00:00", "18:05:09",
                          "2026-11-30 18:05", "2026-11-30 18-05-09", "6026-11-30 18:05:09"}) {
    EXPECT_EQ(at(bad), "none") << bad;
  }
}

TEST(PortalPatterns, ATimeThatCannotBeRightIsTheArrival) {
  const auto time = [](std::string_view datagram) {
    return Match(kByAddress, datagram).event.time;
  };
  const base::WallTime earlier{kArrival.ns - 60 * base::kNsPerSecond};
  EXPECT_EQ(time("user anna login ip=10.20.0.7 at=1795999940"), earlier);
  EXPECT_EQ(time("user anna login ip=10.20.0.7 at=1700000000"), kArrival);
  EXPECT_EQ(time("user anna login ip=10.20.0.7 at=1796009999"), kArrival);
  const auto unread = Match(kByAddress, "user anna login ip=10.20.0.7 at=noon");
  EXPECT_TRUE(unread.bad_time);
  EXPECT_EQ(unread.event.time, kArrival);
  const std::string header = "<1>1 " + base::FormatRfc3339(earlier) + " h a - - - ";
  EXPECT_EQ(time(header + "user anna login ip=10.20.0.7"), earlier);
}

TEST(PortalPatterns, TheFirstThatMatchesCounts) {
  const auto outcome = Match(
      "[[pattern]]\nkind = \"login\"\nregex = '(?P<account>anna) (?P<ip>\\S+)'\n"
      "[[pattern]]\nkind = \"logout\"\nregex = '(?P<ip>10\\S+)'\n",
      "anna 10.0.0.1");
  EXPECT_EQ(outcome.event.status, AccountingStatus::kStart);
}

TEST(PortalPatterns, FaultsNameTheirPlace) {
  EXPECT_EQ(FaultOf(""), "p.toml:1:1: no [[pattern]] in it");
  EXPECT_EQ(FaultOf("x = 1\n"), "p.toml:1:1: unknown key 'x'; the file has [[pattern]] tables");
  EXPECT_EQ(FaultOf("[[pattern]]\nkind = \"log\"\nregex = 'x'\n"),
            "p.toml:2:8: kind: expected \"login\", \"logout\" or \"interim\"");
  EXPECT_EQ(FaultOf("[[pattern]]\nkind = \"login\"\nmatch = 'x'\n"),
            "p.toml:3:1: unknown key 'match'; a pattern has kind and regex");
  EXPECT_EQ(FaultOf("[[pattern]]\nkind = \"login\"\nregex = '('\n"),
            "p.toml:3:9: regex: missing ): (");
  EXPECT_EQ(FaultOf("[[pattern]]\nkind = \"login\"\nregex = '(?P<user>x)'\n"),
            "p.toml:3:9: regex: unknown group 'user'; there are account, ip, mac, port, session, "
            "time");
  EXPECT_EQ(FaultOf("[[pattern]]\nkind = \"login\"\nregex = '(?P<account>x)'\n"),
            "p.toml:3:9: regex: needs the group ip: (?P<ip>…)");
  EXPECT_EQ(FaultOf("[[pattern]]\nkind = \"interim\"\nregex = '(?P<ip>x)'\n"),
            "p.toml:3:9: regex: needs the group account: (?P<account>…)");
  EXPECT_EQ(FaultOf("[[pattern]]\nkind = \"logout\"\nregex = '(?P<account>x)'\n"),
            "p.toml:3:9: regex: needs the group ip or session: (?P<ip>…)");
  EXPECT_THAT(
      FaultOf("[[pattern]]\nkind = \"login\"\nregex = '(?P<account>x)(?P<ip>y)'\n"
              "[[pattern]]\nkind = \"logout\"\nregex = '(?P<session>x)'\n"),
      ::testing::HasSubstr("p.toml:6:9: regex: either all patterns have the group session"));
  EXPECT_THAT(FaultOf("[[pattern]\n"), ::testing::StartsWith("p.toml:1:"));
  std::string many;
  for (size_t i = 0; i <= kPatternsMax; ++i) {
    many += "[[pattern]]\nkind = \"logout\"\nregex = '(?P<ip>x)'\n";
  }
  EXPECT_EQ(FaultOf(many), "p.toml:301:1: more than 100 patterns");
  EXPECT_THAT(FaultOf("[[pattern]]\nkind = \"logout\"\nregex = '(?P<ip>x)" + std::string(40, '(') +
                      std::string(40, ')') + "'\n"),
              ::testing::HasSubstr("more than 32 groups"));
}

}  // namespace
}  // namespace weir::control::portal

#include "control/policy/block_rule.h"

#include <gtest/gtest.h>

#include "rules/model/parse.h"
#include "rules/model/print.h"

namespace weir::control::policy {
namespace {

constexpr base::WallTime kTyped{1'795'340'000 * base::kNsPerSecond + 1};

BlockRequest Ask(const std::string& kind, const std::string& value) {
  BlockRequest request;
  request.kind = kind;
  request.value = value;
  request.reason = "infected";
  request.typed = kTyped;
  return request;
}

TEST(BlockRule, IsOneLineThatTheParserTakes) {
  BlockRequest request = Ask("domain", "Bad.Example");
  request.notice = "2026-17";
  request.for_seconds = 7200;
  const auto rule = MakeBlockRule(request, "block-7");
  ASSERT_TRUE(rule.ok()) << rule.error().message;
  const std::string text = rules::ToText(*rule);
  EXPECT_EQ(text.find('\n'), std::string::npos);
  const std::vector<rules::PolicySource> sources{{"b", text + "\n"}};
  const auto parsed = rules::ParsePolicy(sources);
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  ASSERT_EQ(parsed->rules.size(), 1u);
  EXPECT_EQ(parsed->rules[0].id, "block-7");
  EXPECT_EQ(parsed->rules[0].reason, "infected (notice 2026-17)");
  ASSERT_TRUE(parsed->rules[0].until.has_value());
  // Rounded up to a whole second, so it never ends early.
  EXPECT_EQ(parsed->rules[0].until->time.ns, (1'795'340'000 + 7201) * base::kNsPerSecond);
  EXPECT_EQ(rules::ToText(parsed->rules[0]), text);
}

TEST(BlockRule, TakesEachKind) {
  EXPECT_TRUE(MakeBlockRule(Ask("host", "www.bad.example"), "block-1").ok());
  EXPECT_TRUE(MakeBlockRule(Ask("ip", "203.0.113.0/24"), "block-1").ok());
  EXPECT_TRUE(MakeBlockRule(Ask("ip", "2001:db8::1"), "block-1").ok());
  EXPECT_TRUE(MakeBlockRule(Ask("port", "tcp/25"), "block-1").ok());
}

TEST(BlockRule, NothingTypedBecomesASecondWordOrRule) {
  for (const char* value :
       {"", "bad.example\nallow any", "bad.example class x", "a.example,b.example", "bad.example#x",
        "\"bad.example\"", "@set", "a\tb", "bad.example\\", "x'y"}) {
    EXPECT_FALSE(MakeBlockRule(Ask("domain", value), "block-1").ok()) << value;
  }
  EXPECT_FALSE(MakeBlockRule(Ask("ip", "any"), "block-1").ok());
  EXPECT_FALSE(MakeBlockRule(Ask("ip", "300.1.1.1"), "block-1").ok());
  EXPECT_FALSE(MakeBlockRule(Ask("port", "tcp/70000"), "block-1").ok());
  EXPECT_FALSE(MakeBlockRule(Ask("domain", std::string(2000, 'a')), "block-1").ok());
}

TEST(BlockRule, AReasonCannotLeaveItsQuotes) {
  BlockRequest request = Ask("host", "bad.example");
  request.reason = "x\" class harmful\nallow any";
  const auto rule = MakeBlockRule(request, "block-1");
  ASSERT_TRUE(rule.ok()) << rule.error().message;
  const std::vector<rules::PolicySource> sources{{"b", rules::ToText(*rule) + "\n"}};
  const auto parsed = rules::ParsePolicy(sources);
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  ASSERT_EQ(parsed->rules.size(), 1u);
  EXPECT_EQ(parsed->rules[0].rule_class, "");
}

TEST(BlockRule, TakesAnAccount) {
  const auto rule = MakeBlockRule(Ask("account", "anna@campus.example"), "block-1");
  ASSERT_TRUE(rule.ok()) << rule.error().message;
  const std::vector<rules::PolicySource> sources{{"b", rules::ToText(*rule) + "\n"}};
  const auto parsed = rules::ParsePolicy(sources);
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
}

TEST(BlockRule, TakesOneMacAddress) {
  const auto rule = MakeBlockRule(Ask("mac", "02-00-5E-10-00-01"), "block-1");
  ASSERT_TRUE(rule.ok()) << rule.error().message;
  EXPECT_NE(rules::ToText(*rule).find("drop mac 02:00:5e:10:00:01 "), std::string::npos)
      << rules::ToText(*rule);
  EXPECT_FALSE(MakeBlockRule(Ask("mac", "02:00:5e:10:00"), "block-1").ok());
  EXPECT_FALSE(MakeBlockRule(Ask("mac", "10.0.0.1"), "block-1").ok());
}

TEST(BlockRule, RefusesWhatNeedsWords) {
  EXPECT_FALSE(MakeBlockRule(Ask("any", "any"), "block-1").ok());
  BlockRequest silent = Ask("host", "bad.example");
  silent.reason = "";
  EXPECT_FALSE(MakeBlockRule(silent, "block-1").ok());
  BlockRequest wordy = Ask("host", "bad.example");
  wordy.reason = std::string(rules::kReasonBytesMax + 1, 'x');
  EXPECT_FALSE(MakeBlockRule(wordy, "block-1").ok());
}

class Protect : public testing::Test {
 protected:
  static bool Covered(const std::string& policy, const std::string& kind,
                      const std::string& value) {
    const std::vector<rules::PolicySource> sources{{"campus.rules", policy}};
    const auto text = rules::ParsePolicy(sources);
    EXPECT_TRUE(text.ok()) << text.error().message;
    const auto rule = MakeBlockRule(Ask(kind, value), "block-1");
    EXPECT_TRUE(rule.ok()) << rule.error().message;
    return FindProtect(*text, *rule).has_value();
  }
};

TEST_F(Protect, CoversAddressesThatLieWithin) {
  EXPECT_TRUE(Covered("protect ip 10.0.0.53\n", "ip", "10.0.0.53"));
  EXPECT_TRUE(Covered("protect ip 10.0.0.0/24\n", "ip", "10.0.0.128/25"));
  EXPECT_FALSE(Covered("protect ip 10.0.0.53\n", "ip", "10.0.0.0/24"));
  EXPECT_TRUE(
      Covered("set dns = 10.0.0.53, 2001:db8::53\nprotect ip @dns\n", "ip", "2001:db8::53"));
  EXPECT_TRUE(Covered("protect account ben, anna\n", "account", "anna"));
  EXPECT_FALSE(Covered("protect account ben\n", "account", "anna"));
  EXPECT_TRUE(
      Covered("protect mac 02:00:00:00:00:01, 02:00:00:00:00:02\n", "mac", "02:00:00:00:00:02"));
  EXPECT_FALSE(Covered("protect mac 02:00:00:00:00:01\n", "mac", "02:00:00:00:00:02"));
  EXPECT_FALSE(Covered("allow ip 10.0.0.53\n", "ip", "10.0.0.53"));
}

TEST_F(Protect, CoversNamesByHostAndDomain) {
  EXPECT_TRUE(Covered("protect domain campus.example\n", "host", "www.campus.example"));
  EXPECT_TRUE(Covered("protect domain campus.example\n", "domain", "campus.example"));
  EXPECT_FALSE(Covered("protect domain campus.example\n", "domain", "notcampus.example"));
  EXPECT_FALSE(Covered("protect domain campus.example\n", "domain", "example"));
  EXPECT_TRUE(Covered("protect host a.example\n", "host", "A.example."));
  EXPECT_FALSE(Covered("protect host a.example\n", "domain", "a.example"));
}

TEST_F(Protect, CoversPortsAndLeavesPartialRulesToTheDataPlane) {
  EXPECT_TRUE(Covered("protect port tcp/20-30\n", "port", "tcp/25"));
  EXPECT_FALSE(Covered("protect port tcp/20-30\n", "port", "udp/25"));
  EXPECT_FALSE(Covered("protect port tcp/25 from inside\n", "port", "tcp/25"));
}

TEST_F(Protect, SaysWhichRule) {
  const std::vector<rules::PolicySource> sources{{"campus.rules", "\nprotect ip 10.0.0.53\n"}};
  const auto text = rules::ParsePolicy(sources);
  ASSERT_TRUE(text.ok());
  const auto rule = MakeBlockRule(Ask("ip", "10.0.0.53"), "block-1");
  EXPECT_EQ(FindProtect(*text, *rule), "campus.rules:2: protect ip 10.0.0.53");
}

TEST(Duration, TakesSecondsMinutesHoursAndDays) {
  EXPECT_EQ(*ParseDuration("90s"), 90);
  EXPECT_EQ(*ParseDuration("30m"), 1800);
  EXPECT_EQ(*ParseDuration("2h"), 7200);
  EXPECT_EQ(*ParseDuration("7d"), 604'800);
  for (const char* bad :
       {"", "h", "2", "0h", "-2h", "2w", "2hh", "2 h", "99999d", "9223372036854775807h"}) {
    EXPECT_FALSE(ParseDuration(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace weir::control::policy

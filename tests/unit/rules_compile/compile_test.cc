#include "rules/compile/compile.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "rules/model/parse.h"
#include "rules/model/print.h"
#include "tests/unit/rules_compile/fake_catalog.h"

namespace weir::rules {
namespace {

using CompiledResult = base::Result<std::shared_ptr<const CompiledPolicy>>;

const FakeCatalog kCatalog;
const base::WallTime kNow{*base::ParseRfc3339("2026-06-01T00:00:00Z")};

CompiledResult CompileText(const std::string& text, Mode mode = Mode::kEnforce) {
  const std::vector<PolicySource> sources = {{"t.rules", text}};
  const auto policy = ParsePolicy(sources);
  EXPECT_TRUE(policy.ok()) << (policy.ok() ? "" : policy.error().message);
  if (!policy.ok()) return policy.error();
  return Compile(*policy, {mode, 7, kNow, &kCatalog});
}

std::shared_ptr<const CompiledPolicy> Compiled(const std::string& text,
                                               Mode mode = Mode::kEnforce) {
  const CompiledResult policy = CompileText(text, mode);
  EXPECT_TRUE(policy.ok()) << (policy.ok() ? "" : policy.error().message);
  return policy.ok() ? *policy : nullptr;
}

std::string FaultOf(const std::string& text) {
  const CompiledResult policy = CompileText(text);
  return policy.ok() ? "accepted" : policy.error().message;
}

std::vector<std::string> WarningsOf(const std::string& text) { return Compiled(text)->warnings(); }

using Lines = std::vector<std::string>;

TEST(Compile, RefusesKeywordsThatAreTooShortOrTooLong) {
  EXPECT_EQ(FaultOf("drop keyword xy, 赌, \"" + std::string(96, 'x') + "\"\n"), "accepted");
  EXPECT_EQ(FaultOf("drop keyword x"),
            "t.rules:1:14: 'x': two letters, or one Chinese character, would do");
  EXPECT_EQ(FaultOf("drop keyword ok, %41 in http.url"),
            "t.rules:1:18: '%41': two letters, or one Chinese character, would do");
  const std::string fault = FaultOf("drop keyword " + std::string(97, 'x'));
  EXPECT_NE(fault.find("up to 96 bytes in UTF-8 would do; it has 97"), std::string::npos) << fault;
}

TEST(Compile, RefusesMoreKeywordsThanItTakes) {
  std::string rules;
  for (size_t i = 0; i < kKeywordsMax; ++i) rules += "drop keyword word" + std::to_string(i) + "\n";
  EXPECT_EQ(FaultOf(rules), "accepted");
  EXPECT_EQ(FaultOf(rules + "drop keyword another\n"),
            "the policy has 10001 different keywords; up to 10000 would do");
}

TEST(Compile, AKeywordShadowsWhatHoldsIt) {
  const auto warnings = WarningsOf(
      "drop keyword casino id a\n"
      "drop keyword \"casino games\" in http.url id b\n"
      "drop keyword cas in http.url id c\n");
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_NE(warnings[0].find("rule 'b' is redundant: 'a'"), std::string::npos) << warnings[0];
}

TEST(Compile, TakesDefinitionsThatNoRuleUses) {
  EXPECT_EQ(FaultOf("time t = Mon\nlist l from \"x\"\ngroup g = 10.0.0.0/8\ndrop any\n"),
            "accepted");
}

TEST(Compile, FindsApplicationsInAnyCaseAndSuggests) {
  EXPECT_EQ(FaultOf("drop app bittorrent, YOUTUBE\ndrop category vpn"), "accepted");
  EXPECT_EQ(FaultOf("drop app TLS, BitTorent"), "t.rules:1:15: 'BitTorent': 'BitTorrent' would do");
  EXPECT_EQ(FaultOf("drop category Weeb"), "t.rules:1:15: 'Weeb': 'Web' would do");
  EXPECT_EQ(FaultOf("drop app Zzzzzzzz"),
            "t.rules:1:10: 'Zzzzzzzz': an application that nDPI names would do");
}

TEST(Compile, RefusesTheNameOfTheUnknownApplication) {
  EXPECT_NE(FaultOf("drop app Unknown"), "accepted");
}

TEST(Compile, SaysThatApplicationsWereNotLookedUpWithoutACatalog) {
  const std::vector<PolicySource> sources = {{"t.rules", "drop app NoSuchThing\ndrop app Other\n"}};
  const auto policy = Compile(*ParsePolicy(sources), {Mode::kEnforce, 1, kNow, nullptr});
  ASSERT_TRUE(policy.ok());
  EXPECT_FALSE((*policy)->complete());
  EXPECT_EQ((*policy)->warnings(),
            (Lines{"t.rules:1:10: 'NoSuchThing': not looked up, no list of applications is at hand",
                   "t.rules:2:10: 'Other': not looked up, no list of applications is at hand"}));
  EXPECT_TRUE(Compiled("drop any")->complete());
}

TEST(Compile, PutsProtectBeforeAllOthersAndKeepsTheOrder) {
  const auto policy =
      Compiled("drop any id a\nprotect host b id b\nallow any id c\nprotect host d id d");
  ASSERT_EQ(policy->rule_count(), 4U);
  EXPECT_EQ(policy->info(0).id, "b");
  EXPECT_EQ(policy->info(1).id, "d");
  EXPECT_EQ(policy->info(2).id, "a");
  EXPECT_EQ(policy->info(3).id, "c");
  EXPECT_EQ(policy->FindRule("c"), 3U);
  EXPECT_EQ(policy->FindRule("e"), kNoRule);
}

TEST(Compile, DescribesARule) {
  const auto policy = Compiled(
      "\n drop  host A.example class harmful severity high reason \"r\" until 2026-07-01T00:00Z");
  const RuleInfo& info = policy->info(0);
  EXPECT_EQ(info.id, "t:2");
  EXPECT_EQ(info.rule_class, "harmful");
  EXPECT_EQ(info.severity, Severity::kHigh);
  EXPECT_EQ(info.source, "t.rules");
  EXPECT_EQ(info.line, 2U);
  EXPECT_EQ(info.text,
            "drop host a.example until 2026-07-01T00:00:00.000000Z class harmful severity high "
            "reason \"r\"");
  EXPECT_EQ(policy->version(), 7U);
}

TEST(Compile, CutsLongListsOfValuesInTheDescription) {
  std::string values = "n0.example";
  std::string shown = values;
  for (size_t i = 1; i < 3000; ++i) {
    values += ", n" + std::to_string(i) + ".example";
    if (i + 1 == kValuesShownMax) shown = values;
  }
  const auto policy =
      Compiled("drop domain " + values + " port tcp/1, tcp/2 id a\ndrop domain " + shown + " id b");
  EXPECT_EQ(policy->info(0).text, "drop domain " + shown + ", … 2980 more port tcp/1, tcp/2 id a");
  EXPECT_EQ(policy->info(1).text, "drop domain " + shown + " id b");
}

TEST(Compile, RefusesMoreNamesThanItHasRoomFor) {
  const std::vector<PolicySource> sources = {{"t.rules", "drop host a, b\nallow domain b, c\n"}};
  const auto parsed = ParsePolicy(sources);
  CompileOptions options;
  options.names_max = 3;
  EXPECT_TRUE(Compile(*parsed, options).ok());
  options.names_max = 2;
  const auto refused = Compile(*parsed, options);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().message, "the policy has 3 different names; up to 2 would do");
}

TEST(Compile, CountsTheMemoryOfAPolicy) {
  const auto small = Compiled("drop domain a.example");
  std::string text = "drop domain a.example";
  for (size_t i = 0; i < 1000; ++i) text += ", n" + std::to_string(i) + ".example";
  const auto names = Compiled(text);
  EXPECT_GT(names->memory_bytes(), small->memory_bytes() + 17'000);
  EXPECT_LT(names->memory_bytes(), small->memory_bytes() + 24'000);
  // Each rule with what is told about it.
  std::string many = "drop domain a.example reason \"" + std::string(200, 'r') + "\"";
  EXPECT_GT(Compiled(many)->memory_bytes(), small->memory_bytes() + 200);
}

TEST(Compile, GivesEqualValuesOneNumber) {
  const auto policy = Compiled(
      "set s = 10.0.0.0/9, 10.128.0.0/9\n"
      "drop port tcp/1 from @s to 10.0.0.0/8\n"
      "drop port tcp/1-2 from inside, 10.0.0.0/8 to @s\n"
      "drop domain a, b\ndrop domain a, b port tcp/1\ndrop domain a\n");
  const auto& conditions = policy->parts().conditions;
  const auto set_of = [&](uint32_t rule, Aspect aspect) {
    const CompiledConjunction& match = policy->parts().rules[rule].match;
    for (uint32_t i = 0; i < match.condition_count; ++i) {
      const CompiledCondition& condition = conditions[match.first_condition + i];
      if (condition.aspect == aspect) return condition.set;
    }
    return kNoSet;
  };
  EXPECT_EQ(set_of(0, Aspect::kFrom), set_of(0, Aspect::kTo));
  EXPECT_EQ(set_of(0, Aspect::kFrom), set_of(1, Aspect::kFrom));
  EXPECT_EQ(set_of(0, Aspect::kFrom), set_of(1, Aspect::kTo));
  EXPECT_NE(set_of(0, Aspect::kPort), set_of(1, Aspect::kPort));
  EXPECT_EQ(set_of(2, Aspect::kDomain), set_of(3, Aspect::kDomain));
  EXPECT_NE(set_of(2, Aspect::kDomain), set_of(4, Aspect::kDomain));
}

TEST(Compile, ARulesOwnModeGoesBeforeThePolicys) {
  const auto policy = Compiled("drop any\ndrop host a mode enforce", Mode::kMonitor);
  EXPECT_EQ(policy->info(0).mode, Mode::kMonitor);
  EXPECT_EQ(policy->info(1).mode, Mode::kEnforce);
}

TEST(Compile, LeavesExpiredRulesOutAndTellsTheNextExpiry) {
  const auto policy = Compiled(
      "drop host a until 2026-06-01T00:00:00Z\n"
      "drop host b until 2026-08-01T00:00:00Z\n"
      "drop host c until 2026-07-01T00:00:00Z\n");
  ASSERT_EQ(policy->rule_count(), 2U);
  EXPECT_EQ(policy->info(0).id, "t:2");
  EXPECT_EQ(base::FormatRfc3339(policy->next_change().value()), "2026-07-01T00:00:00.000000Z");
  EXPECT_EQ(
      policy->warnings(),
      Lines{"t.rules:1:1: rule 't:1' expired at 2026-06-01T00:00:00.000000Z and is left out"});
  EXPECT_FALSE(Compiled("drop any")->next_change().has_value());
}

// kNow is Monday, 08:00 in Shanghai.
TEST(Compile, KeepsARuleThatIsNotActiveNowAndTellsWhenItWillBe) {
  const std::string times =
      "time day = Mon-Fri 08:00-17:30 zone Asia/Shanghai\n"
      "time night = 22:00-06:00 zone Asia/Shanghai\n";
  const auto by_day = Compiled(times + "drop host a during day\n");
  EXPECT_TRUE(by_day->parts().rules[0].active);
  EXPECT_TRUE(by_day->blocks());
  EXPECT_TRUE(by_day->asks_for_names());
  EXPECT_EQ(by_day->info(0).during, "day");
  EXPECT_EQ(base::FormatRfc3339(by_day->next_change().value()), "2026-06-01T09:30:00.000000Z");

  const auto by_night = Compiled(times + "drop host a during night\ndrop port tcp/23 during day\n");
  ASSERT_EQ(by_night->rule_count(), 2U);
  EXPECT_FALSE(by_night->parts().rules[0].active);
  EXPECT_FALSE(by_night->asks_for_names());
  EXPECT_TRUE(by_night->blocks());
  EXPECT_EQ(base::FormatRfc3339(by_night->next_change().value()), "2026-06-01T09:30:00.000000Z");
  EXPECT_FALSE(Compiled(times + "drop host a during night\n")->blocks());
  EXPECT_EQ(
      base::FormatRfc3339(Compiled(times + "drop host a during night until 2026-06-01T01:00:00Z\n")
                              ->next_change()
                              .value()),
      "2026-06-01T01:00:00.000000Z");
}

TEST(Compile, RefusesATimeWhoseZoneNobodyKnows) {
  EXPECT_EQ(FaultOf("time t = Mon zone Asia/Shangai\ndrop any during t\n"),
            "t.rules:1:6: 'Asia/Shangai': 'Asia/Shanghai' would do");
}

TEST(Compile, FindsShadowedMacsAndVlans) {
  EXPECT_EQ(WarningsOf("drop vlan 100-110, 200\nallow vlan 105\n").size(), 1U);
  EXPECT_EQ(WarningsOf("drop vlan 105\nallow vlan 100-110\n").size(), 0U);
  const std::string two = "02:00:00:00:00:01, 02:00:00:00:00:03";
  EXPECT_EQ(WarningsOf("drop mac " + two + "\nallow mac 02:00:00:00:00:03\n").size(), 1U);
  EXPECT_EQ(WarningsOf("drop mac 02:00:00:00:00:03\nallow mac " + two + "\n").size(), 0U);
}

TEST(Compile, FindsShadowsOnlyWithinTheSameTimes) {
  const std::string times = "time a = 08:00-12:00\ntime b = 08:00-12:00\n";
  EXPECT_EQ(WarningsOf(times + "drop domain x during a\ndrop host y.x during b\n").size(), 0U);
  EXPECT_EQ(WarningsOf(times + "drop domain x during a\ndrop host y.x\n").size(), 0U);
  EXPECT_EQ(WarningsOf(times + "drop domain x during a\ndrop host y.x during a\n").size(), 1U);
  EXPECT_EQ(WarningsOf(times + "drop domain x\ndrop host y.x during a\n").size(), 1U);
}

TEST(Compile, KnowsWhatThePolicyAsksFor) {
  EXPECT_FALSE(Compiled("drop port tcp/23 from outside")->asks_for_names());
  EXPECT_TRUE(Compiled("drop domain a")->asks_for_names());
  EXPECT_TRUE(Compiled("drop any except host a")->asks_for_names());
  EXPECT_FALSE(Compiled("drop domain a")->asks_for_apps());
  EXPECT_TRUE(Compiled("drop category Web")->asks_for_apps());
  EXPECT_TRUE(Compiled("drop any except app TLS")->asks_for_apps());
}

TEST(Compile, KnowsWhetherAnyRuleBlocks) {
  EXPECT_TRUE(Compiled("drop domain a")->blocks());
  EXPECT_TRUE(Compiled("allow any\nreject domain a")->blocks());
  EXPECT_FALSE(Compiled("allow domain a\nmonitor any")->blocks());
  EXPECT_FALSE(Compiled("drop domain a mode monitor")->blocks());
}

TEST(Compile, PointsOutShadowedAndRedundantRules) {
  EXPECT_EQ(
      WarningsOf("allow domain a.example\ndrop host x.a.example, a.example\n"),
      Lines{"t.rules:2: rule 't:2' is shadowed: 't:1' (t.rules:1) comes first and matches all "
            "of it"});
  EXPECT_EQ(
      WarningsOf("drop ip 10.0.0.0/8\ndrop ip 10.1.0.0/16, 10.2.0.0/16 port tcp/80\n"),
      Lines{"t.rules:2: rule 't:2' is redundant: 't:1' (t.rules:1) comes first and matches all "
            "of it"});
  EXPECT_EQ(
      WarningsOf("drop host a\nprotect any\n"),
      Lines{"t.rules:1: rule 't:1' is shadowed: 't:2' (t.rules:2) comes first and matches all "
            "of it"});
  EXPECT_EQ(WarningsOf("drop any from inside\ndrop any from inside, outside\n"), Lines{});
  EXPECT_EQ(WarningsOf("drop any from inside, outside\ndrop any from inside\n").size(), 1U);
}

TEST(Compile, FindsNamesThatLieInOtherNames) {
  // Each of a rule's names must lie in the same earlier rule.
  EXPECT_EQ(WarningsOf("drop domain a, b\ndrop domain x.a, y.x.b\n").size(), 1U);
  EXPECT_EQ(WarningsOf("drop domain a\ndrop domain b\ndrop domain x.a, x.b\n"), Lines{});
  EXPECT_EQ(WarningsOf("drop domain a, b\ndrop host a, x.b\n").size(), 1U);
  EXPECT_EQ(WarningsOf("drop host a, b\ndrop host b\n").size(), 1U);
  EXPECT_EQ(WarningsOf("drop host a, b\ndrop domain b\n"), Lines{});
  EXPECT_EQ(WarningsOf("drop domain a\ndrop domain xa, a\n"), Lines{});
  EXPECT_EQ(WarningsOf("drop domain a, b\ndrop domain b, a\n").size(), 1U);
}

TEST(Compile, DoesNotTakeForShadowedWhatMayStillDecide) {
  EXPECT_EQ(WarningsOf("drop host a.example\ndrop domain a.example\n"), Lines{});
  EXPECT_EQ(WarningsOf("drop domain a.example except port tcp/80\ndrop host a.example\n"), Lines{});
  EXPECT_EQ(WarningsOf("drop domain a.example port tcp/80\ndrop host a.example\n"), Lines{});
  EXPECT_EQ(WarningsOf("drop port tcp/1-9\ndrop port src tcp/1-9\n"), Lines{});
  EXPECT_EQ(WarningsOf("drop port tcp/1-9\ndrop port tcp/1-10\n"), Lines{});
  EXPECT_EQ(WarningsOf("drop ip 0.0.0.0/0\ndrop ip ::/0\n"), Lines{});
  EXPECT_EQ(WarningsOf("drop host a until 2026-07-01T00:00Z\ndrop host a\n"), Lines{});
  EXPECT_EQ(WarningsOf("drop host a\ndrop host a until 2026-07-01T00:00Z\n").size(), 1U);
}

TEST(Compile, WarnsOfASeverityThatNobodySees) {
  EXPECT_EQ(WarningsOf("drop host a severity high"),
            Lines{"t.rules:1:1: rule 't:1' has a severity and no class: its hits are no findings, "
                  "so nobody sees it"});
}

TEST(CompiledPolicy, CountsHitsOfSeveralThreads) {
  const auto policy = Compiled("drop host a\ndrop host b");
  EXPECT_FALSE(policy->last_hit(1).has_value());
  std::vector<std::thread> threads;
  for (int64_t i = 1; i <= 4; ++i) {
    threads.emplace_back([&, i] {
      for (int64_t n = 1; n <= 1000; ++n) policy->CountHit(1, base::WallTime{i * 1000 + n});
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(policy->hits(0), 0U);
  EXPECT_EQ(policy->hits(1), 4000U);
  EXPECT_EQ(policy->last_hit(1)->ns, 5000);
}

TEST(CompiledPolicy, InheritsHitsByRuleId) {
  const auto before = Compiled("drop host a id a\ndrop host b id b");
  before->CountHit(0, base::WallTime{5});
  before->CountHit(1, base::WallTime{9});
  const auto after = Compiled("allow host c id c\ndrop host b id b");
  after->CountHit(1, base::WallTime{7});
  after->InheritHits(*before);
  EXPECT_EQ(after->hits(0), 0U);
  EXPECT_EQ(after->hits(1), 2U);
  EXPECT_EQ(after->last_hit(1)->ns, 9);
}

}  // namespace
}  // namespace weir::rules

#include "control/policy/rules_diff.h"

#include <gtest/gtest.h>

#include "control/policy/trial.h"
#include "rules/model/parse.h"

namespace weir::control::policy {
namespace {

rules::PolicyText Parse(const std::string& text) {
  const std::vector<rules::PolicySource> sources{{"r", text}};
  auto policy = rules::ParsePolicy(sources);
  EXPECT_TRUE(policy.ok()) << policy.error().message;
  return policy.ok() ? std::move(*policy) : rules::PolicyText();
}
RulesDiff Compare(const std::string& before, const std::string& after) {
  return CompareRules(Parse(before), Parse(after));
}

TEST(RulesDiffTest, TheSameTextIsNoDifference) {
  EXPECT_TRUE(Compare("drop host a.example\n", "# a remark\n\ndrop  host A.example.\n").empty());
}

TEST(RulesDiffTest, TellsAddedRemovedAndChangedApart) {
  const RulesDiff diff =
      Compare("drop host a.example\ndrop host b.example\ndrop port tcp/23 id telnet\n",
              "drop host b.example\ndrop port tcp/23, tcp/2323 id telnet\nallow any id rest\n");
  ASSERT_EQ(diff.removed.size(), 1u);
  EXPECT_EQ(diff.removed[0].before, "drop host a.example");
  EXPECT_EQ(diff.removed[0].where, "r:1");
  ASSERT_EQ(diff.added.size(), 1u);
  EXPECT_EQ(diff.added[0].id, "rest");
  EXPECT_EQ(diff.added[0].where, "r:3");
  ASSERT_EQ(diff.changed.size(), 1u);
  EXPECT_EQ(diff.changed[0].before, "drop port tcp/23 id telnet");
  EXPECT_EQ(diff.changed[0].after, "drop port tcp/23, tcp/2323 id telnet");
  EXPECT_TRUE(diff.moved.empty()) << "a line less before it moves no rule";
}

TEST(RulesDiffTest, ALineThatWasEditedInItsPlaceIsChanged) {
  const RulesDiff diff = Compare("drop host a.example\n", "drop host b.example\n");
  ASSERT_EQ(diff.changed.size(), 1u);
  EXPECT_TRUE(diff.added.empty());
  EXPECT_TRUE(diff.removed.empty());
}

TEST(RulesDiffTest, TheFewestRulesAreMoved) {
  const RulesDiff diff = Compare("drop host a.example\ndrop host b.example\ndrop host c.example\n",
                                 "drop host c.example\ndrop host a.example\ndrop host b.example\n");
  ASSERT_EQ(diff.moved.size(), 1u);
  EXPECT_EQ(diff.moved[0].after, "drop host c.example");
  EXPECT_TRUE(diff.changed.empty());
}

TEST(RulesDiffTest, RulesThatStandTwiceArePairedOneByOne) {
  const RulesDiff diff =
      Compare("drop host a.example\ndrop host a.example\n", "drop host a.example\n");
  EXPECT_EQ(diff.removed.size(), 1u);
  EXPECT_TRUE(diff.added.empty());
  EXPECT_TRUE(diff.changed.empty());
}

TEST(RulesDiffTest, DefinitionsThatRulesUseCountToo) {
  const RulesDiff diff = Compare("set s = 10.0.0.1\nset gone = 10.0.0.9\ndrop ip @s\n",
                                 "set s = 10.0.0.1, 10.0.0.2\ndrop ip @s\n");
  ASSERT_EQ(diff.definitions.size(), 2u);
  EXPECT_EQ(diff.definitions[0].id, "set gone");
  EXPECT_EQ(diff.definitions[0].after, "");
  EXPECT_EQ(diff.definitions[1].id, "set s");
  EXPECT_FALSE(diff.empty());
}

TEST(RulesDiffTest, WhatIsBeyondTheLimitIsCounted) {
  std::string many;
  for (size_t rule = 0; rule < kDiffEntriesMax + 7; ++rule) {
    many += "drop host h" + std::to_string(rule) + ".example\n";
  }
  const RulesDiff diff = Compare("", many);
  EXPECT_EQ(diff.added.size(), kDiffEntriesMax);
  EXPECT_EQ(diff.left_out, 7u);
}

TEST(TrialReportTest, AddsUpAndPutsTheMostFrequentFirst) {
  const auto change = [](const char* to, uint64_t count, const char* place) {
    return nlohmann::json{{"from", "pass"}, {"to", to},       {"rule_before", ""},
                          {"rule", "r"},    {"count", count}, {"places", {{place, count}}}};
  };
  TrialReport report;
  report.Merge({{"looked_at", 10}, {"same", 7}, {"changes", {change("drop", 1, "a:1/tcp")}}});
  report.Merge({{"looked_at", 5},
                {"same", 1},
                {"changes", {change("drop", 2, "b:1/tcp"), change("reject", 9, "c:1/tcp")}}});
  report.Merge({{"looked_at", "nonsense"}, {"changes", 7}});
  const nlohmann::json all = report.ToJson();
  EXPECT_EQ(all["looked_at"], 15);
  EXPECT_EQ(all["same"], 8);
  ASSERT_EQ(all["changes"].size(), 2u);
  EXPECT_EQ(all["changes"][0]["to"], "reject");
  EXPECT_EQ(all["changes"][1]["count"], 3);
  EXPECT_EQ(all["changes"][1]["places"][0]["what"], "b:1/tcp");
}

TEST(TrialReportTest, KindsOfChangeHaveALimit) {
  TrialReport report;
  nlohmann::json changes = nlohmann::json::array();
  for (size_t rule = 0; rule <= kTrialGroupsMax; ++rule) {
    changes.push_back(
        {{"from", "pass"}, {"to", "drop"}, {"rule", "r" + std::to_string(rule)}, {"count", 3}});
  }
  report.Merge({{"changes", changes}});
  EXPECT_EQ(report.ToJson()["changes"].size(), kTrialGroupsMax);
  EXPECT_EQ(report.ToJson()["changes_left_out"], 3);
}

}  // namespace
}  // namespace weir::control::policy

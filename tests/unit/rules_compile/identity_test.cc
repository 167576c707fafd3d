// What `account` and `group` compile to.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "rules/compile/compile.h"
#include "rules/model/parse.h"
#include "tests/unit/rules_compile/fake_catalog.h"

namespace weir::rules {
namespace {

base::Result<std::shared_ptr<const CompiledPolicy>> CompileText(const std::string& text) {
  static const FakeCatalog catalog;
  const std::vector<PolicySource> sources = {{"t.rules", text}};
  const auto parsed = ParsePolicy(sources);
  if (!parsed.ok()) return parsed.error();
  return Compile(*parsed, {Mode::kEnforce, 1, {}, &catalog});
}

std::string FaultOf(const std::string& text) {
  const auto policy = CompileText(text);
  return policy.ok() ? "accepted" : policy.error().message;
}

using Numbers = std::vector<uint32_t>;

TEST(CompileIdentity, TellsTheSetsOfAnAccount) {
  const auto policy = CompileText(
      "group names = account:anna\n"
      "group students = account:/^s[0-9]{8}$/, 10.0.0.0/8\n"
      "drop account anna, ben\n"
      "drop account ben\n"
      "drop group names, students\n");
  ASSERT_TRUE(policy.ok()) << policy.error().message;
  const AccountSets& sets = *(*policy)->parts().accounts;
  EXPECT_TRUE(sets.has_groups());
  EXPECT_EQ(sets.Find("anna"), (AccountSets::Found{{1}, {0, 2}}));
  EXPECT_EQ(sets.Find("ben"), (AccountSets::Found{{1, 2}, {}}));
  EXPECT_EQ(sets.Find("s20230017"), (AccountSets::Found{{}, {1, 2}}));
  EXPECT_EQ(sets.Find("xs20230017"), AccountSets::Found());
  EXPECT_EQ(sets.Find("s202300171"), AccountSets::Found());
  EXPECT_EQ(sets.Find("Anna"), AccountSets::Found()) << "an account's case counts";
  EXPECT_EQ(sets.Find(""), AccountSets::Found());
}

TEST(CompileIdentity, FindsAPatternAnywhereUnlessItIsAnchored) {
  const auto policy = CompileText("group g = account:/lab/\ndrop group g\n");
  ASSERT_TRUE(policy.ok());
  const AccountSets& sets = *(*policy)->parts().accounts;
  EXPECT_EQ(sets.Find("chemlab7").groups, Numbers{0});
  EXPECT_EQ(sets.Find("la b").groups, Numbers{});
}

TEST(CompileIdentity, RefusesABadPatternWithItsPlaceUsedOrNot) {
  EXPECT_EQ(FaultOf("group g = 10.0.0.0/8, account:/s[0-9/\ndrop any\n"),
            "t.rules:1:23: '/s[0-9/': missing ]: [0-9");
  EXPECT_EQ(FaultOf("group g = account:/(?=x)/\n"),
            "t.rules:1:11: '/(?=x)/': invalid perl operator: (?=");
  EXPECT_NE(FaultOf("group g = account:/((a{100}){100}){100}/\n"), "accepted")
      << "a pattern that would take too much";
}

TEST(CompileIdentity, LimitsThePatterns) {
  std::string text = "group g = account:x";
  for (size_t i = 0; i < kAccountPatternsMax; ++i)
    text += ", account:/^p" + std::to_string(i) + "/";
  EXPECT_EQ(FaultOf(text + "\n"), "accepted");
  EXPECT_EQ(FaultOf(text + ", account:/^p0/\n"), "accepted") << "one that is there already";
  const std::string fault = FaultOf(text + ", account:/more/\n");
  EXPECT_NE(fault.find("'/more/': a policy has up to 1000 patterns"), std::string::npos) << fault;
}

TEST(CompileIdentity, AsksForAccountsOnlyWhereARuleDoes) {
  EXPECT_FALSE((*CompileText("group g = 10.0.0.0/8\ndrop group g\n"))->asks_for_accounts());
  EXPECT_FALSE((*CompileText("group g = account:a\ndrop host x\n"))->asks_for_accounts());
  EXPECT_TRUE((*CompileText("group g = account:a\ndrop group g\n"))->asks_for_accounts());
  EXPECT_TRUE((*CompileText("drop host x except account a\n"))->asks_for_accounts());
}

TEST(CompileIdentity, PutsTheUnknownAddressBehindAllRules) {
  static const FakeCatalog catalog;
  const auto compile = [](const std::string& text, UnknownAddress unknown) {
    const std::vector<PolicySource> sources = {{"t.rules", text}};
    CompileOptions options;
    options.apps = &catalog;
    options.unknown = unknown;
    return Compile(*ParsePolicy(sources), options);
  };
  EXPECT_EQ((*compile("drop host a\n", UnknownAddress::kAllow))->rule_count(), 1u);
  const auto policy = *compile("drop host a\n", UnknownAddress::kPortal);
  ASSERT_EQ(policy->rule_count(), 2u);
  EXPECT_EQ(policy->info(1).id, "unknown-address");
  EXPECT_TRUE(policy->info(1).to_portal);
  EXPECT_TRUE(policy->judges_unknown());
  EXPECT_TRUE(policy->asks_for_accounts());
  EXPECT_TRUE(
      (*compile("drop account a\nallow account b\n", UnknownAddress::kDrop))->warnings().empty());
  EXPECT_EQ((*compile("allow any\n", UnknownAddress::kDrop))->warnings().size(), 1u) << "shadowed";
  const auto clash = compile("drop host a id unknown-address\n", UnknownAddress::kDrop);
  ASSERT_FALSE(clash.ok());
  EXPECT_EQ(clash.error().message,
            "t.rules:1:1: 'unknown-address': another id would do: [accounts] unknown has this one");
  EXPECT_TRUE(compile("drop host a id unknown-address\n", UnknownAddress::kAllow).ok());
}

TEST(CompileIdentity, SeesWhatIsShadowed) {
  const auto warnings = [](const std::string& text) { return (*CompileText(text))->warnings(); };
  EXPECT_EQ(warnings("drop account a, b\nallow account b\n").size(), 1u);
  EXPECT_EQ(warnings("drop account b\nallow account a, b\n").size(), 0u);
  const std::string groups =
      "group g = 10.0.0.0/8, account:a, account:/^x/\ngroup h = 10.1.0.0/16, account:/^x/\n";
  EXPECT_EQ(warnings(groups + "drop group g\nallow group h\n").size(), 1u);
  EXPECT_EQ(warnings(groups + "drop group h\nallow group g\n").size(), 0u);
  EXPECT_EQ(warnings(groups + "drop group h, g\nallow group g\n").size(), 1u);
}

}  // namespace
}  // namespace weir::rules

// Lists in a policy: loaded once, told of when they cannot be, and named in what is known of rules.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "rules/compile/compile.h"
#include "rules/model/parse.h"
#include "rules/model/values.h"
#include "tests/unit/rules_compile/fake_lists.h"

namespace weir::rules {
namespace {

using Lines = std::vector<std::string>;

ListContent TwoNames() {
  ListContent content;
  content.AddName({"a.example", NameReach::kExact, false, 1});
  content.AddName({"b.example", NameReach::kDomain, false, 2});
  return content;
}

FakeLists SomeLists() {
  FakeLists lists;
  lists.Put("names", TwoNames());
  ListContent addresses;
  addresses.ranges.push_back({{}, 1});
  EXPECT_EQ(ParseAddressRange("192.0.2.0/24", addresses.ranges[0].range), "");
  addresses.endpoints.push_back({*base::IpAddress::Parse("198.51.100.1"), 6, 443, 2});
  addresses.Skip(SkipReason::kBadAddress, 3, "x");
  lists.Put("addresses", std::move(addresses));
  return lists;
}

base::Result<std::shared_ptr<const CompiledPolicy>> CompileText(const std::string& text,
                                                                const ListCatalog* lists) {
  const std::vector<PolicySource> sources = {{"t.rules", text}};
  const auto policy = ParsePolicy(sources);
  EXPECT_TRUE(policy.ok()) << (policy.ok() ? "" : policy.error().message);
  if (!policy.ok()) return policy.error();
  CompileOptions options;
  options.lists = lists;
  return Compile(*policy, options);
}

constexpr char kDefinitions[] =
    "list names from \"names.txt\" class spam\nlist addresses from \"a.txt\" class malware\n";

TEST(CompileLists, LoadsEachListOnceAndTellsWhatItHolds) {
  const FakeLists lists = SomeLists();
  const auto policy = CompileText(
      std::string(kDefinitions) + "drop list names, names\nreject list addresses, names\n", &lists);
  ASSERT_TRUE(policy.ok()) << policy.error().message;
  EXPECT_EQ(lists.loads(), 2);
  const PolicyParts& parts = (*policy)->parts();
  ASSERT_EQ(parts.lists.size(), 2U);
  EXPECT_EQ(parts.lists[0].name, "names");
  EXPECT_EQ(parts.lists[0].source, "names.txt");
  EXPECT_EQ(parts.lists[0].digest, "digest of names");
  EXPECT_EQ(parts.lists[0].names, 2U);
  EXPECT_EQ(parts.lists[1].ranges, 1U);
  EXPECT_EQ(parts.lists[1].endpoints, 1U);
  EXPECT_EQ(parts.lists[1].skipped, 1U);
  EXPECT_TRUE((*policy)->asks_for_names());
  EXPECT_TRUE((*policy)->lists_ask_for_endpoints());
}

TEST(CompileLists, AsksForNamesOnlyWhereAListHasSome) {
  const FakeLists lists = SomeLists();
  const auto policy = CompileText(std::string(kDefinitions) + "drop list addresses\n", &lists);
  ASSERT_TRUE(policy.ok());
  EXPECT_FALSE((*policy)->asks_for_names());
  EXPECT_EQ((*policy)->warnings(), Lines{"t.rules:1:6: list 'names': no rule is about it"});
  EXPECT_EQ(lists.loads(), 1);
}

TEST(CompileLists, TakesTheClassOfListsThatAgree) {
  const FakeLists lists = SomeLists();
  const auto policy =
      CompileText(std::string(kDefinitions) +
                      "drop list names\ndrop list names class own\ndrop list names, addresses\n"
                      "drop port tcp/25 list addresses\n",
                  &lists);
  ASSERT_TRUE(policy.ok());
  EXPECT_EQ((*policy)->info(0).rule_class, "spam");
  EXPECT_EQ((*policy)->info(1).rule_class, "own");
  EXPECT_EQ((*policy)->info(2).rule_class, "");
  EXPECT_EQ((*policy)->info(3).rule_class, "malware");
}

TEST(CompileLists, TellsWhichListCannotBeHad) {
  const FakeLists lists = SomeLists();
  const auto policy = CompileText("list x from \"x.txt\"\ndrop list x\ndrop list x\n", &lists);
  ASSERT_FALSE(policy.ok());
  EXPECT_EQ(policy.error().message, "t.rules:1:6: list 'x': t.rules names no list here");
}

TEST(CompileLists, PassesAWarningOn) {
  FakeLists lists = SomeLists();
  lists.WarnOf("names", "two days old");
  const auto policy = CompileText("list names from \"names.txt\"\ndrop list names\n", &lists);
  ASSERT_TRUE(policy.ok());
  EXPECT_EQ((*policy)->warnings(), Lines{"t.rules:1:6: list 'names': two days old"});
}

TEST(CompileLists, IsNotCompleteWithoutLists) {
  const auto policy =
      CompileText("list names from \"names.txt\"\ndrop list names\ndrop port tcp/1\n", nullptr);
  ASSERT_TRUE(policy.ok());
  EXPECT_FALSE((*policy)->complete());
  EXPECT_EQ((*policy)->warnings(), Lines{"t.rules:1:6: list 'names': not looked at here"});
}

TEST(CompileLists, HasALimit) {
  FakeLists lists;
  std::string text;
  std::string rule = "drop list ";
  for (size_t i = 0; i <= kListsMax; ++i) {
    const std::string name = "l" + std::to_string(i);
    lists.Put(name, TwoNames());
    text += "list " + name + " from \"x\"\n";
    rule += (i == 0 ? "" : ", ") + name;
  }
  const auto policy = CompileText(text + rule + "\n", &lists);
  ASSERT_FALSE(policy.ok());
  EXPECT_EQ(policy.error().message,
            "t.rules:256:6: 'l255': a policy has up to 255 lists; join some");
}

TEST(CompileLists, FindsARuleShadowedByAWiderChoice) {
  const FakeLists lists = SomeLists();
  const auto policy =
      CompileText(std::string(kDefinitions) +
                      "allow list names, addresses id wide\ndrop list names id late\n"
                      "drop list addresses port tcp/1 id later\n",
                  &lists);
  ASSERT_TRUE(policy.ok());
  const Lines& warnings = (*policy)->warnings();
  ASSERT_EQ(warnings.size(), 2U);
  EXPECT_NE(warnings[0].find("rule 'late' is shadowed: 'wide'"), std::string::npos);
  EXPECT_NE(warnings[1].find("rule 'later' is shadowed: 'wide'"), std::string::npos);
}

}  // namespace
}  // namespace weir::rules

#include "rules/lists/list_content.h"

#include <gtest/gtest.h>

#include <tuple>
#include <vector>

namespace weir::rules {
namespace {

using Kept = std::tuple<std::string, NameReach, bool, uint32_t>;

std::vector<Kept> NamesOf(const ListContent& content) {
  std::vector<Kept> names;
  content.ForEachName([&](const ListName& name) {
    names.emplace_back(name.name, name.reach, name.pass, name.line);
  });
  return names;
}

TEST(ListContent, KeepsNamesWithReachAndLine) {
  const std::string longest(253, 'x');
  const std::vector<Kept> names = {
      {"a.example", NameReach::kExact, false, 1},
      {"b.example", NameReach::kDomain, true, 1},
      {"c.example", NameReach::kBelow, false, 31},
      {"d.example", NameReach::kExact, true, 62},
      {longest, NameReach::kDomain, false, 66'000},
      {"f", NameReach::kBelow, true, kListLinesMax},
      {"g.example", NameReach::kExact, false, kListLinesMax},
  };
  ListContent content;
  for (const auto& [name, reach, pass, line] : names) content.AddName({name, reach, pass, line});
  EXPECT_EQ(NamesOf(content), names);
  EXPECT_EQ(content.name_count(), 7U);
  content.ShrinkToFit();
  EXPECT_EQ(NamesOf(content), names);
}

TEST(ListContent, CountsWhatIsSkippedAndShowsTheFirst) {
  ListContent content;
  for (uint32_t line = 1; line <= 5; ++line) {
    content.Skip(SkipReason::kBadName, line, "\x1b[31mred\t" + std::string(200, 'x'));
  }
  content.Skip(SkipReason::kLocal, 9, "localhost");
  const ListContent::Skipped& skipped = content.skipped(SkipReason::kBadName);
  EXPECT_EQ(skipped.count, 5U);
  ASSERT_EQ(skipped.first.size(), 3U);
  EXPECT_EQ(skipped.first[2].line, 3U);
  EXPECT_EQ(skipped.first[0].text.substr(0, 8), "[31mredx");
  EXPECT_LE(skipped.first[0].text.size(), ListContent::kShownBytesMax);
  EXPECT_EQ(content.skipped_count(), 6U);
}

}  // namespace
}  // namespace weir::rules

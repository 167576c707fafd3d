#include "dataplane/base/suggest.h"

#include <gtest/gtest.h>

#include <array>

namespace weir::base {
namespace {

constexpr std::array<std::string_view, 4> kWords = {"ports", "policy", "journal", "fail"};

TEST(ClosestWord, FindsEachKindOfTypingError) {
  EXPECT_EQ(ClosestWord("portz", kWords), "ports");       // changed
  EXPECT_EQ(ClosestWord("port", kWords), "ports");        // left out
  EXPECT_EQ(ClosestWord("jouurnal", kWords), "journal");  // doubled
  EXPECT_EQ(ClosestWord("fial", kWords), "fail");         // swapped: one edit
}

TEST(ClosestWord, GivesNothingForAnotherWord) {
  EXPECT_EQ(ClosestWord("export", kWords), "");
  EXPECT_EQ(ClosestWord("", kWords), "");
  EXPECT_EQ(ClosestWord(std::string(100'000, 'p'), kWords), "");
  EXPECT_EQ(ClosestWord("ports", {}), "");
}

TEST(DidYouMean, IsEmptyOrAQuestion) {
  EXPECT_EQ(DidYouMean("polcy", kWords), "; did you mean 'policy'?");
  EXPECT_EQ(DidYouMean("xyzzy", kWords), "");
}

}  // namespace
}  // namespace weir::base

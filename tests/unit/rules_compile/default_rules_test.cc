// The rules that Weir ships compile as they are, with nDPI's own names.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "dataplane/pipeline/ndpi_catalog.h"
#include "rules/compile/compile.h"
#include "rules/model/load.h"
#include "rules/model/parse.h"

namespace weir::rules {
namespace {

TEST(DefaultRules, CompileWithoutWarnings) {
  const std::vector<std::string> globs = {"*.rules"};
  const auto sources = LoadPolicySources("", globs, WEIR_DEFAULT_RULES);
  ASSERT_TRUE(sources.ok()) << sources.error().message;
  const auto parsed = ParsePolicy(*sources);
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  const auto names = classify::NdpiNames::Create();
  ASSERT_TRUE(names.ok()) << names.error().message;
  const pipeline::NdpiCatalog catalog(**names);
  const auto policy = Compile(*parsed, {Mode::kEnforce, 1, base::WallNow(), &catalog});
  ASSERT_TRUE(policy.ok()) << policy.error().message;
  EXPECT_EQ((*policy)->warnings(), std::vector<std::string>());
  EXPECT_GT((*policy)->rule_count(), 0U);
  EXPECT_TRUE((*policy)->complete());
}

}  // namespace
}  // namespace weir::rules

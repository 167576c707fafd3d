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

// The shipped rules as an appliance finds them, with `globs` in its weir.toml.
void ExpectNoWarnings(const std::vector<std::string>& globs) {
  const auto sources = LoadPolicySources("", globs, WEIR_DEFAULT_RULES);
  ASSERT_TRUE(sources.ok()) << sources.error().message;
  const auto parsed = ParsePolicy(*sources);
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  const auto names = classify::NdpiNames::Create();
  ASSERT_TRUE(names.ok()) << names.error().message;
  const pipeline::NdpiCatalog catalog(**names);
  // Not the wall's time: filings in the examples end one day.
  const base::WallTime now = *base::ParseRfc3339("2027-01-01T00:00:00Z");
  const auto policy = Compile(*parsed, {Mode::kEnforce, 1, now, &catalog});
  ASSERT_TRUE(policy.ok()) << policy.error().message;
  EXPECT_EQ((*policy)->warnings(), std::vector<std::string>());
  EXPECT_GT((*policy)->rule_count(), 0U);
  EXPECT_TRUE((*policy)->complete());
}

TEST(DefaultRules, CompileWithoutWarnings) { ExpectNoWarnings({"*.rules"}); }

TEST(DefaultRules, EachExampleCompilesAlone) {
  size_t examples = 0;
  for (const auto& file : std::filesystem::directory_iterator(WEIR_DEFAULT_RULES "/examples")) {
    if (file.path().extension() != ".rules") continue;
    SCOPED_TRACE(file.path());
    ExpectNoWarnings({file.path()});
    ++examples;
  }
  EXPECT_EQ(examples, 5U);
}

TEST(DefaultRules, AllExamplesCompileBesideTheDefault) {
  ExpectNoWarnings({"examples/*.rules", "*.rules"});
}

TEST(DefaultRules, ExamplesAreNotInForceByThemselves) {
  const std::vector<std::string> globs = {"*.rules"};
  const auto sources = LoadPolicySources("", globs, WEIR_DEFAULT_RULES);
  ASSERT_TRUE(sources.ok()) << sources.error().message;
  for (const PolicySource& source : *sources) {
    EXPECT_EQ(source.name.find("examples"), std::string::npos) << source.name;
  }
}

}  // namespace
}  // namespace weir::rules

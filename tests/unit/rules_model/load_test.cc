#include "rules/model/load.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace weir::rules {
namespace {

class LoadPolicySourcesTest : public testing::Test {
 protected:
  LoadPolicySourcesTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "weir-load-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    std::filesystem::create_directory(folder_ + "/rules");
  }
  ~LoadPolicySourcesTest() override { std::filesystem::remove_all(folder_); }

  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ + "/" + name) << text;
  }

  // The names that were loaded, without the folder; or the fault.
  std::vector<std::string> Load(const std::string& blocks, std::vector<std::string> globs) const {
    const auto sources = LoadPolicySources(blocks, globs, folder_);
    if (!sources) return {sources.error().message};
    std::vector<std::string> names;
    for (const PolicySource& source : *sources) names.push_back(source.name.substr(folder_.size()));
    return names;
  }

  using Names = std::vector<std::string>;
  std::string folder_;
};

TEST_F(LoadPolicySourcesTest, PutsBlocksFirstThenGlobsSortedEachFileOnce) {
  Write("blocks.rules", "drop any\n");
  Write("rules/b.rules", "");
  Write("rules/a.rules", "");
  Write("last.rules", "");
  EXPECT_EQ(Load("blocks.rules", {"last.rules", "rules/*.rules", "*.rules"}),
            (Names{"/blocks.rules", "/last.rules", "/rules/a.rules", "/rules/b.rules"}));
}

TEST_F(LoadPolicySourcesTest, ReadsTheText) {
  Write("rules/a.rules", "allow any\n");
  const std::vector<std::string> globs = {folder_ + "/rules/a.rules"};
  const auto sources = LoadPolicySources("", globs, "/nowhere");
  ASSERT_TRUE(sources.ok());
  EXPECT_EQ(sources->at(0).text, "allow any\n");
}

TEST_F(LoadPolicySourcesTest, DoesWithoutBlocksAndWithoutGlobs) {
  EXPECT_EQ(Load("blocks.rules", {}), Names{});
}

TEST_F(LoadPolicySourcesTest, RefusesAGlobThatFindsNothing) {
  EXPECT_EQ(Load("", {"rules/*.rules"}), Names{folder_ + "/rules/*.rules: no such rules file"});
}

TEST_F(LoadPolicySourcesTest, RefusesWhatIsNoFile) {
  EXPECT_EQ(Load("", {"rules"}), Names{folder_ + "/rules: not a file"});
  EXPECT_EQ(Load("rules", {}), Names{folder_ + "/rules: not a file"});
}

TEST_F(LoadPolicySourcesTest, KeepsTheLimitOfAFile) {
  Write("rules/a.rules", std::string(kSourceBytesMax, '\n'));
  EXPECT_EQ(Load("", {"rules/*"}), Names{"/rules/a.rules"});
  Write("rules/a.rules", std::string(kSourceBytesMax + 1, '\n'));
  EXPECT_EQ(Load("", {"rules/*"}),
            Names{folder_ + "/rules/a.rules: larger than 16777216 bytes; put names and addresses "
                            "into a list"});
}

TEST(ListFilePath, IsRelativeToTheRulesFile) {
  EXPECT_EQ(ListFilePath("/etc/weir/rules/a.rules", "lists/x"), "/etc/weir/rules/lists/x");
  EXPECT_EQ(ListFilePath("a.rules", "lists/x"), "lists/x");
  EXPECT_EQ(ListFilePath("/etc/a.rules", "/srv/x"), "/srv/x");
}

// Of "a.rules", 9 bytes "drop any" and LF, "b.rules", no bytes: what sha256sum says of that.
TEST(PolicyDigest, IsOfNamesAndTexts) {
  const std::vector<PolicySource> sources = {{"a.rules", "drop any\n"}, {"b.rules", ""}};
  EXPECT_EQ(PolicyDigest(sources),
            "22455f3336fa1edf1d0085c02c2d06e4fe46c420756aaa5a85ba6139b2a961e2");
  const std::vector<PolicySource> other = {{"a.rules", "drop any"}, {"\nb.rules", ""}};
  EXPECT_NE(PolicyDigest(other), PolicyDigest(sources));
}

}  // namespace
}  // namespace weir::rules

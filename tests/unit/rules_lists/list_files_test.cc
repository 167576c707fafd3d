#include "rules/lists/list_files.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "dataplane/base/sha256.h"

namespace weir::rules {
namespace {

namespace fs = std::filesystem;

class ListFilesTest : public testing::Test {
 protected:
  ListFilesTest()
      : folder_(fs::temp_directory_path() / ("weir-lists-" + std::to_string(::getpid()))) {
    fs::create_directories(folder_ / "copies");
  }
  ~ListFilesTest() override { fs::remove_all(folder_); }

  std::string Rules() const { return (folder_ / "campus.rules").string(); }
  void Write(const fs::path& path, const std::string& text) const {
    std::ofstream(folder_ / path, std::ios::trunc) << text;
  }
  fs::path CopyOf(const ListDefinition& list) const {
    return ListCopyPath(folder_ / "copies", list.name, ListSource(list, Rules()), list.format);
  }
  ListFiles::Options WithCopies() const {
    ListFiles::Options options;
    options.copies = folder_ / "copies";
    options.wait_for_copies = true;
    return options;
  }
  static ListDefinition List(const std::string& path, const std::string& format = "") {
    ListDefinition list;
    list.name = "bad";
    list.path = path;
    list.format = format;
    return list;
  }

  const fs::path folder_;
};

TEST_F(ListFilesTest, ReadsTheFileBesideTheRules) {
  Write("bad.txt", "a.example\nb.example\n");
  const ListFiles files{ListFiles::Options()};
  const auto loaded = files.Load(List("bad.txt"), Rules());
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  EXPECT_EQ(loaded->content->name_count(), 2U);
  EXPECT_EQ(loaded->digest, base::Sha256Hex("a.example\nb.example\n"));
  EXPECT_EQ(loaded->warning, "");
}

TEST_F(ListFilesTest, NamesTheFileThatIsNotGood) {
  const ListFiles files{ListFiles::Options()};
  const auto missing = files.Load(List("bad.txt"), Rules());
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().message,
            (folder_ / "bad.txt").string() + ": No such file or directory");
  Write("bad.txt", "<!DOCTYPE html><html>");
  const auto page = files.Load(List("bad.txt"), Rules());
  ASSERT_FALSE(page.ok());
  EXPECT_TRUE(page.error().message.starts_with((folder_ / "bad.txt").string() + ": "));
  EXPECT_NE(page.error().message.find("HTML"), std::string::npos) << page.error().message;
}

TEST_F(ListFilesTest, ReadsAgainOnlyWhatHasChanged) {
  Write("bad.txt", "a.example\n");
  const ListFiles files{ListFiles::Options()};
  const auto first = files.Load(List("bad.txt"), Rules());
  const auto same = files.Load(List("bad.txt"), Rules());
  EXPECT_EQ(first->content, same->content);
  Write("bad.txt", "a.example\nb.example\n");
  EXPECT_EQ(files.Load(List("bad.txt"), Rules())->content->name_count(), 2U);
  // Read as another format it is another list.
  EXPECT_EQ(files.Load(List("bad.txt", "domains"), Rules())->content->format, ListFormat::kDomains);
}

TEST_F(ListFilesTest, ForgetsWhatNoPolicyAsksForAnyMore) {
  Write("bad.txt", "a.example\n");
  const ListFiles files{ListFiles::Options()};
  EXPECT_TRUE(files.Load(List("bad.txt"), Rules()).ok());
  files.ForgetUnused();
  EXPECT_GT(files.memory_bytes(), 0U);
  files.ForgetUnused();
  EXPECT_EQ(files.memory_bytes(), 0U);
}

TEST_F(ListFilesTest, StaysAsItWasWhenReadOnce) {
  Write("bad.txt", "a.example\n");
  ListFiles::Options options;
  options.read_once = true;
  const ListFiles files(options);
  EXPECT_TRUE(files.Load(List("bad.txt"), Rules()).ok());
  fs::remove(folder_ / "bad.txt");
  const auto again = files.Load(List("bad.txt"), Rules());
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->content->name_count(), 1U);
}

TEST_F(ListFilesTest, PrefersTheLastGoodCopy) {
  Write("bad.txt", "<html>");
  std::ofstream(CopyOf(List("bad.txt"))) << "kept.example\n";
  const ListFiles files(WithCopies());
  const auto loaded = files.Load(List("bad.txt"), Rules());
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ(loaded->digest, base::Sha256Hex("kept.example\n"));
  // Another source is another list, of whatever name.
  Write("other.txt", "a.example\nb.example\n");
  EXPECT_EQ(files.Load(List("other.txt"), Rules())->content->name_count(), 2U);
  // So is one that is read as another format.
  EXPECT_NE(CopyOf(List("bad.txt")), CopyOf(List("bad.txt", "hosts")));
}

TEST_F(ListFilesTest, TakesTheFileWhereTheCopyIsSpoilt) {
  Write("bad.txt", "a.example\n");
  std::ofstream(CopyOf(List("bad.txt"))) << std::string("\0\0\0", 3);
  const auto loaded = ListFiles(WithCopies()).Load(List("bad.txt"), Rules());
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ(loaded->content->name_count(), 1U);
  EXPECT_NE(loaded->warning.find("the last good copy cannot be used"), std::string::npos);
}

TEST_F(ListFilesTest, WaitsForAUrlOrRefusesIt) {
  const ListDefinition list = List("https://lists.example/bad");
  const auto waits = ListFiles(WithCopies()).Load(list, Rules());
  ASSERT_TRUE(waits.ok());
  EXPECT_EQ(waits->content->entry_count(), 0U);
  EXPECT_EQ(waits->warning,
            "'https://lists.example/bad' was not fetched yet: the list is empty until then");
  const auto refused = ListFiles{ListFiles::Options()}.Load(list, Rules());
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().message,
            "'https://lists.example/bad' was not fetched yet; a file would do");
  std::ofstream(CopyOf(list)) << "fetched.example\n";
  EXPECT_EQ(ListFiles(WithCopies()).Load(list, Rules())->content->name_count(), 1U);
}

}  // namespace
}  // namespace weir::rules

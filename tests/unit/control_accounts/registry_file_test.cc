#include "control/accounts/registry_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace weir::control::accounts {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr const char* kHeader = "account,ip,mac,group,room,seat\n";

class RegistryFileTest : public ::testing::Test {
 protected:
  RegistryFileTest() {
    std::string pattern = fs::temp_directory_path() / "weir-registry-XXXXXX";
    dir_ = mkdtemp(pattern.data());
    path_ = dir_ / "accounts.csv";
    Write("anna,10.0.0.1,,,,\n");
    file_ = std::make_unique<RegistryFile>(path_, directory_,
                                           [this](std::string_view line) { log_ += line; });
    EXPECT_TRUE(file_->Load().ok());
  }
  ~RegistryFileTest() override { fs::remove_all(dir_); }

  void Write(const std::string& rows) const {
    std::ofstream(path_, std::ios::binary) << kHeader << rows;
  }
  std::string OwnerOf(const char* ip) const {
    const auto found = directory_.Lookup(*base::IpAddress::Parse(ip), {}, {});
    return found ? found->account : "";
  }
  void LookTwice() {
    file_->Look();
    file_->Look();
  }

  fs::path dir_, path_;
  Directory directory_;
  std::string log_;
  std::unique_ptr<RegistryFile> file_;
};

TEST_F(RegistryFileTest, IsReadAgainOnceItHasChangedAndKeepsStill) {
  const uint64_t before = directory_.generation();
  LookTwice();
  EXPECT_EQ(directory_.generation(), before) << "nothing has changed";
  Write("ben,10.0.0.1,,,,\ncarl,10.0.0.2,,,,\n");
  file_->Look();
  EXPECT_EQ(OwnerOf("10.0.0.1"), "anna") << "it may still be written";
  file_->Look();
  EXPECT_EQ(OwnerOf("10.0.0.1"), "ben");
  EXPECT_GT(directory_.generation(), before);
  EXPECT_EQ(log_, path_.string() + " is read again: 2 rows");
}

TEST_F(RegistryFileTest, IsReadAgainWhenItWasReplacedByOneOfTheSameSize) {
  const auto time = fs::last_write_time(path_);
  std::ofstream(dir_ / "other") << kHeader << "abba,10.0.0.1,,,,\n";
  fs::rename(dir_ / "other", path_);
  fs::last_write_time(path_, time);
  LookTwice();
  EXPECT_EQ(OwnerOf("10.0.0.1"), "abba");
}

TEST_F(RegistryFileTest, BadOneLeavesTheLastGoodOneAndSaysSo) {
  Write("ben,10.0.0.1,,,,\nben,10.0.0.300,,,,\n");
  LookTwice();
  EXPECT_EQ(OwnerOf("10.0.0.1"), "anna");
  EXPECT_THAT(file_->status().error, HasSubstr("accounts.csv:3: ip '10.0.0.300'"));
  log_.clear();
  LookTwice();
  EXPECT_EQ(log_, "") << "told once";
  fs::remove(path_);
  LookTwice();
  EXPECT_EQ(OwnerOf("10.0.0.1"), "anna");
  EXPECT_THAT(file_->status().error, HasSubstr("accounts.csv"));
  Write("carl,10.0.0.1,,,,\n");
  LookTwice();
  EXPECT_EQ(OwnerOf("10.0.0.1"), "carl");
  EXPECT_EQ(file_->status().error, "");
}

TEST_F(RegistryFileTest, ImportTakesTheFilesPlace) {
  const std::string text =
      std::string(kHeader) + "ben,10.0.0.1,,,,\ncarl,10.0.0.2,,,,\nben,10.0.0.3,,,,\n";
  const auto counts = file_->Import(text);
  ASSERT_TRUE(counts.ok()) << counts.error().message;
  EXPECT_EQ(counts->rows, 3u);
  EXPECT_EQ(counts->added, 2u);
  EXPECT_EQ(counts->changed, 1u);
  EXPECT_EQ(counts->removed, 0u);
  EXPECT_EQ(OwnerOf("10.0.0.1"), "ben");
  std::ostringstream written;
  written << std::ifstream(path_).rdbuf();
  EXPECT_EQ(written.str(), text);
  const uint64_t before = directory_.generation();
  LookTwice();
  EXPECT_EQ(directory_.generation(), before) << "its own file is not read again";
  EXPECT_EQ(file_->Import(kHeader)->removed, 3u);
}

TEST_F(RegistryFileTest, BadImportChangesNothing) {
  const auto counts = file_->Import(std::string(kHeader) + "ben,nowhere,,,,\n");
  ASSERT_FALSE(counts.ok());
  EXPECT_THAT(counts.error().message, HasSubstr("import:2: ip 'nowhere'"));
  EXPECT_EQ(OwnerOf("10.0.0.1"), "anna");
  LookTwice();
  EXPECT_EQ(OwnerOf("10.0.0.1"), "anna");
}

TEST_F(RegistryFileTest, ImportThatCannotBeWrittenChangesNothing) {
  fs::create_directory(path_.string() + ".new");
  const auto counts = file_->Import(std::string(kHeader) + "ben,10.0.0.1,,,,\n");
  ASSERT_FALSE(counts.ok());
  EXPECT_EQ(OwnerOf("10.0.0.1"), "anna");
}

}  // namespace
}  // namespace weir::control::accounts

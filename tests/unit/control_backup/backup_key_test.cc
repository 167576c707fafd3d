#include <sys/stat.h>

#include "backup_fixture.h"

namespace weir::control::backup {
namespace {

using ::testing::HasSubstr;

class BackupKeyTest : public BackupTest {};

mode_t ModeOf(const fs::path& file) {
  struct stat stat {};
  return ::stat(file.c_str(), &stat) == 0 ? stat.st_mode & 0777 : 0;
}

TEST_F(BackupKeyTest, IsMadeForItsOwnerOnlyAndReadAgain) {
  bool made = false;
  const auto key = Key::LoadOrMake(dir_ / "new", made);
  ASSERT_TRUE(key.ok()) << key.error().message;
  EXPECT_TRUE(made);
  EXPECT_EQ(ModeOf(dir_ / "new"), 0600u);
  EXPECT_EQ(ReadBytes(dir_ / "new").size(), 65u);
  const auto again = Key::LoadOrMake(dir_ / "new", made);
  ASSERT_TRUE(again.ok());
  EXPECT_FALSE(made);
  EXPECT_EQ(again->name_hex(), key->name_hex());
  EXPECT_TRUE(std::equal(key->data(), key->data() + Key::kBytes, again->data()));
  EXPECT_NE(key->name_hex(), key_->name_hex());
}

TEST_F(BackupKeyTest, IsRefusedWhenOthersMayReadIt) {
  for (const mode_t mode : {0640u, 0604u, 0644u, 0660u}) {
    ASSERT_EQ(::chmod((dir_ / "key").c_str(), mode), 0);
    const auto key = Key::Load(dir_ / "key");
    ASSERT_FALSE(key.ok()) << mode;
    EXPECT_THAT(key.error().message, HasSubstr((dir_ / "key").string() + ": others may read it"));
  }
  ASSERT_EQ(::chmod((dir_ / "key").c_str(), 0400), 0);
  EXPECT_TRUE(Key::Load(dir_ / "key").ok());
}

TEST_F(BackupKeyTest, TakesSixtyFourHexDigitsAndNothingElse) {
  const std::string good(64, 'a');
  const auto load = [&](const std::string& text) {
    WriteBytes(dir_ / "typed", text);
    EXPECT_EQ(::chmod((dir_ / "typed").c_str(), 0600), 0);
    return Key::Load(dir_ / "typed").ok();
  };
  EXPECT_TRUE(load(good));
  EXPECT_TRUE(load(good + "\n"));
  EXPECT_FALSE(load(good + "\n\n"));
  EXPECT_FALSE(load(good + "a"));
  EXPECT_FALSE(load(good.substr(1)));
  EXPECT_FALSE(load(good.substr(1) + "g"));
  EXPECT_FALSE(load(good.substr(1) + " "));
  EXPECT_FALSE(load(""));
  EXPECT_FALSE(Key::Load(dir_ / "missing").ok());
}

}  // namespace
}  // namespace weir::control::backup

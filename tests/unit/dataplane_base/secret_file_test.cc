#include "dataplane/base/secret_file.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <fstream>

namespace weir::base {
namespace {

class SecretFileTest : public testing::Test {
 protected:
  SecretFileTest() {
    std::string pattern = testing::TempDir() + "weir-secret-XXXXXX";
    dir_ = mkdtemp(pattern.data());
    file_ = dir_ / "secret";
  }
  ~SecretFileTest() override { std::filesystem::remove_all(dir_); }

  void Write(const std::string& text, mode_t mode = 0640) const {
    std::ofstream(file_, std::ios::binary | std::ios::trunc) << text;
    ASSERT_EQ(::chmod(file_.c_str(), mode), 0);
  }
  std::string Fault(size_t count = 1, size_t bytes_max = 8) const {
    const auto lines = ReadSecretLines(file_, count, bytes_max, "a password");
    return lines.ok() ? "taken" : lines.error().message.substr(file_.string().size());
  }

  std::filesystem::path dir_;
  std::filesystem::path file_;
};

TEST_F(SecretFileTest, IsReadWhole) {
  Write("one\ntwo");
  EXPECT_EQ(ReadSecretFile(file_, 7).value(), "one\ntwo");
  EXPECT_EQ(ReadSecretFile(file_, 6).error().message,
            file_.string() + ": it has more than 6 bytes");
}

TEST_F(SecretFileTest, ThatEverybodyMayReadIsRefused) {
  for (const mode_t mode : {0644U, 0642U, 0641U}) {
    Write("secret", mode);
    EXPECT_EQ(Fault(), ": everybody may read its secrets; chmod o-rwx would do") << mode;
  }
  Write("secret", 0600);
  EXPECT_EQ(Fault(), "taken");
}

TEST_F(SecretFileTest, LinesHaveNoEndsAndNoMoreThanTheyMay) {
  Write("user\r\nsecret\r\n");
  EXPECT_EQ(ReadSecretLines(file_, 2, 8, "").value(), (std::vector<std::string>{"user", "secret"}));
  Write("12345678");
  EXPECT_EQ(Fault(), "taken");
  Write("123456789");
  EXPECT_EQ(Fault(), ": expected a password of up to 8 bytes on line 1");
  Write("user\n");
  EXPECT_EQ(Fault(2), ": expected a password of up to 8 bytes on line 2");
  Write(std::string("a\0b", 3));
  EXPECT_EQ(Fault(), ": expected a password of up to 8 bytes on line 1");
  Write("");
  EXPECT_EQ(Fault(), ": expected a password of up to 8 bytes on line 1");
}

TEST_F(SecretFileTest, ThatIsNotThereIsAnError) {
  EXPECT_EQ(Fault(), ": No such file or directory");
  std::filesystem::create_directory(file_, dir_);
  ASSERT_EQ(::chmod(file_.c_str(), 0700), 0);
  EXPECT_EQ(Fault(), ": Is a directory");
}

}  // namespace
}  // namespace weir::base

#include "control/sealing/signing_key.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

namespace weir::control::sealing {
namespace {

class SigningKeyTest : public ::testing::Test {
 protected:
  SigningKeyTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "weir-key-XXXXXX";
    dir_ = mkdtemp(pattern.data());
  }
  ~SigningKeyTest() override { std::filesystem::remove_all(dir_); }

  std::filesystem::path dir_;
};

TEST_F(SigningKeyTest, SignsSoThatThePublicKeyVerifies) {
  const auto key = SigningKey::LoadOrMake(dir_);
  ASSERT_TRUE(key.ok()) << key.error().message;
  const std::string signature = key->Sign("text");
  EXPECT_EQ(signature.size(), 88u);
  EXPECT_TRUE(key->public_key().Verifies("text", signature));
  EXPECT_FALSE(key->public_key().Verifies("texT", signature));
  EXPECT_FALSE(key->public_key().Verifies("text", ""));
  EXPECT_FALSE(key->public_key().Verifies("text", signature.substr(4)));
  std::string other = signature;
  other[3] = other[3] == 'A' ? 'B' : 'A';
  EXPECT_FALSE(key->public_key().Verifies("text", other));
}

TEST_F(SigningKeyTest, IsTheSameTheNextTime) {
  const auto first = SigningKey::LoadOrMake(dir_);
  const auto second = SigningKey::LoadOrMake(dir_);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->public_key().fingerprint(), second->public_key().fingerprint());
  const auto published = PublicKey::Load(dir_ / "seal.pub");
  ASSERT_TRUE(published.ok()) << published.error().message;
  EXPECT_EQ(published->fingerprint(), first->public_key().fingerprint());
  EXPECT_TRUE(published->Verifies("text", second->Sign("text")));
  struct stat stat {};
  ASSERT_EQ(::stat((dir_ / "seal.key").c_str(), &stat), 0);
  EXPECT_EQ(stat.st_mode & 0777, 0600u);
}

TEST_F(SigningKeyTest, AKeyThatOthersMayReadIsRefused) {
  ASSERT_TRUE(SigningKey::LoadOrMake(dir_).ok());
  std::filesystem::permissions(dir_ / "seal.key", std::filesystem::perms(0644));
  const auto key = SigningKey::LoadOrMake(dir_);
  ASSERT_FALSE(key.ok());
  EXPECT_NE(key.error().message.find("chmod 600"), std::string::npos);
}

TEST_F(SigningKeyTest, WhatIsNoKeyIsRefused) {
  std::ofstream(dir_ / "seal.key") << "-----BEGIN PRIVATE KEY-----\nnone\n";
  std::filesystem::permissions(dir_ / "seal.key", std::filesystem::perms(0600));
  EXPECT_FALSE(SigningKey::LoadOrMake(dir_).ok());
  EXPECT_FALSE(PublicKey::Load(dir_ / "nothing").ok());
  EXPECT_FALSE(PublicKey::Parse("").ok());
}

}  // namespace
}  // namespace weir::control::sealing

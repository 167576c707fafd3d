#include "control/sealing/seal.h"

#include <fstream>

#include "control/sealing/seal_log.h"
#include "sealing_fixture.h"

namespace weir::control::sealing {
namespace {

class SealTest : public SealingTest {
 protected:
  SealTest() : key_(SigningKey::LoadOrMake(dir_ / "seals").value()) {
    seal_.record = std::string(32, '7');
    seal_.number = 3;
    seal_.previous = std::string(64, 'a');
    seal_.written = After(kNine, 7200);
    seal_.signer = key_.public_key().fingerprint();
  }

  Seal Back(const Seal& seal) const {
    const auto parsed = ParseSeal(SealText(seal, key_));
    EXPECT_TRUE(parsed.ok());
    return parsed.ok() ? parsed->seal : Seal{};
  }

  const SigningKey key_;
  Seal seal_;
};

TEST_F(SealTest, EveryKindComesBack) {
  seal_.span = {kNine, After(kNine, 3600)};
  seal_.sessions = {12, std::string(64, 'b')};
  Seal span = seal_;
  for (size_t i = 0; i < kNumberedClasses; i++) {
    span.numbered[i] = {{i, std::string(64, 'c')}, 10 * i, 10 * i + 5};
  }
  EXPECT_EQ(Back(span), span);
  Seal amendment = seal_;
  amendment.kind = SealKind::kAmendment;
  amendment.replaced = {11, std::string(64, 'd')};
  amendment.late = 1;
  EXPECT_EQ(Back(amendment), amendment);
  Seal retention = seal_;
  retention.kind = SealKind::kRetention;
  retention.span = {};
  retention.sessions = {};
  retention.dropped = {20'000, 7, 0, 9};
  EXPECT_EQ(Back(retention), retention);
  retention.dropped_operations = {129, std::string(64, 'e')};
  EXPECT_EQ(Back(retention), retention);
  span.parts = std::string(64, 'f');
  EXPECT_EQ(Back(span), span);
  amendment.parts = std::string(64, 'f');
  EXPECT_EQ(Back(amendment), amendment);
}

TEST_F(SealTest, NoByteCanBeChangedUnseen) {
  seal_.span = {kNine, After(kNine, 3600)};
  seal_.sessions = {12, std::string(64, 'b')};
  for (auto& numbered : seal_.numbered) numbered.digest.sha256 = std::string(64, 'c');
  const std::string text = SealText(seal_, key_);
  for (size_t i = 0; i < text.size(); i++) {
    for (const char c : {'0', 'x', '\n', ' '}) {
      if (text[i] == c) continue;
      std::string changed = text;
      changed[i] = c;
      const auto parsed = ParseSeal(changed);
      const bool seen =
          !parsed.ok() || !key_.public_key().Verifies(parsed->signed_text, parsed->signature);
      ASSERT_TRUE(seen) << "byte " << i << " as '" << c << "'";
    }
    std::string shorter = text;
    shorter.erase(i, 1);
    const auto parsed = ParseSeal(shorter);
    ASSERT_TRUE(!parsed.ok() || !key_.public_key().Verifies(parsed->signed_text, parsed->signature))
        << "without byte " << i;
  }
}

TEST_F(SealTest, TheLogMendsAWritingCutShort) {
  for (auto& numbered : seal_.numbered) numbered.digest.sha256 = std::string(64, 'c');
  seal_.sessions.sha256 = std::string(64, 'b');
  const std::string text = SealText(seal_, key_);
  for (const size_t cut : {size_t{1}, text.size() / 2, text.size() - 1}) {
    std::filesystem::remove(dir_ / "seals" / "seals.log");
    SealLog log(dir_ / "seals");
    ASSERT_TRUE(log.Open().ok());
    ASSERT_TRUE(log.Append(text).ok());
    std::ofstream(log.file(), std::ios::app) << text.substr(0, cut);
    EXPECT_EQ(log.Read()->size(), 1u);
    ASSERT_TRUE(log.Append(text).ok());  // by who has failed
    EXPECT_EQ(log.Read()->size(), 2u);
    std::ofstream(log.file(), std::ios::app) << text.substr(0, cut);
    SealLog again(dir_ / "seals");  // by who comes after a crash
    ASSERT_TRUE(again.Open().ok());
    ASSERT_TRUE(again.Append(text).ok());
    const auto seals = again.Read();
    ASSERT_EQ(seals->size(), 3u);
    for (const LoggedSeal& logged : *seals) EXPECT_TRUE(logged.seal.has_value());
  }
}

}  // namespace
}  // namespace weir::control::sealing

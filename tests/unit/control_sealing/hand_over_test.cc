// The signing key is handed over: what follows is signed by the next one, every step can be cut
// short, and a key that comes without a hand-over is found out.
#include <gmock/gmock.h>

#include <fstream>
#include <sstream>

#include "control/sealing/key_chain.h"
#include "sealing_fixture.h"

namespace weir::control::sealing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string FileText(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

void WriteFile(const std::filesystem::path& file, const std::string& text) {
  std::ofstream(file, std::ios::binary | std::ios::trunc) << text;
  std::filesystem::permissions(file, std::filesystem::perms(0600));
}

class HandOverTest : public SealingTest {
 protected:
  HandOverTest() {
    Commit({MakeSession(1, After(kNine, 60)), MakeSession(2, After(kNine, kHour + 60)),
            MakeSession(3, After(kNine, 2 * kHour + 60))});
    Work(After(kNine, 2 * kHour));
    EXPECT_EQ(Seals().size(), 1u);
  }

  void Rotate(double after) {
    const auto rotated = sealer_->RotateKey(After(kNine, after));
    ASSERT_TRUE(rotated.ok()) << rotated.error().message;
  }
  std::filesystem::path File(const char* name) const { return dir_ / "seals" / name; }
  std::string Key() const { return sealer_->public_key().fingerprint(); }
  Verification CheckBy(const std::string& fingerprint) const {
    VerifyOptions options{sealer_->public_key(), {}, {}};
    options.fingerprint = fingerprint;
    return Verify({*store_, *operations_}, sealer_->log(), options).value();
  }
  void ChangeLog(const std::vector<LoggedSeal>& seals) const {
    std::ofstream out(sealer_->log().file(), std::ios::trunc);
    for (const auto& seal : seals) out << seal.text;
  }
};

TEST_F(HandOverTest, TheNextKeySignsAndBothAreTrusted) {
  const std::string first = Key();
  const PublicKey first_key = sealer_->public_key();
  const std::string first_private = FileText(File("seal.key"));
  EXPECT_EQ(sealer_->status().key_since, After(kNine, 2 * kHour));
  Rotate(2 * kHour + 60);
  const std::string second = Key();
  EXPECT_NE(first, second);
  EXPECT_EQ(sealer_->status().key, second);
  EXPECT_EQ(sealer_->status().key_since, After(kNine, 2 * kHour + 60));
  EXPECT_EQ(PublicKey::Load(File("seal.pub"))->fingerprint(), second);
  EXPECT_NE(FileText(File("seal.key")), first_private);
  EXPECT_FALSE(std::filesystem::exists(File("seal.key.next")));
  Work(After(kNine, 3 * kHour));
  Rotate(3 * kHour + 60);
  Work(After(kNine, 4 * kHour));

  const auto seals = Seals();
  ASSERT_EQ(seals.size(), 5u);
  EXPECT_EQ(seals[1].seal->kind, SealKind::kHandOver);
  EXPECT_EQ(seals[1].seal->signer, first);
  EXPECT_EQ(seals[2].seal->signer, second);
  EXPECT_EQ(seals[4].seal->signer, Key());
  const Verification checked = Check();
  EXPECT_THAT(Text(checked), IsEmpty());
  EXPECT_EQ(checked.hand_overs, 2u);
  for (const std::string& trusted : {first, second, Key()}) {
    EXPECT_TRUE(CheckBy(trusted).good()) << trusted;
  }
  EXPECT_THAT(Text(CheckBy(std::string(64, 'e'))), Contains(HasSubstr("is none of those")));
  VerifyOptions by_file{first_key, {}, {}};
  EXPECT_TRUE(Verify({*store_, *operations_}, sealer_->log(), by_file)->good());
  // And after a restart.
  const std::string last = Key();
  Close();
  Open();
  EXPECT_EQ(Key(), last);
  EXPECT_EQ(sealer_->status().key_since, After(kNine, 3 * kHour + 60));
  EXPECT_THAT(lines_, IsEmpty());
}

// Each state of the files that a crash can leave once the store has the hand-over.
TEST_F(HandOverTest, IsEndedAfterACrashAtEachStep) {
  const std::string log_before = FileText(File("seals.log"));
  const std::string pub_before = FileText(File("seal.pub"));
  const std::string key_before = FileText(File("seal.key"));
  Rotate(2 * kHour + 60);
  const std::string log_after = FileText(File("seals.log"));
  const std::string pub_after = FileText(File("seal.pub"));
  const std::string key_after = FileText(File("seal.key"));
  const std::string fingerprint = Key();
  struct State {
    std::string log, pub, key;
  };
  const std::string zeros(key_before.size(), '\0');
  for (const State& state :
       {State{log_before, pub_before, key_before},
        State{log_after.substr(0, log_before.size() + 50), pub_before, key_before},
        State{log_after, pub_before, key_before}, State{log_after, pub_after, key_before},
        State{log_after, pub_after, zeros}}) {
    Close();
    WriteFile(File("seals.log"), state.log);
    WriteFile(File("seal.pub"), state.pub);
    WriteFile(File("seal.key"), state.key);
    WriteFile(File("seal.key.next"), key_after);
    Open();
    EXPECT_EQ(Key(), fingerprint);
    EXPECT_EQ(FileText(File("seals.log")), log_after);
    EXPECT_EQ(FileText(File("seal.pub")), pub_after);
    EXPECT_EQ(FileText(File("seal.key")), key_after);
    EXPECT_FALSE(std::filesystem::exists(File("seal.key.next")));
    EXPECT_TRUE(Check().good());
  }
  Work(After(kNine, 3 * kHour));
  EXPECT_TRUE(Check().good());
  EXPECT_THAT(lines_, IsEmpty());
}

// Before the store has it, the present key goes on, whatever lies beside it.
TEST_F(HandOverTest, ANextKeyThatNeverTookOverIsRemoved) {
  const std::string fingerprint = Key();
  for (const std::string& left : {FileText(File("seal.key")), std::string("-----BEGIN"), [&] {
                                    std::filesystem::create_directory(dir_ / "other");
                                    EXPECT_TRUE(SigningKey::LoadOrMake(dir_ / "other").ok());
                                    return FileText(dir_ / "other" / "seal.key");
                                  }()}) {
    Close();
    WriteFile(File("seal.key.next"), left);
    Open();
    EXPECT_EQ(Key(), fingerprint);
    EXPECT_FALSE(std::filesystem::exists(File("seal.key.next")));
  }
  Work(After(kNine, 3 * kHour));
  EXPECT_TRUE(Check().good());
  EXPECT_THAT(lines_, IsEmpty());
}

// The hand-over is written, but the key's files cannot be put in place: nothing is lost, and it is
// ended as soon as they can.
TEST_F(HandOverTest, IsEndedLaterWhenTheFilesCannotBeWritten) {
  const std::string before = Key();
  std::filesystem::create_directories(File("seal.pub.tmp") / "in the way");
  EXPECT_FALSE(sealer_->RotateKey(After(kNine, 2 * kHour)).ok());
  EXPECT_NE(Key(), before);
  EXPECT_TRUE(std::filesystem::exists(File("seal.key.next")));
  EXPECT_FALSE(sealer_->Work(After(kNine, 3 * kHour)).ok());
  std::filesystem::remove_all(File("seal.pub.tmp"));
  Work(After(kNine, 3 * kHour));
  EXPECT_FALSE(std::filesystem::exists(File("seal.key.next")));
  EXPECT_EQ(PublicKey::Load(File("seal.pub"))->fingerprint(), Key());
  EXPECT_TRUE(Check().good());
}

TEST_F(HandOverTest, WithoutASealThereIsNothingToHandOver) {
  Close();
  std::filesystem::remove_all(dir_ / "store");
  std::filesystem::remove_all(dir_ / "seals");
  Open();
  const auto rotated = sealer_->RotateKey(kNine);
  ASSERT_FALSE(rotated.ok());
  EXPECT_THAT(rotated.error().message, HasSubstr("there is no seal yet"));
}

TEST_F(HandOverTest, AKeyExchangedWithoutOneIsFound) {
  Close();
  std::filesystem::remove(File("seal.key"));
  std::filesystem::remove(File("seal.pub"));
  Open();
  EXPECT_THAT(lines_, Contains(HasSubstr("is not the key that is to sign")));
  Work(After(kNine, 3 * kHour));
  EXPECT_THAT(Text(Check()), Contains(HasSubstr("signed by another key")));
}

// Somebody without the old key writes a hand-over to a key of their own.
TEST_F(HandOverTest, OneThatTheOldKeyHasNotSignedIsFound) {
  std::filesystem::create_directory(dir_ / "other");
  const auto theirs = SigningKey::LoadOrMake(dir_ / "other");
  ASSERT_TRUE(theirs.ok());
  Rotate(2 * kHour + 60);
  auto seals = Seals();
  Seal forged = *seals[1].seal;
  forged.hand_over.to = theirs->public_key().der();
  Accept(forged, *theirs);
  seals[1].text = SealText(forged, *theirs);
  ChangeLog(seals);
  EXPECT_THAT(Text(Check()), Contains(HasSubstr("its signature is not of this text")));
  EXPECT_THAT(Text(Check()), Contains(HasSubstr("it hands over for another key")));
}

// The old key alone cannot make one to a key whose private half nobody has shown.
TEST_F(HandOverTest, OneThatTheNextKeyHasNotSignedIsFound) {
  const auto old = SigningKey::LoadOrMake(dir_ / "seals");
  ASSERT_TRUE(old.ok());
  Rotate(2 * kHour + 60);
  auto seals = Seals();
  Seal forged = *seals[1].seal;
  forged.hand_over.accepted = old->Sign("another text");
  seals[1].text = SealText(forged, *old);
  ChangeLog(seals);
  EXPECT_THAT(Text(Check()), Contains(HasSubstr("has not signed it")));
}

TEST_F(HandOverTest, ItsTextComesBackAndNoByteCanBeChangedUnseen) {
  Rotate(2 * kHour + 60);
  const auto seals = Seals();
  const std::string text = seals[1].text;
  const PublicKey first = PublicKey::ParseDer(seals[1].seal->hand_over.from).value();
  for (size_t i = 0; i < text.size(); i++) {
    for (const char c : {'0', 'x', '\n', ' ', '='}) {
      if (text[i] == c) continue;
      std::string changed = text;
      changed[i] = c;
      const auto parsed = ParseSeal(changed);
      ASSERT_TRUE(!parsed.ok() || !first.Verifies(parsed->signed_text, parsed->signature))
          << "byte " << i << " as '" << c << "'";
    }
  }
}

}  // namespace
}  // namespace weir::control::sealing

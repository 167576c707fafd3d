#include "backup_fixture.h"
#include "dataplane/base/sha256.h"

namespace weir::control::backup {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class EncryptedFileTest : public BackupTest {
 protected:
  fs::path plain() const { return dir_ / "plain"; }
  fs::path cipher() const { return dir_ / "cipher"; }

  void Encrypt(const std::string& text) const {
    WriteBytes(plain(), text);
    const auto digest = EncryptFile(*key_, "test", plain(), cipher(), StepOn);
    ASSERT_TRUE(digest.ok()) << digest.error().message;
    EXPECT_EQ(digest->bytes, text.size());
    EXPECT_EQ(digest->sha256, base::Sha256Hex(text));
  }
  base::Result<std::string> DecryptIt(std::string_view purpose = "test") const {
    return DecryptText(*key_, purpose, cipher(), 1 << 30);
  }
  std::string Refusal(std::string_view purpose = "test") const {
    const auto text = DecryptIt(purpose);
    EXPECT_FALSE(text.ok());
    return text.ok() ? "" : text.error().message;
  }
};

TEST_F(EncryptedFileTest, ComesBackAtEverySizeAroundAChunk) {
  for (const size_t size : {size_t{0}, size_t{1}, kChunkBytes - 1, kChunkBytes, kChunkBytes + 1,
                            2 * kChunkBytes, 3 * kChunkBytes + 7}) {
    const std::string text = Noise(size, 7);
    Encrypt(text);
    EXPECT_EQ(fs::file_size(cipher()), EncryptedBytes(size)) << size;
    const auto back = DecryptIt();
    ASSERT_TRUE(back.ok()) << back.error().message;
    EXPECT_EQ(*back, text) << size;
    ASSERT_TRUE(EncryptText(*key_, "test", text, cipher()).ok());
    EXPECT_EQ(fs::file_size(cipher()), EncryptedBytes(size)) << size;
    EXPECT_EQ(DecryptIt().value(), text) << size;
  }
}

TEST_F(EncryptedFileTest, ShowsNothingOfItsTextAndIsNeverTheSameTwice) {
  const std::string text = std::string(5000, 'x') + "s2023001 www.lab.example";
  Encrypt(text);
  const std::string first = ReadBytes(cipher());
  EXPECT_EQ(first.find("www.lab.example"), std::string::npos);
  EXPECT_EQ(first.find("xxxx"), std::string::npos);
  Encrypt(text);
  EXPECT_NE(ReadBytes(cipher()), first);
}

// Every byte: the head, the stream's header, both chunks with their tags.
TEST_F(EncryptedFileTest, RefusesEveryFlippedBit) {
  ASSERT_TRUE(EncryptText(*key_, "test", Noise(300, 1), cipher()).ok());
  const std::string good = ReadBytes(cipher());
  for (size_t at = 0; at < good.size(); at++) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ (1 << at % 8));
    WriteBytes(cipher(), bad);
    ASSERT_THAT(Refusal(), StartsWith(cipher().string() + ": ")) << "byte " << at;
  }
}

TEST_F(EncryptedFileTest, RefusesEveryCut) {
  ASSERT_TRUE(EncryptText(*key_, "test", Noise(300, 1), cipher()).ok());
  const std::string good = ReadBytes(cipher());
  for (size_t size = 0; size < good.size(); size++) {
    WriteBytes(cipher(), good.substr(0, size));
    ASSERT_THAT(Refusal(), StartsWith(cipher().string() + ": ")) << size;
  }
  WriteBytes(cipher(), good + "x");
  EXPECT_FALSE(DecryptIt().ok());
}

TEST_F(EncryptedFileTest, RefusesChunksCutAtTheirEndMovedOrAdded) {
  Encrypt(Noise(3 * kChunkBytes, 5));
  const std::string good = ReadBytes(cipher());
  const size_t chunk = EncryptedBytes(2 * kChunkBytes) - EncryptedBytes(kChunkBytes);
  const size_t head = good.size() - 3 * chunk;
  const auto part = [&](size_t i) { return good.substr(head + i * chunk, chunk); };
  const std::string start = good.substr(0, head);
  const std::vector<std::string> bad{
      start + part(0) + part(1),                      // the last one is gone, at its beginning
      start + part(1) + part(2),                      // the first one is
      start + part(1) + part(0) + part(2),            // two are swapped
      start + part(0) + part(0) + part(1) + part(2),  // one is there twice
      good + part(2),
  };
  for (const std::string& text : bad) {
    WriteBytes(cipher(), text);
    EXPECT_FALSE(DecryptIt().ok());
  }
  WriteBytes(cipher(), good);
  EXPECT_TRUE(DecryptIt().ok());
}

TEST_F(EncryptedFileTest, RefusesAnotherKeyAndAnotherPurpose) {
  Encrypt("text");
  EXPECT_THAT(Refusal("other"), HasSubstr("not what belongs there"));
  bool made = false;
  key_ = std::make_unique<Key>(Key::LoadOrMake(dir_ / "key2", made).value());
  EXPECT_THAT(Refusal(), HasSubstr("another key than this one"));
}

TEST_F(EncryptedFileTest, LeavesNothingWhenItIsCancelledOrCannotBeRead) {
  WriteBytes(plain(), Noise(3 * kChunkBytes, 1));
  int left = 2;
  const auto cancelled =
      EncryptFile(*key_, "test", plain(), cipher(), [&](uint64_t) { return --left > 0; });
  ASSERT_FALSE(cancelled.ok());
  EXPECT_EQ(cancelled.error().message, kCancelled);
  EXPECT_FALSE(EncryptFile(*key_, "test", dir_ / "missing", cipher(), StepOn).ok());
  EXPECT_FALSE(fs::exists(cipher()));
  EXPECT_FALSE(fs::exists(cipher().string() + ".tmp"));
}

TEST_F(EncryptedFileTest, ATextMayNotBeLongerThanAllowed) {
  ASSERT_TRUE(EncryptText(*key_, "test", "12345", cipher()).ok());
  EXPECT_TRUE(DecryptText(*key_, "test", cipher(), 5).ok());
  EXPECT_FALSE(DecryptText(*key_, "test", cipher(), 4).ok());
}

}  // namespace
}  // namespace weir::control::backup

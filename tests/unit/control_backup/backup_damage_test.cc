// Whatever happens to any file of a backup: verifying says so, restoring refuses, and both name the
// file.
#include "backup_fixture.h"

namespace weir::control::backup {
namespace {

using ::testing::HasSubstr;

class BackupDamageTest : public BackupTest {
 protected:
  BackupDamageTest() {
    Put("sessions/000001.sst", Noise(kChunkBytes + 1000, 1));
    Put("sessions/CURRENT", "MANIFEST-000004\n");
    Put("control.db", Noise(9000, 2));
    Put("empty", "");
    set_ = Make(kTwo).set;
    Put("control.db", Noise(9000, 3));
    Make(After(kTwo, kDay));
    backup_ = Find();
    // The newest backup's: its manifest, three files of the full one, one of its own.
    files_ = {backup_.name + ".manifest"};
    const auto manifest = ReadManifest(*key_, backup_.set_dir, backup_.name);
    for (const auto& file : manifest.value().files) files_.push_back(file.stored);
    EXPECT_EQ(files_.size(), 5u);
  }

  fs::path At(const std::string& file) const { return sets() / set_ / file; }

  // Both find it, and name the file.
  void ExpectRefused(const std::string& file, const std::string& what) const {
    const auto verified = VerifyBackup(*key_, backup_, GoOn);
    ASSERT_TRUE(verified.ok());
    EXPECT_EQ(verified->fault_count, 1u) << what;
    ASSERT_EQ(verified->faults.size(), 1u) << what;
    EXPECT_THAT(verified->faults[0], HasSubstr(At(file).string() + ": ")) << what;
    const fs::path into = dir_ / "into";
    fs::remove_all(into);
    const auto restored = Restore(*key_, backup_, into, GoOn);
    ASSERT_FALSE(restored.ok()) << what;
    EXPECT_EQ(restored.error().message, verified->faults[0]) << what;
    // What is there is good, and it is not taken for whole.
    EXPECT_TRUE(!fs::exists(into) || fs::exists(into / kUnfinishedFile)) << what;
    const Tree good = ReadTree(image());
    if (!fs::exists(into)) return;
    for (const auto& [path, bytes] : ReadTree(into)) {
      if (path == kUnfinishedFile) continue;
      EXPECT_EQ(bytes, good.at(path)) << what;
    }
  }
  // Writes `bytes` in place of a file, looks, and puts it back.
  void ExpectRefusedWith(const std::string& file, const std::string& bytes,
                         const std::string& what) const {
    const std::string good = ReadBytes(At(file));
    WriteBytes(At(file), bytes);
    ExpectRefused(file, file + ": " + what);
    WriteBytes(At(file), good);
  }

  std::string set_;
  FoundBackup backup_;
  std::vector<std::string> files_;
};

TEST_F(BackupDamageTest, AFlippedBitAnywhereInAnyFile) {
  for (const std::string& file : files_) {
    const std::string good = ReadBytes(At(file));
    const size_t steps = 12;
    for (size_t i = 0; i <= steps; i++) {
      const size_t at = std::min(good.size() - 1, i * good.size() / steps);
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ (1 << i % 8));
      ExpectRefusedWith(file, bad, "byte " + std::to_string(at));
    }
  }
  EXPECT_EQ(RestoreTree(backup_), ReadTree(image()));  // nothing was left damaged
}

TEST_F(BackupDamageTest, AFileCutShort) {
  for (const std::string& file : files_) {
    const std::string good = ReadBytes(At(file));
    for (const size_t size : {size_t{0}, size_t{10}, good.size() / 2, good.size() - 1}) {
      ExpectRefusedWith(file, good.substr(0, size), "cut to " + std::to_string(size));
    }
    ExpectRefusedWith(file, good + "x", "a byte too much");
  }
}

TEST_F(BackupDamageTest, AFileThatIsMissing) {
  for (const std::string& file : files_) {
    fs::rename(At(file), dir_ / "away");
    ExpectRefused(file, file + " is missing");
    fs::rename(dir_ / "away", At(file));
  }
}

TEST_F(BackupDamageTest, AnyFileInThePlaceOfAnother) {
  for (const std::string& file : files_) {
    for (const std::string& other : files_) {
      if (other != file) ExpectRefusedWith(file, ReadBytes(At(other)), "holds " + other);
    }
  }
}

// Of another set with the same names: authentic, and not of this one.
TEST_F(BackupDamageTest, AFileOfAnotherSet) {
  for (const auto& entry : fs::directory_iterator(sets() / set_)) {
    fs::create_directories(dir_ / "other" / set_);
    fs::copy_file(entry.path(), dir_ / "other" / set_ / entry.path().filename());
  }
  fs::remove_all(sets() / set_);
  Put("control.db", Noise(9000, 4));
  const BackupOutcome own = Make(After(kTwo, 7 * kDay));
  backup_ = Find();
  set_ = own.set;
  ExpectRefusedWith(
      own.name + ".1.enc",
      ReadBytes(dir_ / "other" / "2026-11-22T020000Z-full" / "2026-11-22T020000Z.1.enc"),
      "holds that of another set");
  ExpectRefusedWith(
      own.name + ".manifest",
      ReadBytes(dir_ / "other" / "2026-11-22T020000Z-full" / "2026-11-22T020000Z.manifest"),
      "holds that of another set");
}

// An older manifest in the place of a newer one would set the record back.
TEST_F(BackupDamageTest, AnOlderManifestUnderANewerName) {
  ExpectRefusedWith(backup_.name + ".manifest", ReadBytes(At("2026-11-22T020000Z.manifest")),
                    "the one of the day before");
}

// By who has the key, or from a backup of the same name: authentic, and not the same bytes.
TEST_F(BackupDamageTest, OtherBytesEncryptedForTheSamePlace) {
  for (size_t i = 1; i < files_.size(); i++) {
    const std::string good = ReadBytes(At(files_[i]));
    ASSERT_TRUE(EncryptText(*key_, StoredPurpose(set_, files_[i]), "other", At(files_[i])).ok());
    ExpectRefused(files_[i], files_[i]);
    const auto verified = VerifyBackup(*key_, backup_, GoOn);
    EXPECT_THAT(verified.value().faults.at(0), HasSubstr("is not what the backup had of"));
    WriteBytes(At(files_[i]), good);
  }
}

TEST_F(BackupDamageTest, AnotherKey) {
  bool made = false;
  key_ = std::make_unique<Key>(Key::LoadOrMake(dir_ / "key2", made).value());
  ExpectRefused(backup_.name + ".manifest", "another key");
}

TEST_F(BackupDamageTest, EveryDamagedFileIsToldAtOnce) {
  for (size_t i = 1; i < files_.size(); i++) fs::remove(At(files_[i]));
  const auto verified = VerifyBackup(*key_, backup_, GoOn);
  ASSERT_TRUE(verified.ok());
  EXPECT_EQ(verified->fault_count, 4u);
  EXPECT_EQ(verified->files, 4u);
}

}  // namespace
}  // namespace weir::control::backup

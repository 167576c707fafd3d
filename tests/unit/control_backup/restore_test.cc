#include <sys/stat.h>

#include "backup_fixture.h"

namespace weir::control::backup {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class RestoreTest : public BackupTest {
 protected:
  RestoreTest() {
    Put("a", Noise(600'000, 1));
    Put("b/c", Noise(300'000, 2));
    Put("b/d", "text");
    fs::permissions(image() / "b/d", fs::perms::owner_read | fs::perms::owner_write);
    fs::permissions(image() / "a", fs::perms(0644));
    Make(kTwo);
  }
  base::Result<RestoreOutcome> TryRestore(const OnProgress& progress = GoOn) const {
    return Restore(*key_, Find(), into(), progress);
  }
  std::string Refusal() const {
    const auto outcome = TryRestore();
    EXPECT_FALSE(outcome.ok());
    return outcome.ok() ? "" : outcome.error().message;
  }
  // Ends it once so many bytes were restored.
  void RestorePartly(uint64_t bytes) const {
    const auto cut = TryRestore([&](const Progress& so_far) { return so_far.done < bytes; });
    ASSERT_FALSE(cut.ok());
    EXPECT_EQ(cut.error().message, kCancelled);
    EXPECT_TRUE(fs::exists(into() / kUnfinishedFile));
  }
  fs::path into() const { return dir_ / "new" / "data"; }
};

TEST_F(RestoreTest, MakesTheFolderWithBytesAndModesAsTheyWere) {
  const auto outcome = TryRestore();
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  EXPECT_EQ(outcome->files, 3u);
  EXPECT_EQ(outcome->bytes, 900'004u);
  EXPECT_EQ(outcome->kept, 0u);
  EXPECT_EQ(outcome->sensor, "gate-1");
  EXPECT_EQ(outcome->made, kTwo);
  EXPECT_EQ(ReadTree(into()), ReadTree(image()));
  for (const char* path : {"a", "b/d"}) {
    EXPECT_EQ(fs::status(into() / path).permissions(), fs::status(image() / path).permissions());
  }
}

TEST_F(RestoreTest, SaysOfTheFolderWhenItWasRestored) {
  const base::WallTime before{base::WallNow().ns / 1000 * 1000};
  EXPECT_EQ(RestoredAt(into()).value(), std::nullopt);
  ASSERT_TRUE(TryRestore().ok());
  const auto restored = RestoredAt(into());
  ASSERT_TRUE(restored.ok() && *restored);
  EXPECT_GE(**restored, before);
  EXPECT_LE(**restored, base::WallNow());
  EXPECT_THAT(ReadBytes(into() / kRestoredFile), HasSubstr(Find().name));

  // By hand, of one that an earlier version has restored.
  WriteBytes(into() / kRestoredFile, "2026-11-22T09:30:00Z\n");
  EXPECT_EQ(RestoredAt(into()).value(), base::ParseRfc3339("2026-11-22T09:30:00Z").value());
  WriteBytes(into() / kRestoredFile, "yesterday\n");
  EXPECT_THAT(RestoredAt(into()).error().message, HasSubstr("does not say when"));
}

// A backup of a folder that was restored once has that one's word.
TEST_F(RestoreTest, TheNewestRestoreCounts) {
  Put(kRestoredFile, "2020-01-01T00:00:00.000000Z a/b\n");
  Make(After(kTwo, kDay));
  ASSERT_TRUE(TryRestore().ok());
  EXPECT_GT(**RestoredAt(into()), base::ParseRfc3339("2020-01-02T00:00:00Z").value());
}

TEST_F(RestoreTest, RefusesAFolderThatHoldsAnything) {
  WriteBytes(into() / "control.db", "somebody's record");
  EXPECT_THAT(Refusal(), HasSubstr(into().string() + ": is not empty"));
  EXPECT_THAT(ReadTree(into()), ElementsAre(std::pair("control.db", "somebody's record")));
  EXPECT_FALSE(TryRestore().ok());
  fs::remove(into() / "control.db");
  fs::create_directory(into() / "sub");
  EXPECT_THAT(Refusal(), HasSubstr("is not empty"));
  fs::remove(into() / "sub");
  EXPECT_TRUE(TryRestore().ok());
  EXPECT_THAT(Refusal(), HasSubstr("is not empty"));  // a whole one is no unfinished one
}

TEST_F(RestoreTest, GoesOnWhereItWasCut) {
  RestorePartly(700'000);  // "a" is there, "b/c" was being written
  EXPECT_EQ(ReadTree(into()).at("a"), ReadTree(image()).at("a"));
  EXPECT_FALSE(fs::exists(into() / "b/c"));
  WriteBytes(into() / "b/c.tmp", "what a death of the process leaves");
  const auto outcome = TryRestore();
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  EXPECT_EQ(outcome->kept, 1u);
  EXPECT_EQ(outcome->files, 3u);
  EXPECT_EQ(ReadTree(into()), ReadTree(image()));
}

TEST_F(RestoreTest, WritesAnewWhatIsNotAsItWasInTheBackup) {
  RestorePartly(700'000);
  std::string bytes = ReadBytes(into() / "a");
  bytes[123'456] = static_cast<char>(bytes[123'456] ^ 1);
  WriteBytes(into() / "a", bytes);
  const auto outcome = TryRestore();
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(outcome->kept, 0u);
  EXPECT_EQ(ReadTree(into()), ReadTree(image()));
}

TEST_F(RestoreTest, DoesNotMixTwoBackupsNorTakeStrangersIn) {
  RestorePartly(700'000);
  const Tree before = ReadTree(into());
  Make(After(kTwo, kDay));
  EXPECT_THAT(Refusal(), HasSubstr("holds part of another backup, 2026-11-22T020000Z-full/"
                                   "2026-11-22T020000Z"));
  EXPECT_EQ(ReadTree(into()), before);
  WriteBytes(into() / "b/stranger", "x");
  const auto outcome = Restore(*key_, Find("", "2026-11-22T020000Z"), into(), GoOn);
  ASSERT_FALSE(outcome.ok());
  EXPECT_THAT(outcome.error().message, HasSubstr("b/stranger: is not of the backup"));
}

TEST_F(RestoreTest, SaysWhichBackupsAreNotThere) {
  const auto error = [&](const fs::path& dir, const std::string& set, const std::string& name) {
    const auto found = FindBackup(dir, set, name);
    EXPECT_FALSE(found.ok());
    return found.ok() ? "" : found.error().message;
  };
  EXPECT_THAT(error(dir_ / "nowhere", "", ""), HasSubstr("nowhere: is no folder"));
  EXPECT_THAT(error(image(), "", ""), HasSubstr("holds no backup"));
  EXPECT_THAT(error(sets(), "x", ""), HasSubstr("holds no backup in the set x"));
  EXPECT_THAT(error(sets(), "", "y"), HasSubstr("holds no backup called y"));
}

}  // namespace
}  // namespace weir::control::backup

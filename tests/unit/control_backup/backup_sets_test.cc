// What is added to a set, when a new one begins, and what is removed.
#include "backup_fixture.h"

namespace weir::control::backup {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class BackupSetsTest : public BackupTest {
 protected:
  std::vector<std::string> Sets() const {
    std::vector<std::string> names;
    const auto listed = ListSets(sets());
    for (const BackupSet& set : listed.value()) names.push_back(set.dir.filename());
    return names;
  }
};

TEST(BackupName, IsATimeAndNothingElse) {
  EXPECT_EQ(BackupName(kTwo), "2026-11-22T020000Z");
  EXPECT_EQ(ParseBackupName("2026-11-22T020000Z"), kTwo);
  for (const char* bad : {"", "2026-11-22", "2026-11-22T020000", "2026-13-22T020000Z", "lost+found",
                          "2026-11-22 020000Z", "2026-11-22T0200000", "2026-11-22T02:0000Z"}) {
    EXPECT_FALSE(ParseBackupName(bad)) << bad;
  }
}

TEST_F(BackupSetsTest, AnIncrementalOneHoldsOnlyWhatIsNew) {
  const std::string old_table = Noise(400'000, 1);
  Put("sessions/000001.sst", old_table);
  Put("control.db", Noise(5000, 2));
  const BackupOutcome full = Make(kTwo);
  EXPECT_EQ(full.kind, Kind::kFull);
  EXPECT_EQ(full.new_files, 2u);
  EXPECT_EQ(full.new_bytes, 405'000u);
  const uint64_t full_bytes = BytesOf(ListSets(sets()).value());

  Put("sessions/000002.sst", Noise(7000, 3));
  Put("control.db", Noise(5100, 4));
  const BackupOutcome second = Make(After(kTwo, kDay));
  EXPECT_EQ(second.kind, Kind::kIncremental);
  EXPECT_EQ(second.set, full.set);
  EXPECT_EQ(second.files, 3u);
  EXPECT_EQ(second.new_files, 2u);
  EXPECT_EQ(second.new_bytes, 12'100u);
  const uint64_t manifest_bytes = fs::file_size(ManifestFile(sets() / second.set, second.name));
  EXPECT_EQ(BytesOf(ListSets(sets()).value()),
            full_bytes + EncryptedBytes(7000) + EncryptedBytes(5100) + manifest_bytes);

  // The same bytes under another name; and one is gone.
  fs::rename(image() / "sessions/000001.sst", image() / "sessions/000003.sst");
  const BackupOutcome third = Make(After(kTwo, 2 * kDay));
  EXPECT_EQ(third.new_files, 0u);
  EXPECT_EQ(third.files, 3u);
  EXPECT_EQ(RestoreTree(Find()), ReadTree(image()));
  EXPECT_EQ(RestoreTree(Find("", full.name)).at("sessions/000001.sst"), old_table);
  EXPECT_EQ(Sets().size(), 1u);
}

TEST_F(BackupSetsTest, AWholeOneIsMadeOnceAWeekAndWhenAskedFor) {
  Put("a", "a");
  for (int day = 0; day < 15; day++) {
    // The hour of the day varies by what was done before.
    const BackupOutcome made = Make(After(kTwo, day * kDay + (day % 3) * 60));
    EXPECT_EQ(made.kind == Kind::kFull, day % 7 == 0) << day;
  }
  EXPECT_EQ(Make(After(kTwo, 14.5 * kDay), true).kind, Kind::kFull);
  EXPECT_THAT(Sets(), ElementsAre("2026-11-22T020000Z-full", "2026-11-29T020100Z-full",
                                  "2026-12-06T020200Z-full", "2026-12-06T140000Z-full"));
  EXPECT_EQ(ListBackups(sets()).value().size(), 16u);
}

TEST_F(BackupSetsTest, ASetThatCannotBeReadIsNotAddedTo) {
  Put("a", "a");
  const BackupOutcome first = Make(kTwo);
  WriteBytes(ManifestFile(sets() / first.set, first.name), std::string(500, 'x'));
  const BackupOutcome second = Make(After(kTwo, kDay));
  EXPECT_EQ(second.kind, Kind::kFull);
  EXPECT_THAT(second.why_full, HasSubstr(first.name + ".manifest: is no encrypted file"));
  bool made = false;
  key_ = std::make_unique<Key>(Key::LoadOrMake(dir_ / "key2", made).value());
  const BackupOutcome third = Make(After(kTwo, 2 * kDay));
  EXPECT_EQ(third.kind, Kind::kFull);
  EXPECT_THAT(third.why_full, HasSubstr("another key"));
  EXPECT_EQ(RestoreTree(Find()), ReadTree(image()));
}

TEST_F(BackupSetsTest, WhatASetHasLostIsWrittenAnew) {
  Put("a", "aaaa");
  Put("b", "bbbb");
  const BackupOutcome first = Make(kTwo);
  fs::remove(sets() / first.set / (first.name + ".1.enc"));
  fs::resize_file(sets() / first.set / (first.name + ".2.enc"), 40);
  EXPECT_EQ(Make(After(kTwo, kDay)).new_files, 2u);
  EXPECT_EQ(RestoreTree(Find()), ReadTree(image()));
}

TEST_F(BackupSetsTest, NamesNeverRunBackwardsAndTheFutureStopsIt) {
  Put("a", "a");
  Make(kTwo);
  // The clock went back by an hour, and stood still.
  EXPECT_EQ(Make(After(kTwo, -kHour)).name, "2026-11-22T020001Z");
  EXPECT_EQ(Make(After(kTwo, -kHour)).name, "2026-11-22T020002Z");
  const auto refused = TryMake(After(kTwo, -2 * kDay));
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message,
              HasSubstr("2026-11-22T02:00:02.000000Z, which is in the future"));
}

TEST_F(BackupSetsTest, OldSetsGoAsAWholeButNeverTheNewestTwo) {
  Put("a", "a");
  for (int week = 0; week < 4; week++) {
    Make(After(kTwo, week * 7 * kDay));
    Make(After(kTwo, (week * 7 + 6) * kDay));
  }
  ASSERT_EQ(Sets().size(), 4u);
  // The first set's newest backup is of day 6.
  EXPECT_THAT(Prune(sets(), After(kTwo, (6 + 183) * kDay), 183).value(), IsEmpty());
  EXPECT_THAT(Prune(sets(), After(kTwo, (6 + 183) * kDay + 1), 183).value(),
              ElementsAre("2026-11-22T020000Z-full"));
  EXPECT_THAT(Prune(sets(), After(kTwo, 5000 * kDay), 183).value(),
              ElementsAre("2026-11-29T020000Z-full"));
  EXPECT_THAT(Sets(), ElementsAre("2026-12-06T020000Z-full", "2026-12-13T020000Z-full"));
  EXPECT_EQ(RestoreTree(Find("2026-12-06T020000Z-full")), ReadTree(image()));
}

TEST_F(BackupSetsTest, CleaningTakesWhatACutBackupLeftAndNothingElse) {
  Put("a", "a");
  const BackupOutcome first = Make(kTwo);
  Make(After(kTwo, kDay));
  const Tree before = ReadTree(sets());
  const fs::path set = sets() / first.set;
  WriteBytes(set / "2026-11-24T020000Z.1.enc", "left");
  WriteBytes(set / "2026-11-24T020000Z.2.enc.tmp", "left");
  WriteBytes(set / "2026-11-24T020000Z.manifest.tmp", "left");
  WriteBytes(sets() / "2026-11-29T020000Z-full" / "2026-11-29T020000Z.1.enc", "left");
  ASSERT_TRUE(Clean(*key_, sets()).ok());
  EXPECT_EQ(ReadTree(sets()), before);

  WriteBytes(set / "notes.txt", "somebody's");
  WriteBytes(sets() / "2026-full" / "x", "somebody's");
  WriteBytes(sets() / "lost+found" / "x", "somebody's");
  const Tree with_others = ReadTree(sets());
  ASSERT_TRUE(Clean(*key_, sets()).ok());
  EXPECT_EQ(ReadTree(sets()), with_others);

  // What cannot be read cannot be told apart.
  WriteBytes(set / "2026-11-24T020000Z.1.enc", "left");
  WriteBytes(ManifestFile(set, first.name), "damaged");
  ASSERT_TRUE(Clean(*key_, sets()).ok());
  EXPECT_TRUE(fs::exists(set / "2026-11-24T020000Z.1.enc"));
}

TEST_F(BackupSetsTest, ABackupThatIsCancelledLeavesTheFolderAsItWas) {
  Put("a", Noise(600'000, 1));
  const auto stop_after = [](uint64_t bytes) {
    return [bytes](const Progress& progress) { return progress.done < bytes; };
  };
  ASSERT_FALSE(TryMake(kTwo, false, stop_after(300'000)).ok());    // while it is written
  ASSERT_FALSE(TryMake(kTwo, false, stop_after(1'000'000)).ok());  // while it is read back
  EXPECT_THAT(ReadTree(sets()), IsEmpty());
  EXPECT_THAT(Sets(), IsEmpty());
  Make(kTwo);
  const Tree before = ReadTree(sets());
  Put("b", Noise(600'000, 2));
  for (const uint64_t bytes : {100'000u, 900'000u, 1'500'000u, 2'100'000u}) {
    const auto cancelled = TryMake(After(kTwo, kDay), false, stop_after(bytes));
    ASSERT_FALSE(cancelled.ok()) << bytes;
    EXPECT_EQ(cancelled.error().message, kCancelled);
    EXPECT_EQ(ReadTree(sets()), before) << bytes;
  }
}

TEST_F(BackupSetsTest, OneAtATime) {
  const auto first = LockSets(sets());
  ASSERT_TRUE(first.ok());
  const auto second = LockSets(sets());
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(second.error().message, HasSubstr("another program is making a backup there"));
}

}  // namespace
}  // namespace weir::control::backup

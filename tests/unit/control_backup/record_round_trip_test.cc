// A real record with its seals, backed up while it grows, and restored from nothing: the restored
// one opens, verifies, and holds the same.
#include "backup_fixture.h"
#include "control/backup/image.h"
#include "control/sealing/record_lines.h"
#include "tests/unit/control_sealing/sealing_fixture.h"

namespace weir::control::backup {
namespace {

using sealing::kNine;
using sealing::MakeSession;
using ::testing::ElementsAre;

// SealingTest has the record open in dir_: store, control.db, seals.
class RecordRoundTripTest : public sealing::SealingTest {
 protected:
  RecordRoundTripTest() {
    fs::create_directory(sets());
    bool made = false;
    key_ = std::make_unique<Key>(Key::LoadOrMake(dir_ / "backup.key", made).value());
  }
  fs::path sets() const { return dir_ / "backups"; }

  void AddHour(int hour) {
    std::vector<events::SessionEvent> sessions;
    for (int i = 0; i < 50; i++) {
      sessions.push_back(MakeSession(id_++, At(hour * kHour + i * 60 + 1)));
    }
    Commit(sessions);
    CommitFinding(At(hour * kHour + 5), "r" + std::to_string(hour));
    Act("user" + std::to_string(hour));
    Work(At((hour + 1) * kHour + 2700));
  }
  static base::WallTime At(double seconds) { return After(kNine, seconds); }

  BackupOutcome Back(base::WallTime now) {
    ImageSources sources;
    sources.data_dir = dir_;
    sources.store = "store";
    sources.checkpoint = [this](const fs::path& into) { return store_->Checkpoint(into); };
    sources.growing = {"seals"};
    sources.left_out = {sets(), dir_ / "backup.key", dir_ / "restored"};
    {
      const auto pause = sealer_->Pause();
      const auto taken = TakeImage(sources);
      EXPECT_TRUE(taken.ok()) << taken.error().message;
    }
    // The record goes on while the image is being read.
    Commit({MakeSession(id_++, now)});
    const auto outcome = MakeBackup({sets(), *key_, "gate-1", "0.1"}, ImageFolder(dir_), now, GoOn);
    EXPECT_TRUE(outcome.ok()) << outcome.error().message;
    EXPECT_TRUE(RemoveImage(dir_).ok());
    return outcome.ok() ? *outcome : BackupOutcome{};
  }

  // Every line of the record that is open now.
  std::vector<std::string> Lines() {
    std::vector<std::string> lines;
    EXPECT_TRUE(store_
                    ->Sessions({},
                               [&](const audit::SessionRecord& record) {
                                 lines.push_back(sealing::SessionLine(record));
                                 return true;
                               })
                    .ok());
    EXPECT_TRUE(store_
                    ->Findings(0,
                               [&](const audit::SequencedFinding& finding) {
                                 lines.push_back(sealing::FindingLine(finding));
                                 return true;
                               })
                    .ok());
    EXPECT_TRUE(operations_
                    ->Read(1, operations_->LastNumber().value(),
                           [&](const operations::Operation& operation) {
                             lines.push_back(sealing::OperationLine(operation));
                             return true;
                           })
                    .ok());
    return lines;
  }

  uint64_t id_ = 1;
  std::unique_ptr<Key> key_;
};

TEST_F(RecordRoundTripTest, EveryBackupComesBackFromNothingAndVerifies) {
  std::vector<BackupOutcome> backups;
  std::vector<std::vector<std::string>> lines;
  std::vector<size_t> seals;
  for (int day = 0; day < 3; day++) {
    for (int hour = 0; hour < 3; hour++) AddHour(day * 24 + hour);
    lines.push_back(Lines());
    seals.push_back(Seals().size());
    backups.push_back(Back(At(day * kDay + 17 * kHour)));
  }
  EXPECT_EQ(backups[0].kind, Kind::kFull);
  EXPECT_EQ(backups[2].kind, Kind::kIncremental);
  EXPECT_EQ(backups[2].set, backups[0].set);
  EXPECT_LT(backups[2].new_files, backups[2].files) << "tables of earlier days are held already";
  EXPECT_LT(lines[0].size(), lines[2].size());
  const std::string fingerprint = sealer_->public_key().fingerprint();
  Close();

  // A new machine: nothing but the backups' folder and the key.
  const fs::path old = dir_;
  for (size_t i = 0; i < backups.size(); i++) {
    const auto found = FindBackup(old / "backups", "", backups[i].name);
    ASSERT_TRUE(found.ok());
    dir_ = old / "restored" / backups[i].name;
    const auto restored = Restore(*key_, *found, dir_, GoOn);
    ASSERT_TRUE(restored.ok()) << restored.error().message;
    EXPECT_EQ(restored->files, backups[i].files);
    lines_.clear();
    Open();
    EXPECT_EQ(sealer_->public_key().fingerprint(), fingerprint);
    EXPECT_EQ(Seals().size(), seals[i]);
    EXPECT_EQ(Lines(), lines[i]) << backups[i].name;
    const auto checked = Check();
    EXPECT_TRUE(checked.good()) << Text(checked).front();
    EXPECT_EQ(checked.seals, seals[i]);
    EXPECT_GE(checked.records, 150 * (i + 1));
    EXPECT_THAT(lines_, ElementsAre()) << "nothing was set back or cut";
    EXPECT_EQ(store_->CheckIndexes().value().missing_entries, 0u);
    // And it goes on: the next hour is sealed behind the last.
    AddHour(static_cast<int>(i) * 24 + 10);
    EXPECT_GT(Seals().size(), seals[i]);
    EXPECT_TRUE(Check().good());
    Close();
  }
  dir_ = old;
}

// Without the pause a seal may come between the store and its log: such an image says what it is.
TEST_F(RecordRoundTripTest, ALogThatIsNewerThanTheStoreIsSeenAsSetBack) {
  AddHour(0);
  const fs::path into = dir_ / "torn";
  fs::create_directory(into);
  ASSERT_TRUE(store_->Checkpoint(into / "store").ok());
  AddHour(1);
  fs::copy(dir_ / "seals", into / "seals");
  Close();
  fs::copy(dir_ / "control.db", into / "control.db");
  const fs::path old = dir_;
  dir_ = into;
  lines_.clear();
  Open();
  EXPECT_FALSE(lines_.empty());
  EXPECT_FALSE(Check().good());
  Close();
  dir_ = old;
}

}  // namespace
}  // namespace weir::control::backup

#include "control/backup/backup_service.h"

#include <sys/stat.h>

#include <cstdlib>
#include <future>

#include "backup_fixture.h"
#include "control/backup/image.h"

namespace weir::control::backup {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

class BackupServiceTest : public BackupTest {
 protected:
  BackupServiceTest() {
    setenv("TZ", "Asia/Shanghai", 1);
    tzset();
    fs::create_directory(dir_ / "data");
    WriteBytes(dir_ / "data/blocks.rules", "drop any");
    Open();
  }
  ~BackupServiceTest() override {
    unsetenv("TZ");
    tzset();
  }
  void Open() {
    service_.reset();
    BackupService::Options options;
    options.dir = sets();
    options.key_file = dir_ / "service.key";
    options.data_dir = dir_ / "data";
    options.sensor = "gate-1";
    options.at_minute = 10 * 60;  // 02:00 UTC
    options.take_image = [this]() -> base::Status {
      if (!trouble_.empty()) return base::Error{trouble_};
      ImageSources sources;
      sources.data_dir = dir_ / "data";
      sources.store = "sessions";
      sources.checkpoint = [](const fs::path& into) -> base::Status {
        WriteBytes(into / "CURRENT", "x");
        return {};
      };
      return TakeImage(sources);
    };
    options.log = [this](std::string_view line) { lines_.emplace_back(line); };
    options.record = [this](std::string_view action, std::string_view target,
                            std::string_view outcome) {
      recorded_.push_back(std::string(action) + " " + std::string(target) + ": " +
                          std::string(outcome));
      if (recorded_.size() == 1) first_recorded_.set_value();
    };
    auto service = BackupService::Open(std::move(options));
    ASSERT_TRUE(service.ok()) << service.error().message;
    service_ = std::move(*service);
  }
  void Work(base::WallTime now) {
    const auto done = service_->Work(now);
    EXPECT_TRUE(done.ok()) << done.error().message;
  }
  size_t Backups() const { return ListBackups(sets()).value().size(); }

  std::string trouble_;
  std::vector<std::string> lines_;
  std::vector<std::string> recorded_;
  std::promise<void> first_recorded_;
  std::unique_ptr<BackupService> service_;
};

TEST(LastDue, IsTheLocalTimeOfDayAlsoWhenClocksAreSet) {
  const auto due = [](const char* zone, const char* now, uint32_t minute) {
    setenv("TZ", zone, 1);
    tzset();
    const std::string text = base::FormatRfc3339(LastDue(base::ParseRfc3339(now).value(), minute));
    unsetenv("TZ");
    tzset();
    return text.substr(0, 16);
  };
  EXPECT_EQ(due("Asia/Shanghai", "2026-11-29T12:00:00+08:00", 120), "2026-11-28T18:00");
  EXPECT_EQ(due("Asia/Shanghai", "2026-11-29T02:00:00+08:00", 120), "2026-11-28T18:00");
  EXPECT_EQ(due("Asia/Shanghai", "2026-11-29T01:59:59+08:00", 120), "2026-11-27T18:00");
  EXPECT_EQ(due("Asia/Shanghai", "2027-01-01T01:00:00+08:00", 120), "2026-12-30T18:00");
  // 02:30 did not exist on that day, and was there twice on the other.
  EXPECT_EQ(due("Europe/Berlin", "2026-03-29T12:00:00Z", 150).substr(0, 10), "2026-03-29");
  EXPECT_EQ(due("Europe/Berlin", "2026-10-25T12:00:00Z", 150).substr(0, 10), "2026-10-25");
}

TEST_F(BackupServiceTest, MakesOneADayAndMakesUpForTheFirstAtOnce) {
  Work(After(kTwo, 5 * kHour));
  EXPECT_EQ(Backups(), 1u);
  Work(After(kTwo, 5 * kHour + 60));
  Work(After(kTwo, kDay - 1));
  EXPECT_EQ(Backups(), 1u);
  Work(After(kTwo, kDay));
  EXPECT_EQ(Backups(), 2u);
  Work(After(kTwo, kDay + 30));
  EXPECT_EQ(Backups(), 2u);
  Open();  // away for three days: one is made up for, not three
  Work(After(kTwo, 4 * kDay + 9 * kHour));
  Work(After(kTwo, 4 * kDay + 10 * kHour));
  EXPECT_EQ(Backups(), 3u);
  const BackupStatus status = service_->status();
  EXPECT_EQ(status.newest, After(kTwo, 4 * kDay + 9 * kHour));
  EXPECT_EQ(status.sets, 1u);
  EXPECT_EQ(status.backups, 3u);
  EXPECT_EQ(status.bytes, BytesOf(ListSets(sets()).value()));
  EXPECT_EQ(status.failures, 0u);
  EXPECT_THAT(recorded_, SizeIs(3));
  EXPECT_EQ(recorded_[0],
            "audit backup 2026-11-22T070000Z-full/2026-11-22T070000Z: done: full, 2 of 2 files are "
            "new, 9 bytes");
  EXPECT_THAT(recorded_[1], HasSubstr("done: incremental, 0 of 2 files are new, 0 bytes"));
  EXPECT_FALSE(fs::exists(ImageFolder(dir_ / "data")));
}

TEST_F(BackupServiceTest, MakesItsKeyAndSaysThatItMustBeKeptElsewhere) {
  EXPECT_THAT(lines_, ElementsAre(AllOf(HasSubstr((dir_ / "service.key").string()),
                                        HasSubstr("Keep a copy of it elsewhere"))));
  Open();
  EXPECT_THAT(lines_, SizeIs(1));
  ASSERT_EQ(::chmod((dir_ / "service.key").c_str(), 0644), 0);
  BackupService::Options options;
  options.key_file = dir_ / "service.key";
  EXPECT_FALSE(BackupService::Open(std::move(options)).ok());
}

TEST_F(BackupServiceTest, TellsTroubleOnceAndTriesAgainAfterAnHour) {
  lines_.clear();
  Work(kTwo);
  const Tree before = ReadTree(sets());
  trouble_ = "the disk is away";
  EXPECT_FALSE(service_->Work(After(kTwo, kDay)).ok());
  Work(After(kTwo, kDay + 1800));  // not tried
  EXPECT_EQ(service_->status().failures, 1u);
  EXPECT_FALSE(service_->Work(After(kTwo, kDay + 3600)).ok());
  EXPECT_EQ(service_->status().failures, 2u);
  EXPECT_EQ(service_->status().error, "the disk is away");
  EXPECT_EQ(service_->status().newest, kTwo);
  EXPECT_THAT(lines_, ElementsAre("backup: the disk is away"));
  EXPECT_EQ(ReadTree(sets()), before);
  trouble_.clear();
  Work(After(kTwo, kDay + 7200));
  EXPECT_EQ(service_->status().error, "");
  EXPECT_THAT(lines_, ElementsAre("backup: the disk is away", "backup: made again"));
  EXPECT_THAT(recorded_, Contains(HasSubstr("failed: the disk is away")));
  EXPECT_EQ(Backups(), 2u);
}

TEST_F(BackupServiceTest, AFolderThatIsAFileIsTroubleNotDeath) {
  fs::remove_all(sets());
  WriteBytes(sets(), "");
  EXPECT_FALSE(service_->Work(kTwo).ok());
  EXPECT_THAT(service_->status().error, StartsWith(sets().string()));
  Open();
}

TEST_F(BackupServiceTest, ABackupOfTheFutureIsTold) {
  Work(After(kTwo, 400 * kDay));
  const auto done = service_->Work(kTwo);
  ASSERT_FALSE(done.ok());
  EXPECT_THAT(done.error().message, HasSubstr("in the future"));
}

TEST_F(BackupServiceTest, ReadsOneBackEachWeekAndFindsWhatTheDiskHasDone) {
  for (int day = 0; day < 7; day++) Work(After(kTwo, day * kDay));
  EXPECT_FALSE(service_->status().verified.has_value());
  Work(After(kTwo, 7 * kDay));
  EXPECT_EQ(service_->status().verified, After(kTwo, 7 * kDay));
  EXPECT_THAT(recorded_, Contains("audit backup verify 2026-11-22T020000Z-full/2026-11-28T020000Z: "
                                  "done: nothing is wrong"));
  for (int day = 8; day < 14; day++) Work(After(kTwo, day * kDay));
  const fs::path damaged = sets() / "2026-11-29T020000Z-full" / "2026-11-29T020000Z.1.enc";
  std::string bytes = ReadBytes(damaged);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  WriteBytes(damaged, bytes);
  Work(After(kTwo, 14 * kDay));
  EXPECT_EQ(service_->status().verified, After(kTwo, 7 * kDay));
  EXPECT_THAT(service_->status().verify_error, StartsWith(damaged.string() + ": "));
  EXPECT_EQ(service_->status().failures, 1u);
  EXPECT_EQ(service_->status().error, "");
  EXPECT_THAT(lines_, Contains(StartsWith("backup: one is damaged: " + damaged.string())));
  // The new set is good.
  const auto verified = service_->Verify(After(kTwo, 14 * kDay + 60), GoOn);
  ASSERT_TRUE(verified.ok());
  EXPECT_EQ(verified->fault_count, 0u);
  EXPECT_EQ(service_->status().verify_error, "");
}

TEST_F(BackupServiceTest, RemovesOldSetsAndSaysSo) {
  for (int week = 0; week < 28; week++) Work(After(kTwo, week * 7 * kDay));
  // 27 weeks are 189 days; the reckoning is by the newest backup before, of day 182.
  EXPECT_EQ(service_->status().sets, 28u);
  Work(After(kTwo, 28 * 7 * kDay));
  EXPECT_EQ(service_->status().sets, 28u);
  EXPECT_THAT(recorded_, Contains("audit backup remove 2026-11-22T020000Z-full: done: older than "
                                  "183 days"));
}

// A clock that is set ahead by years does not take the old backups with it.
TEST_F(BackupServiceTest, AClockThatJumpsAheadRemovesNothing) {
  for (int week = 0; week < 5; week++) Work(After(kTwo, week * 7 * kDay));
  Work(After(kTwo, 3000 * kDay));
  EXPECT_EQ(service_->status().sets, 6u);
}

TEST_F(BackupServiceTest, OneAtATimeAndStoppingEndsIt) {
  bool asked = false;
  const auto outcome = service_->Backup(true, kTwo, [&](const Progress&) {
    if (!asked) {
      asked = true;
      const auto second = service_->Backup(true, kTwo, GoOn);
      EXPECT_FALSE(second.ok());
      EXPECT_THAT(second.error().message, HasSubstr("is being made or read already"));
      EXPECT_FALSE(service_->Verify(kTwo, GoOn).ok());
      EXPECT_TRUE(service_->Work(kTwo).ok());  // it is being made
      service_->Stop();
    }
    return true;
  });
  EXPECT_TRUE(asked);
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().message, kCancelled);
  EXPECT_EQ(Backups(), 0u);
  EXPECT_EQ(service_->status().failures, 0u);
  EXPECT_THAT(ReadTree(sets()), ElementsAre(std::pair("lock", "")));
}

TEST_F(BackupServiceTest, RunsByItself) {
  service_->Start();
  first_recorded_.get_future().wait();
  service_->Stop();
  EXPECT_EQ(Backups(), 1u);
  EXPECT_EQ(service_->status().failures, 0u);
  EXPECT_THAT(recorded_, ElementsAre(HasSubstr("done: full, 2 of 2 files are new")));
}

}  // namespace
}  // namespace weir::control::backup

#include "control/backup/image.h"

#include <sys/stat.h>

#include "backup_fixture.h"
#include "control/database/database.h"

namespace weir::control::backup {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

class ImageTest : public BackupTest {
 protected:
  ImageTest() {
    sources_.data_dir = dir_ / "data";
    sources_.store = "sessions";
    sources_.checkpoint = [](const fs::path& into) -> base::Status {
      WriteBytes(into / "CURRENT", "as of now");
      return {};
    };
    sources_.growing = {"seals"};
    sources_.left_out = {sources_.data_dir / "token", sources_.data_dir / "journal",
                         sources_.data_dir / "backup.key"};
    WriteBytes(data() / "sessions/CURRENT", "as it changes");
    WriteBytes(data() / "seals/seals.log", "seal 1");
  }
  fs::path data() const { return sources_.data_dir; }
  fs::path taken() const { return ImageFolder(data()); }
  void Take() const {
    const auto status = TakeImage(sources_);
    ASSERT_TRUE(status.ok()) << status.error().message;
  }
  static ino_t InodeOf(const fs::path& file) {
    struct stat stat {};
    EXPECT_EQ(::stat(file.c_str(), &stat), 0) << file;
    return stat.st_ino;
  }

  ImageSources sources_;
};

TEST_F(ImageTest, HoldsEverythingButWhatIsLeftOut) {
  WriteBytes(data() / "blocks.rules", "drop any");
  WriteBytes(data() / "lists/malware", "bad.example");
  WriteBytes(data() / "clocks/own.toml", "x");
  WriteBytes(data() / "evidence/I-1/capture.pcap", "later");
  WriteBytes(data() / "token", "secret");
  WriteBytes(data() / "backup.key", "secret");
  WriteBytes(data() / "journal/0001", "frames");
  WriteBytes(data() / "lists/malware.tmp", "half");
  WriteBytes(data() / "control.db-wal", "");
  WriteBytes(data() / "backup.image/left", "by one that was cut short");
  Take();
  EXPECT_THAT(
      ReadTree(taken()),
      ElementsAre(Pair("blocks.rules", "drop any"), Pair("clocks/own.toml", "x"),
                  Pair("evidence/I-1/capture.pcap", "later"), Pair("lists/malware", "bad.example"),
                  Pair("seals/seals.log", "seal 1"), Pair("sessions/CURRENT", "as of now")));
  struct stat stat {};
  ASSERT_EQ(::stat(taken().c_str(), &stat), 0);
  EXPECT_EQ(stat.st_mode & 0777, 0700u);
  ASSERT_TRUE(RemoveImage(data()).ok());
  EXPECT_FALSE(fs::exists(taken()));
}

// What is replaced as a whole costs nothing; what grows in place does not grow in the image.
TEST_F(ImageTest, LinksFilesAndCopiesThoseThatGrow) {
  WriteBytes(data() / "lists/malware", "bad.example");
  Take();
  EXPECT_EQ(InodeOf(taken() / "lists/malware"), InodeOf(data() / "lists/malware"));
  EXPECT_NE(InodeOf(taken() / "seals/seals.log"), InodeOf(data() / "seals/seals.log"));
  std::ofstream(data() / "seals/seals.log", std::ios::app) << "seal 2";
  EXPECT_EQ(ReadBytes(taken() / "seals/seals.log"), "seal 1");
}

TEST_F(ImageTest, FollowsAFolderThatLiesElsewhere) {
  WriteBytes(dir_ / "elsewhere/malware", "bad.example");
  fs::create_directory_symlink(dir_ / "elsewhere", data() / "lists");
  WriteBytes(dir_ / "frames/0001", "frames");
  fs::create_directory_symlink(dir_ / "frames", data() / "journal");
  sources_.left_out.push_back(dir_ / "nowhere");
  Take();
  EXPECT_EQ(ReadBytes(taken() / "lists/malware"), "bad.example");
  EXPECT_FALSE(fs::exists(taken() / "journal"));
}

// One that is written while it is copied: committed rows are there, others are not.
TEST_F(ImageTest, HoldsDatabasesAsOfACommit) {
  auto opened = database::Database::Open(data() / "control.db");
  ASSERT_TRUE(opened.ok());
  database::Database& live = **opened;
  const auto write = [&live](int count) {
    for (int i = 0; i < count; i++) live.Exec("INSERT INTO t(x) VALUES(?)", std::string(500, 'x'));
  };
  {
    database::Transaction transaction(live, database::Transaction::Kind::kWrite);
    live.Exec("CREATE TABLE t(id INTEGER PRIMARY KEY, x TEXT)");
    write(300);
    ASSERT_TRUE(transaction.Commit().ok());
  }
  // In the log beside the file still, not in the file itself.
  ASSERT_GT(fs::file_size(data() / "control.db-wal"), 100'000u);
  {
    database::Transaction open(live, database::Transaction::Kind::kWrite);
    write(50);
    Take();
    ASSERT_TRUE(open.Commit().ok());
  }
  EXPECT_FALSE(fs::exists(taken() / "control.db-wal"));
  const auto rows = [](const fs::path& file) {
    auto copy = database::Database::Open(file);
    EXPECT_TRUE(copy.ok());
    database::Transaction read(**copy, database::Transaction::Kind::kRead);
    auto count = (*copy)->Query("SELECT count(*) FROM t");
    EXPECT_TRUE(count.Next());
    return count.Int(0);
  };
  EXPECT_EQ(rows(taken() / "control.db"), 300);
  EXPECT_EQ(rows(data() / "control.db"), 350);
}

TEST_F(ImageTest, FailsWithTheReasonWhenAPartCannotBeTaken) {
  WriteBytes(data() / "control.db", "this is no database, and long enough to be looked at as one");
  const auto no_database = TakeImage(sources_);
  ASSERT_FALSE(no_database.ok());
  EXPECT_THAT(no_database.error().message,
              HasSubstr("control.db: cannot be copied: file is not a"));
  sources_.checkpoint = [](const fs::path&) -> base::Status { return base::Error{"no store"}; };
  const auto no_store = TakeImage(sources_);
  ASSERT_FALSE(no_store.ok());
  EXPECT_EQ(no_store.error().message, "no store");
}

}  // namespace
}  // namespace weir::control::backup

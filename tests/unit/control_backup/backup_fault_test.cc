// A full disk and a killed process: what was there before stays good, and the next backup is fine.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "backup_fixture.h"

namespace weir::control::backup {
namespace {

class BackupFaultTest : public BackupTest {
 protected:
  BackupFaultTest() {
    Put("a", Noise(900'000, 1));
    Put("b", Noise(100'000, 2));
  }
  // Runs `work` in a child; its exit status, or 128 + the signal that ended it.
  template <typename Work>
  static int InChild(const Work& work) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(work());
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }
};

// The limit of a file's size stands for a disk that is full: writes fail at that byte.
TEST_F(BackupFaultTest, ADiskThatIsFullEndsItAndHarmsNothing) {
  Make(kTwo);
  const FoundBackup first = Find();
  const Tree before = ReadTree(sets());
  Put("c", Noise(900'000, 3));
  const int code = InChild([this] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{500'000, 500'000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    for (const bool full : {false, true}) {
      const auto outcome = TryMake(After(kTwo, kDay), full);
      const bool told =
          !outcome.ok() && outcome.error().message.find(
                               ".enc.tmp: cannot be written: File too large") != std::string::npos;
      if (!told) return 1;
    }
    return 0;
  });
  EXPECT_EQ(code, 0);
  EXPECT_EQ(ReadTree(sets()), before);
  EXPECT_EQ(VerifyBackup(*key_, first, GoOn).value().fault_count, 0u);
  Make(After(kTwo, kDay));
  EXPECT_EQ(RestoreTree(Find()), ReadTree(image()));
}

// At every step that progress is told of, of an incremental and of a full one.
TEST_F(BackupFaultTest, KilledAnywhereTheNextOneIsFine) {
  Make(kTwo);
  Put("c", Noise(600'000, 3));
  const FoundBackup first = Find();
  int steps = 0;
  for (const bool full : {false, true}) {
    for (int step = 1;; step++) {
      const base::WallTime now = After(kTwo, kDay + ++steps);
      const int code = InChild([&] {
        int left = step;
        const auto outcome = TryMake(now, full, [&](const Progress&) {
          if (--left == 0) ::raise(SIGKILL);
          return true;
        });
        return outcome.ok() ? 7 : 1;
      });
      if (code == 7) break;  // it has fewer steps
      ASSERT_EQ(code, 128 + SIGKILL);
      EXPECT_EQ(Find().name, first.name) << "what was cut short is no backup";
      ASSERT_TRUE(Clean(*key_, sets()).ok());
      EXPECT_EQ(ReadTree(sets()).size(), 3u) << "step " << step;  // two files and the manifest
    }
    if (full) break;
    // Back to one backup for the second round.
    fs::remove(ManifestFile(sets() / first.set_dir.filename(), Find().name));
    ASSERT_TRUE(Clean(*key_, sets()).ok());
  }
  std::printf("killed at %d steps\n", steps - 2);
  EXPECT_GT(steps, 12);
  const BackupOutcome next = Make(After(kTwo, 2 * kDay));
  EXPECT_EQ(next.files, 3u);
  EXPECT_EQ(RestoreTree(Find()), ReadTree(image()));
  EXPECT_EQ(VerifyBackup(*key_, first, GoOn).value().fault_count, 0u);
}

TEST_F(BackupFaultTest, ARestoreThatIsKilledGoesOn) {
  Make(kTwo);
  const fs::path into = dir_ / "restored";
  const int code = InChild([&] {
    const auto outcome = Restore(*key_, Find(), into, [](const Progress& progress) {
      if (progress.done > 950'000) ::raise(SIGKILL);
      return true;
    });
    return outcome.ok() ? 0 : 1;
  });
  ASSERT_EQ(code, 128 + SIGKILL);
  EXPECT_TRUE(fs::exists(into / kUnfinishedFile));
  const auto outcome = Restore(*key_, Find(), into, GoOn);
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  EXPECT_EQ(outcome->kept, 1u);
  EXPECT_EQ(ReadTree(into), ReadTree(image()));
}

}  // namespace
}  // namespace weir::control::backup

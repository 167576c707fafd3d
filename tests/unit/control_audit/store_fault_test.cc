// A disk that takes no more, in a child process whose files may not grow.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include "store_fixture.h"

namespace weir::control::audit {
namespace {

using StoreFault = StoreDirectory;

bool LimitFiles(rlim_t bytes) {
  const rlimit limit{bytes, RLIM_INFINITY};
  return setrlimit(RLIMIT_FSIZE, &limit) == 0;
}

// Runs in the child: 0, or the number of the step that went wrong.
int WriteUntilFullThenRecover(const RocksStore::Options& options, rlim_t bytes_max) {
  signal(SIGXFSZ, SIG_IGN);
  auto opened = RocksStore::Open(options);
  if (!opened.ok()) return 1;
  auto& store = **opened;
  Batch batch;
  uint64_t id = 0;
  const auto fill = [&] {
    batch.Clear();
    for (int i = 0; i < 500; i++) batch.sessions.push_back({MakeSession(++id), {}});
    events::FindingEvent finding;
    finding.session_id = id;
    batch.findings.push_back({finding, {}});
    batch.position = std::to_string(id);
  };
  fill();
  if (!store.Commit(batch).ok()) return 2;
  if (!LimitFiles(bytes_max)) return 3;
  base::Status status;
  for (int i = 0; i < 100 && status.ok(); i++) {
    fill();
    status = store.Commit(batch);
  }
  if (status.ok()) return 4;
  static_cast<void>(store.Recover());
  if (!LimitFiles(RLIM_INFINITY)) return 5;
  status = store.Recover();
  if (!status.ok()) {
    std::fprintf(stderr, "%s\n", status.error().message.c_str());
    return 6;
  }
  // The batch that failed is offered again, as the ingest does when the position is not its own.
  if (*store.Position() != batch.position && !store.Commit(batch).ok()) return 7;
  const auto check = store.CheckIndexes();
  if (!check.ok() || check->records != id || check->missing_entries != 0) return 8;
  uint64_t findings = 0;
  const auto count = [&](const SequencedFinding& finding) {
    return finding.event.session_id == 500 * ++findings;
  };
  if (!store.Findings(0, count).ok() || findings * 500 != id) return 9;
  return store.Stats()->open_sessions == id ? 0 : 10;
}

// The exit code of `run` in a child, or -1 when that did not end by itself.
template <typename Run>
int InChild(const Run& run) {
  const pid_t child = fork();
  if (child == 0) _exit(run());
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

TEST_F(StoreFault, LosesNothingWhenTheDiskTakesNoMore) {
  EXPECT_EQ(InChild([&] { return WriteUntilFullThenRecover(OptionsOf(), 256 << 10); }), 0);
}

// RocksDB's own log, which has less in it than the rest, cannot be written then either.
TEST_F(StoreFault, LosesNothingWhenTheDiskTakesNotAByte) {
  EXPECT_EQ(InChild([&] { return WriteUntilFullThenRecover(OptionsOf(), 0); }), 0);
}

TEST_F(StoreFault, SaysWhyItCannotOpen) {
  auto options = OptionsOf();
  std::FILE* file = std::fopen(options.dir.c_str(), "w");
  ASSERT_NE(file, nullptr);
  std::fclose(file);
  const auto opened = RocksStore::Open(options);
  ASSERT_FALSE(opened.ok());
  EXPECT_THAT(opened.error().message, ::testing::HasSubstr(options.dir.string()));
}

TEST_F(StoreFault, RefusesSecondOwner) {
  const auto first = Open();
  EXPECT_FALSE(RocksStore::Open(OptionsOf()).ok());
}

}  // namespace
}  // namespace weir::control::audit

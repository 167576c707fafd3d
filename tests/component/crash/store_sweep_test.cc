// The embedded store with a fault, or a kill, at each of the calls by which it changes the disk:
// the first, then the second, and so on to the last. Afterwards it is whole, and goes on.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <new>

#include "control/audit/rocks_store.h"
#include "faults.h"

namespace weir::crash {
namespace {

using control::audit::Batch;
using control::audit::RocksStore;

constexpr int64_t kDayNs = 86'400 * base::kNsPerSecond;
constexpr int64_t kFirstDayNs = 1'793'491'200 * base::kNsPerSecond;  // 2026-11-01T00:00:00Z
constexpr uint64_t kSessionsABatch = 20;
constexpr uint64_t kBatches = 3;
constexpr int kTriesMax = 20;  // more than a fault lasts
constexpr uint64_t kCallsMax = 2000;

enum Step { kGood, kOpen, kCommit, kReopen, kPosition, kIndex, kRecords, kFindings, kOpenSessions };

RocksStore::Options OptionsOf(const std::filesystem::path& folder) {
  RocksStore::Options options;
  options.dir = folder / "store";
  options.sensor = "lab";
  options.memtable_bytes = 1 << 20;
  options.index_tail_entries_max = 10;  // moved with each batch
  options.cache_bytes = 1 << 20;
  return options;
}

// Number `number` of kBatches: sessions of a day of its own, and a finding.
void Fill(Batch& batch, uint64_t number) {
  batch.Clear();
  for (uint64_t i = 0; i < kSessionsABatch; ++i) {
    events::SessionEvent event;
    event.session_id = number * kSessionsABatch + i;
    event.start = {kFirstDayNs + static_cast<int64_t>(number) * kDayNs};
    event.session_start = event.start;
    event.end = event.start;
    event.src_ip = base::IpAddress::Parse("10.0.0.1").value();
    event.dst_ip = base::IpAddress::Parse("203.0.113.9").value();
    event.ip_protocol = 6;
    event.direction = events::Direction::kOutbound;
    batch.sessions.push_back({event, {}});
  }
  events::FindingEvent finding;
  finding.session_id = number;
  batch.findings.push_back({finding, {}});
  batch.position = std::to_string(number);
}

// As the ingest does it: what is not behind the store's position is offered, again and again.
Step CommitAll(RocksStore& store) {
  Batch batch;
  for (int tries = 0; tries < kTriesMax; ++tries) {
    const auto position = store.Position();
    uint64_t next = position.ok() && !position->empty() ? std::stoull(*position) + 1 : 1;
    base::Status status = position.ok() ? base::Status() : base::Status(position.error());
    for (; next <= kBatches && status.ok(); ++next) {
      Fill(batch, next);
      status = store.Commit(batch);
    }
    if (status.ok()) return kGood;
    if (tries == kTriesMax - 1) std::fprintf(stderr, "%s\n", status.error().message.c_str());
    static_cast<void>(store.Recover());
  }
  return kCommit;
}

// Everything is there once.
Step Check(const std::filesystem::path& folder) {
  const auto opened = RocksStore::Open(OptionsOf(folder));
  if (!opened.ok()) {
    std::fprintf(stderr, "%s\n", opened.error().message.c_str());
    return kReopen;
  }
  RocksStore& store = **opened;
  if (*store.Position() != std::to_string(kBatches)) return kPosition;
  constexpr uint64_t kRecordsInAll = kBatches * kSessionsABatch;
  const auto check = store.CheckIndexes();
  const bool whole = check.ok() && check->records == kRecordsInAll && check->missing_entries == 0 &&
                     check->doubled_records == 0;
  if (!whole) return kIndex;
  const auto stats = store.Stats();
  if (!stats.ok() || stats->classes[0].records != kRecordsInAll) return kRecords;
  if (stats->open_sessions != kRecordsInAll) return kOpenSessions;
  uint64_t findings = 0;
  const auto in_order = [&](const control::audit::SequencedFinding& finding) {
    return finding.event.session_id == ++findings;
  };
  const bool read = store.Findings(0, in_order).ok() && findings == kBatches;
  return read ? kGood : kFindings;
}

class StoreSweep : public ::testing::Test {
 protected:
  StoreSweep() {
    void* const memory = ::mmap(nullptr, sizeof(FaultState), PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    state_ = new (memory) FaultState;
  }
  ~StoreSweep() override { ::munmap(state_, sizeof(FaultState)); }

  // The exit code of `run` in a child, or -1 when it was killed.
  template <typename Run>
  static int InChild(const Run& run) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(run());
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    const bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    EXPECT_TRUE(WIFEXITED(status) || killed) << "status " << status;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  // Opens and fills a store while `fault` strikes, then looks at it with a disk that is well.
  void Try(OneFault fault) {
    // In memory where that goes: a sync that works has no part in this.
    const std::filesystem::path memory = "/dev/shm";
    const bool in_memory = ::access(memory.c_str(), W_OK) == 0;
    std::string pattern =
        (in_memory ? memory : std::filesystem::temp_directory_path()) / "weir-sweep-XXXXXX";
    const std::filesystem::path folder = mkdtemp(pattern.data());
    state_->calls = 0;
    const int filled = InChild([&] {
      ArmOneFault(folder, *state_, fault);
      state_->on = true;
      auto opened = RocksStore::Open(OptionsOf(folder));
      for (int tries = 0; tries < kTriesMax && !opened.ok(); ++tries) {
        opened = RocksStore::Open(OptionsOf(folder));
      }
      return opened.ok() ? CommitAll(**opened) : kOpen;
    });
    state_->on = false;
    EXPECT_EQ(filled, fault.error == 0 && state_->calls >= fault.first ? -1 : kGood);
    const int checked = InChild([&] {
      if (filled == kGood) return Check(folder);
      const auto opened = RocksStore::Open(OptionsOf(folder));
      if (!opened.ok()) std::fprintf(stderr, "%s\n", opened.error().message.c_str());
      if (!opened.ok()) return kReopen;
      return CommitAll(**opened);
    });
    EXPECT_EQ(checked, kGood);
    const int checked_again = filled == kGood ? kGood : InChild([&] { return Check(folder); });
    EXPECT_EQ(checked_again, kGood);
    std::filesystem::remove_all(folder);
  }

  void Sweep(OneFault fault) {
    for (fault.first = 1; fault.first < kCallsMax; ++fault.first) {
      Try(fault);
      if (state_->calls < fault.first) break;
      ASSERT_FALSE(HasFailure()) << "call " << fault.first;
    }
    std::printf("%lu calls\n", fault.first - 1);
    EXPECT_GT(fault.first, 50U);
    EXPECT_LT(fault.first, kCallsMax);
  }

  FaultState* state_;
};

TEST_F(StoreSweep, GoesOnAfterAnErrorOfAnyCall) { Sweep({.error = EIO}); }
TEST_F(StoreSweep, GoesOnAfterAFullDiskAtAnyCall) { Sweep({.calls = 8, .error = ENOSPC}); }
TEST_F(StoreSweep, GoesOnAfterAKillAtAnyCall) { Sweep({.error = 0}); }

}  // namespace
}  // namespace weir::crash

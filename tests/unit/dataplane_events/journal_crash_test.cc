// A writer killed at any moment: what it had confirmed is there, once, in order, whole.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>

#include "tests/unit/dataplane_events/journal_test_support.h"

namespace weir::events {
namespace {

constexpr int kCycles = 100;

// The child: appends frames that carry their own number, and tells each flush that succeeded.
[[noreturn]] void WriteUntilKilled(const std::filesystem::path& dir, unsigned seed, int confirmed) {
  std::minstd_rand random(seed);
  JournalWriter::Options options;
  options.dir = dir;
  options.max_bytes = 1 << 30;  // never full, however late the kill comes
  options.segment_bytes = 20'000;
  options.sync_ms = 0;
  options.boot_id = seed;
  auto opened = JournalWriter::Open(options);
  if (!opened) _exit(1);
  JournalWriter& writer = **opened;
  uint64_t next = writer.last_seq() + 1;
  while (true) {
    for (size_t left = 1 + random() % 200; left > 0; --left) {
      writer.Append(EventType::kSession, LossClass::kSession, NumberedPayload(next++));
    }
    if (!writer.Flush(base::WallNow(), base::MonoNow())) _exit(2);
    writer.DeleteAcknowledged();
    const uint64_t last = writer.last_seq();
    if (last != next - 1) _exit(3);
    if (::write(confirmed, &last, sizeof last) != sizeof last) _exit(4);
  }
}

// Starts a writer, lets it confirm `flushes` times, kills it in whatever it does next, and returns
// the newest number that it confirmed.
uint64_t RunAndKillWriter(const std::filesystem::path& dir, unsigned seed, size_t flushes) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    WriteUntilKilled(dir, seed, ends[1]);
  }
  ::close(ends[1]);
  uint64_t confirmed = 0;
  for (size_t i = 0; i < flushes; ++i) {
    EXPECT_EQ(::read(ends[0], &confirmed, sizeof confirmed), ssize_t{sizeof confirmed});
  }
  ::kill(child, SIGKILL);
  uint64_t later = 0;
  while (::read(ends[0], &later, sizeof later) == sizeof later) confirmed = later;
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << "exit code " << WEXITSTATUS(status);
  return confirmed;
}

// A consumer with a store that keeps frames and position together, and that may die between
// commits.
struct Consumer {
  Position position;
  uint64_t stored = 0;  // all numbers up to it, each once

  // Reads on, committing now and then; false when it "died" before the end.
  bool Run(const std::filesystem::path& dir, std::minstd_rand& random) {
    const auto reader = JournalReader::Open(dir, position).value();
    uint64_t seen = stored;
    Frame frame;
    while (true) {
      const ReadOutcome outcome = reader->Next(frame);
      EXPECT_NE(outcome, ReadOutcome::kFailed) << reader->error();
      EXPECT_NE(outcome, ReadOutcome::kDamaged);
      const bool end = outcome != ReadOutcome::kFrame;
      if (!end) {
        EXPECT_EQ(frame.seq, seen + 1);
        EXPECT_EQ(NumberOf(frame.payload), frame.seq);
        seen = frame.seq;
      }
      if (!end && random() % 500 == 0) return false;  // what was not committed comes again
      if (end || random() % 50 == 0) {
        stored = seen;
        position = reader->position();
        EXPECT_TRUE(reader->Acknowledge(stored).ok());
      }
      if (end) {
        EXPECT_EQ(reader->counters().missing_frames, 0U);
        EXPECT_EQ(reader->counters().numbers_reused, 0U);
        EXPECT_EQ(reader->counters().damaged_places, 0U);
        return true;
      }
    }
  }
};

TEST(JournalCrash, KeepsWhatWasConfirmedOverAHundredKills) {
  const unsigned seed = std::random_device()();
  std::printf("seed %u\n", seed);
  std::minstd_rand random(seed);
  TempDir dir;
  Consumer consumer;
  for (int cycle = 0; cycle < kCycles; ++cycle) {
    const auto child_seed = static_cast<unsigned>(random());
    const uint64_t confirmed = RunAndKillWriter(dir.path(), child_seed, random() % 12);
    // Sometimes the consumer sleeps over several writers, else it reads to the end, dying on the
    // way.
    if (cycle % 3 == 1) continue;
    while (!consumer.Run(dir.path(), random)) {
      ASSERT_FALSE(HasFailure()) << "cycle " << cycle;
    }
    ASSERT_GE(consumer.stored, confirmed) << "cycle " << cycle;
    ASSERT_FALSE(HasFailure()) << "cycle " << cycle;
  }
  std::printf("%lu frames\n", consumer.stored);
  EXPECT_GT(consumer.stored, 1000U);
}

}  // namespace
}  // namespace weir::events

// kill -9 of the ingest at random moments, again and again, while the journal is carried over.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <random>

#include "journal_fixture.h"

namespace weir::control::ingest {
namespace {

constexpr int kCycles = 50;
constexpr uint64_t kSessions = 20'000;
constexpr uint64_t kFindingEvery = 10;
constexpr int kTimeoutMs = 120'000;

using Revisions = std::map<uint64_t, uint32_t>;

class CrashTest : public IngestDirectory {
 protected:
  // Sessions of two starts of the data plane, each with several snapshots between those of others.
  Revisions MakeJournal(std::mt19937_64& random) {
    Revisions newest;
    uint64_t next_finding = 1;
    for (const uint64_t boot : {uint64_t{1}, uint64_t{2}}) {
      JournalMaker maker(journal(), boot);
      maker.Health(events::HealthKind::kStarted);
      const uint64_t first = (boot - 1) * kSessions / 2 + 1;
      for (uint64_t i = 0; i < kSessions * 2; i++) {
        const uint64_t id = first + random() % (kSessions / 2);
        const auto known = newest.find(id);
        const uint32_t revision = known == newest.end() ? 0 : known->second + 1;
        auto event = MakeSession(id, revision);
        if (revision > 0 && random() % 3 == 0) event.name = "www.example.com";
        maker.Session(event);
        newest[id] = revision;
        if (i % kFindingEvery == 0) maker.Finding(next_finding++);
        if (i % 500 == 0) maker.Flush();
      }
    }
    findings_made_ = next_finding - 1;
    return newest;
  }

  // The child: says by the pipe when it has begun, and ingests until it is killed.
  [[noreturn]] void IngestForEver(int begun) {
    const auto store = OpenStore();
    SqliteConsumer consumer(findings());
    const accounts::Directory directory;
    Ingest ingest(OptionsOf(), *store, directory);
    ingest.AddConsumer(consumer);
    if (!ingest.Start().ok() || write(begun, "x", 1) != 1) _exit(1);
    while (true) pause();
  }

  // Small batches, so that there are many moments between two of them.
  Ingest::Options OptionsOf() const {
    Ingest::Options options;
    options.journal_dir = journal();
    options.batch_frames_max = 50;
    options.batch_ms = 5;
    return options;
  }

  // Most die some batches into their work, every fifth at its beginning, while it opens the store.
  void KillAtRandomMoments(std::mt19937_64& random, int cycles) {
    for (int cycle = 0; cycle < cycles; cycle++) {
      int begun[2];
      ASSERT_EQ(pipe(begun), 0);
      const pid_t child = fork();
      ASSERT_GE(child, 0);
      if (child == 0) IngestForEver(begun[1]);
      char byte = 0;
      const bool wait = cycle % 5 != 0;
      ASSERT_TRUE(!wait || read(begun[0], &byte, 1) == 1);
      usleep(static_cast<useconds_t>(random() % 40'000));
      ASSERT_EQ(kill(child, SIGKILL), 0);
      int status = 0;
      ASSERT_EQ(waitpid(child, &status, 0), child);
      ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself";
      close(begun[0]);
      close(begun[1]);
    }
  }

  uint64_t findings_made_ = 0;
};

TEST_F(CrashTest, StoresEachSessionOnceAndHandsOnEachFindingOnce) {
  const uint64_t seed = std::random_device()();
  std::printf("seed %lu\n", static_cast<unsigned long>(seed));
  std::mt19937_64 random(seed);
  const Revisions newest = MakeJournal(random);
  KillAtRandomMoments(random, kCycles);
  if (HasFatalFailure()) return;

  const auto store = OpenStore();
  const uint64_t at_last_kill = store->Stats()->classes[0].records;
  std::printf("after the kills: %lu of %zu sessions\n", static_cast<unsigned long>(at_last_kill),
              newest.size());
  EXPECT_GT(at_last_kill, 0u) << "killed too early to show anything";
  SqliteConsumer consumer(findings());
  const accounts::Directory directory;
  auto options = OptionsOf();
  options.batch_frames_max = 8192;
  Ingest ingest(options, *store, directory);
  ingest.AddConsumer(consumer);
  ASSERT_TRUE(ingest.Start().ok());
  ASSERT_TRUE(ingest.WaitUntilCaughtUp(kTimeoutMs));
  EXPECT_EQ(ingest.counters().missing_frames, 0u);
  ingest.Stop();

  Revisions stored;
  const auto result = store->Sessions({}, [&](const audit::SessionRecord& record) {
    EXPECT_TRUE(stored.try_emplace(record.event.session_id, record.event.revision).second);
    const bool first_start = record.event.session_id <= kSessions / 2;
    EXPECT_EQ(record.event.end_reason,
              first_start ? events::EndReason::kLost : events::EndReason::kNone);
    return true;
  });
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(stored, newest);
  const auto stats = store->Stats();
  ASSERT_TRUE(stats.ok());
  EXPECT_EQ(stats->classes[0].records, newest.size());
  EXPECT_EQ(stats->classes[static_cast<size_t>(audit::RecordClass::kHealth)].records, 2u);
  EXPECT_EQ(stats->classes[static_cast<size_t>(audit::RecordClass::kFinding)].records,
            findings_made_);

  const auto check = store->CheckIndexes();
  ASSERT_TRUE(check.ok());
  EXPECT_EQ(check->records, newest.size());
  EXPECT_EQ(check->missing_entries, 0u);
  EXPECT_EQ(check->doubled_records, 0u);

  EXPECT_EQ(consumer.Number("SELECT count(*) FROM taken"), findings_made_);
  EXPECT_EQ(consumer.Number("SELECT count(DISTINCT seq) FROM taken"), findings_made_);
  EXPECT_EQ(consumer.Number("SELECT count(DISTINCT session) FROM taken"), findings_made_);
}

TEST_F(CrashTest, TellsOnceOfEachFrameThatIsDamaged) {
  const uint64_t seed = std::random_device()();
  std::printf("seed %lu\n", static_cast<unsigned long>(seed));
  std::mt19937_64 random(seed);
  MakeJournal(random);
  const auto segments = events::ListSegments(journal());
  ASSERT_TRUE(segments.ok());
  ASSERT_GT(segments->size(), 10u);
  for (const auto& segment : *segments) {
    DamageFirstFrame(journal() / events::SegmentFileName(segment.first_seq));
  }
  KillAtRandomMoments(random, kCycles / 3);
  if (HasFatalFailure()) return;

  const auto store = OpenStore();
  const accounts::Directory directory;
  Ingest ingest(OptionsOf(), *store, directory);
  ASSERT_TRUE(ingest.Start().ok());
  ASSERT_TRUE(ingest.WaitUntilCaughtUp(kTimeoutMs));
  ingest.Stop();
  uint64_t lost = 0;
  for (const uint64_t told : ToldLosses(*store)) lost += told;
  EXPECT_EQ(lost, segments->size());
}

}  // namespace
}  // namespace weir::control::ingest

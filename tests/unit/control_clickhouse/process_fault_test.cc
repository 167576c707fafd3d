// Weir's own death while it ships and moves days: in child processes that are killed.
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>

#include <random>

#include "tiered_fixture.h"

namespace weir::control::clickhouse {
namespace {

using ProcessFault = TieredTest;

constexpr uint64_t kBatch = 400;
constexpr uint64_t kBatches = 120;

// Runs in the child until it is killed: goes on where the store is, ships, and moves days. The
// sessions of a batch begin an hour behind those of the one before.
void WriteUntilKilled(const TieredStore::Options& options) {
  auto opened = TieredStore::Open(options);
  if (!opened.ok()) _exit(1);
  TieredStore& store = **opened;
  const std::string position = store.Position().value();
  for (uint64_t at = position.empty() ? 0 : std::stoull(position); at < kBatches; at++) {
    audit::Batch batch;
    for (uint64_t i = 0; i < kBatch; i++) {
      const auto begun = After(kNoon, static_cast<double>(at) * 3600 + static_cast<double>(i));
      auto event = MakeSession(at * kBatch + i, begun);
      batch.sessions.push_back({event, {}});
      batch.sessions.push_back({Close(event, After(begun, 2)), {}});
    }
    batch.position = std::to_string(at + 1);
    if (!store.Commit(batch).ok()) _exit(2);
    usleep(3000);
    static_cast<void>(store.MoveOldDays(After(kNoon, static_cast<double>(at) * 3600)));
  }
  while (true) {
    static_cast<void>(store.MoveOldDays(After(kNoon, 10 * kDaySeconds)));
    usleep(1000);
  }
}

TEST_F(ProcessFault, KilledAtAnyMomentTheArchiveHasEachRecordOnce) {
  const auto server = OwnServer();
  NEED_SERVER(server);
  ASSERT_TRUE(server->Start()) << server->error();
  auto options = TieredOptions(server->EndpointOf("weir"));
  options.log = nullptr;
  options.ship_every_ms = 2;
  options.ship_entries_max = 333;
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 12; round++) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      WriteUntilKilled(options);
      _exit(3);
    }
    usleep(static_cast<useconds_t>(60'000 + random() % 250'000));
    kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << WEXITSTATUS(status);
  }
  const auto store = OpenTiered(options);
  const uint64_t batches = std::stoull(store->Position().value());
  ASSERT_TRUE(store->WaitUntilShipped(kWaitMs));
  EXPECT_EQ(server->Ask("SELECT count(), uniqExact(session_id), countIf(state = 'closed') FROM "
                        "weir.sessions FINAL FORMAT TabSeparated"),
            fmt::format("{0}\t{0}\t{0}", batches * kBatch));
  EXPECT_EQ(Ids(*store, {}).size(), batches * kBatch);
  ASSERT_TRUE(store->MoveOldDays(After(kNoon, 50 * kDaySeconds)).ok());
  EXPECT_EQ(ArchiveOf(*store).days, store->Stats()->days);
  EXPECT_EQ(ArchiveOf(*store).days_differing, 0u);
  EXPECT_EQ(Ids(*store, {}).size(), batches * kBatch);
  std::printf("%llu of %llu batches, %llu days\n", static_cast<unsigned long long>(batches),
              static_cast<unsigned long long>(kBatches),
              static_cast<unsigned long long>(store->Stats()->days));
}

}  // namespace
}  // namespace weir::control::clickhouse

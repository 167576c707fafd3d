#include "control/ingest/ingest.h"

#include <gmock/gmock.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "journal_fixture.h"
#include "tests/support/forwarding_store.h"

namespace weir::control::ingest {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int kTimeoutMs = 60'000;

class IngestTest : public IngestDirectory {
 protected:
  Ingest::Options OptionsOf() {
    Ingest::Options options;
    options.journal_dir = journal();
    options.batch_ms = 5;
    options.log = [this](std::string_view line) {
      const std::lock_guard lock(log_mutex_);
      log_ += std::string(line) + "\n";
    };
    return options;
  }
  std::string log() {
    const std::lock_guard lock(log_mutex_);
    return log_;
  }

  struct Stored {
    uint32_t revision;
    events::SessionState state;
    events::EndReason end_reason;
    std::string account;
  };
  static std::map<uint64_t, Stored> Sessions(audit::SessionStore& store) {
    std::map<uint64_t, Stored> sessions;
    const auto result = store.Sessions({}, [&](const audit::SessionRecord& record) {
      const auto& event = record.event;
      EXPECT_TRUE(
          sessions
              .try_emplace(event.session_id, Stored{event.revision, event.state, event.end_reason,
                                                    std::string(record.identity.account)})
              .second);
      return true;
    });
    EXPECT_TRUE(result.ok());
    return sessions;
  }

  accounts::Directory directory_;

 private:
  std::mutex log_mutex_;
  std::string log_;
};

TEST_F(IngestTest, StoresSessionsWithTheirAccounts) {
  directory_.InstallRegistry(
      accounts::Registry::Parse("account,ip,mac,group,room,seat\nalice,10.0.0.1,,staff,,\n"
                                "bob,203.0.113.9,,,,\n",
                                "a.csv")
          .value());
  JournalMaker maker(journal(), 1);
  maker.Session(MakeSession(1));
  auto unknown = MakeSession(2);
  unknown.direction = events::Direction::kUnknown;
  maker.Session(unknown);
  auto inbound = MakeSession(3);
  inbound.direction = events::Direction::kInbound;
  std::swap(inbound.src_ip, inbound.dst_ip);
  inbound.dst_ip = base::IpAddress::Parse("10.0.0.1").value();
  maker.Session(inbound);
  maker.Session(MakeSession(4));
  maker.Flush();

  const auto store = OpenStore();
  Ingest ingest(OptionsOf(), *store, directory_);
  ASSERT_TRUE(ingest.Start().ok());
  ASSERT_TRUE(ingest.WaitUntilCaughtUp(kTimeoutMs));
  auto sessions = Sessions(*store);
  ASSERT_EQ(sessions.size(), 4u);
  EXPECT_EQ(sessions.at(1).account, "alice");
  EXPECT_EQ(sessions.at(2).account, "bob");  // its source has no account
  EXPECT_EQ(sessions.at(3).account, "alice");
  EXPECT_EQ(sessions.at(4).account, "");
  const Counters counters = ingest.counters();
  EXPECT_EQ(counters.sessions, 4u);
  EXPECT_EQ(counters.accounts_joined, 3u);
  EXPECT_EQ(counters.accounts_unknown, 1u);
  EXPECT_EQ(counters.last_seq, 4u);
  EXPECT_EQ(counters.acknowledged_seq, 4u);
  EXPECT_EQ(counters.lag_seconds, 0);

  maker.writer().DeleteAcknowledged();
  EXPECT_EQ(maker.writer().acknowledged_seq(), 4u);
}

TEST_F(IngestTest, FollowsAGrowingJournalAndGoesOnAfterARestart) {
  const auto store = OpenStore();
  JournalMaker maker(journal(), 1);
  for (uint64_t round = 0; round < 3; round++) {
    Ingest ingest(OptionsOf(), *store, directory_);
    ASSERT_TRUE(ingest.Start().ok());
    for (uint64_t i = 1; i <= 100; i++) {
      maker.Session(MakeSession(round * 100 + i));
      if (i % 10 == 0) maker.Flush();
    }
    ASSERT_TRUE(ingest.WaitUntilCaughtUp(kTimeoutMs));
    EXPECT_EQ(ingest.counters().sessions, 100u);
  }
  EXPECT_EQ(Sessions(*store).size(), 300u);
}

TEST_F(IngestTest, SkipsAndCountsWhatItCannotDecode) {
  JournalMaker maker(journal(), 1);
  maker.Session(MakeSession(1));
  maker.Garbage();
  auto wild = MakeSession(2);
  wild.start = {INT64_MIN};
  maker.Session(wild);
  maker.Session(MakeSession(3));
  maker.Flush();
  const auto store = OpenStore();
  Ingest ingest(OptionsOf(), *store, directory_);
  ASSERT_TRUE(ingest.Start().ok());
  ASSERT_TRUE(ingest.WaitUntilCaughtUp(kTimeoutMs));
  EXPECT_EQ(Sessions(*store).size(), 2u);
  EXPECT_EQ(ingest.counters().undecodable, 2u);
  EXPECT_EQ(ingest.counters().acknowledged_seq, 4u);
  EXPECT_THAT(log(), HasSubstr("frame 2 of the journal is skipped"));
  EXPECT_THAT(ToldLosses(*store), ElementsAre(2));
  EXPECT_EQ(ingest.counters().health, 0u) << "none came from the journal";
}

TEST_F(IngestTest, ClosesAsLostWhatAnEarlierStartLeftOpen) {
  {
    JournalMaker first(journal(), 1);
    first.Session(MakeSession(1, 2));
    auto closed = MakeSession(2, 3);
    Close(closed);
    first.Session(closed);
  }
  {
    JournalMaker second(journal(), 2);
    second.Health(events::HealthKind::kStarted);
    second.Session(MakeSession(3));
  }
  const auto store = OpenStore();
  Ingest ingest(OptionsOf(), *store, directory_);
  ASSERT_TRUE(ingest.Start().ok());
  ASSERT_TRUE(ingest.WaitUntilCaughtUp(kTimeoutMs));
  auto sessions = Sessions(*store);
  ASSERT_EQ(sessions.size(), 3u);
  EXPECT_EQ(sessions.at(1).end_reason, events::EndReason::kLost);
  EXPECT_EQ(sessions.at(1).state, events::SessionState::kClosed);
  EXPECT_EQ(sessions.at(2).end_reason, events::EndReason::kFin);
  EXPECT_EQ(sessions.at(3).state, events::SessionState::kOpen);
}

TEST_F(IngestTest, OffersAgainWhatAConsumerRefused) {
  JournalMaker maker(journal(), 1);
  for (uint64_t i = 1; i <= 1000; i++) maker.Finding(i);
  maker.Flush();
  const auto store = OpenStore();
  SqliteConsumer consumer(findings());
  consumer.refuse = true;
  Ingest ingest(OptionsOf(), *store, directory_);
  ingest.AddConsumer(consumer);
  ASSERT_TRUE(ingest.Start().ok());
  EXPECT_FALSE(ingest.WaitUntilCaughtUp(300));
  EXPECT_EQ(ingest.counters().acknowledged_seq, 1000u);  // the store has them: nothing waits
  EXPECT_GE(ingest.counters().consumer_failures, 1u);
  consumer.refuse = false;
  ASSERT_TRUE(ingest.WaitUntilCaughtUp(kTimeoutMs));
  ingest.Stop();
  EXPECT_EQ(consumer.Number("SELECT count(*) FROM taken"), 1000u);
  EXPECT_EQ(consumer.Number("SELECT count(DISTINCT session) FROM taken"), 1000u);
  EXPECT_THAT(log(), HasSubstr("told to refuse"));
}

class HealthList : public HealthConsumer {
 public:
  base::Result<uint64_t> LastSeq() override { return last_seq_; }
  base::Status Consume(std::span<const SequencedHealth> health) override {
    for (const auto& news : health) {
      kinds.push_back(news.event.kind);
      last_seq_ = news.seq;
    }
    return {};
  }
  std::vector<events::HealthKind> kinds;

 private:
  uint64_t last_seq_ = 0;
};

TEST_F(IngestTest, HandsOnHealthAndCountsReportedLosses) {
  JournalMaker maker(journal(), 1);
  maker.Health(events::HealthKind::kStarted);
  maker.Health(events::HealthKind::kEventsLost, 5, "detail");
  maker.Health(events::HealthKind::kEventsLost, 7, "detail");
  maker.Health(events::HealthKind::kEventsLost, 1, "session");
  maker.Flush();
  const auto store = OpenStore();
  HealthList consumer;
  Ingest ingest(OptionsOf(), *store, directory_);
  ingest.AddConsumer(consumer);
  ASSERT_TRUE(ingest.Start().ok());
  ASSERT_TRUE(ingest.WaitUntilCaughtUp(kTimeoutMs));
  ingest.Stop();
  using events::HealthKind;
  EXPECT_THAT(consumer.kinds, ElementsAre(HealthKind::kStarted, HealthKind::kEventsLost,
                                          HealthKind::kEventsLost, HealthKind::kEventsLost));
  EXPECT_THAT(ingest.counters().events_lost, ElementsAre(1, 0, 0, 12));
}

// A store whose commits fail as long as it is told to.
class StubbornStore : public audit::ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;

  base::Status Commit(const audit::Batch& batch) override {
    if (failures > 0) {
      failures--;
      return base::Error{"no space left on device"};
    }
    return store_.Commit(batch);
  }

  std::atomic<int> failures{0};
};

// Else a journal that is full of what is committed already would stay full for ever.
TEST_F(IngestTest, AcknowledgesInTheEndWhatItCouldNotAtFirst) {
  JournalMaker maker(journal(), 1);
  for (uint64_t id = 1; id <= 10; id++) maker.Session(MakeSession(id));
  maker.Flush();
  const auto store = OpenStore();
  const auto ack = journal() / events::kAckFileName;
  std::filesystem::remove(ack);
  std::filesystem::create_directory(ack);  // nobody can write to it
  {
    Ingest ingest(OptionsOf(), *store, directory_);
    ASSERT_TRUE(ingest.Start().ok());
    ASSERT_TRUE(ingest.WaitUntilCaughtUp(kTimeoutMs));
    EXPECT_EQ(ingest.counters().last_seq, 10u);
    EXPECT_EQ(ingest.counters().acknowledged_seq, 0u);
  }
  {
    Ingest ingest(OptionsOf(), *store, directory_);  // and after a restart
    ASSERT_TRUE(ingest.Start().ok());
    ASSERT_TRUE(ingest.WaitUntilCaughtUp(kTimeoutMs));
    EXPECT_EQ(ingest.counters().acknowledged_seq, 0u);
    std::filesystem::remove(ack);
    ASSERT_TRUE(ingest.WaitUntilCaughtUp(kTimeoutMs));
    EXPECT_EQ(ingest.counters().acknowledged_seq, 10u);
  }
  EXPECT_THAT(log(), HasSubstr("ingest: the journal cannot be acknowledged, and grows: "));
  maker.writer().DeleteAcknowledged();
  EXPECT_EQ(maker.writer().acknowledged_seq(), 10u);
}

// The reader that is opened anew after a pause begins to count anew.
TEST_F(IngestTest, KeepsItsCountsOverAPause) {
  JournalMaker maker(journal(), 1);
  for (uint64_t id = 1; id <= 10; id++) maker.Session(MakeSession(id));
  maker.Flush();
  DamageFirstFrame(journal() / events::SegmentFileName(1));
  const auto store = OpenStore();
  StubbornStore stubborn(*store);
  Ingest ingest(OptionsOf(), stubborn, directory_);
  ASSERT_TRUE(ingest.Start().ok());
  ASSERT_TRUE(ingest.WaitUntilCaughtUp(kTimeoutMs));
  EXPECT_EQ(ingest.counters().missing_frames, 1u);
  EXPECT_EQ(ingest.counters().damaged_places, 1u);
  stubborn.failures = 1;
  maker.Session(MakeSession(11));
  maker.Flush();
  ASSERT_TRUE(ingest.WaitUntilCaughtUp(kTimeoutMs));
  EXPECT_EQ(ingest.counters().sessions, 10u);
  EXPECT_EQ(ingest.counters().store_failures, 1u);
  EXPECT_EQ(ingest.counters().missing_frames, 1u);
  EXPECT_EQ(ingest.counters().damaged_places, 1u);
}

// A store that takes so many batches, and lets the next one wait.
class GatedStore : public audit::ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;

  base::Status Commit(const audit::Batch& batch) override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return batches_ > 0; });
    batches_--;
    return store_.Commit(batch);
  }
  void Allow(int batches) {
    {
      const std::lock_guard lock(mutex_);
      batches_ += batches;
    }
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int batches_ = 0;  // guarded by mutex_
};

// Else whoever seals the record would seal hours whose events are still in the journal.
TEST_F(IngestTest, HasNotCaughtUpBeforeItHasReadTheBacklog) {
  const base::WallTime now = base::WallNow();
  const auto hours_ago = [now](int64_t hours) -> base::WallTime {
    return {now.ns - hours * 3600 * base::kNsPerSecond};
  };
  JournalMaker maker(journal(), 1);
  for (uint64_t id = 1; id <= 2; id++) {
    auto session = MakeSession(id);
    session.start = session.end = hours_ago(id == 1 ? 5 : 2);
    maker.Session(session);
  }
  maker.Flush();
  const auto store = OpenStore();
  GatedStore gated(*store);
  auto options = OptionsOf();
  options.batch_frames_max = 1;
  Ingest ingest(options, gated, directory_);
  EXPECT_FALSE(ingest.counters().CaughtUp(hours_ago(9), now));
  ASSERT_TRUE(ingest.Start().ok());
  EXPECT_FALSE(ingest.WaitUntilCaughtUp(100));
  EXPECT_FALSE(ingest.counters().CaughtUp(hours_ago(9), now));
  gated.Allow(1);
  while (ingest.counters().batches < 1) std::this_thread::yield();
  EXPECT_TRUE(ingest.counters().CaughtUp(hours_ago(6), now));
  EXPECT_FALSE(ingest.counters().CaughtUp(hours_ago(4), now));
  gated.Allow(1);
  ASSERT_TRUE(ingest.WaitUntilCaughtUp(kTimeoutMs));
  EXPECT_TRUE(ingest.counters().CaughtUp(now, now));
}

TEST_F(IngestTest, HasCaughtUpWithAnEmptyJournal) {
  JournalMaker maker(journal(), 1);
  const auto store = OpenStore();
  Ingest ingest(OptionsOf(), *store, directory_);
  ASSERT_TRUE(ingest.Start().ok());
  ASSERT_TRUE(ingest.WaitUntilCaughtUp(kTimeoutMs));
  const base::WallTime now = base::WallNow();
  EXPECT_TRUE(ingest.counters().CaughtUp(now, now));
}

// Damage ahead of the store's position is met again at each attempt to commit what is behind it.
TEST_F(IngestTest, TellsOnceWhatTheJournalCouldNotGive) {
  JournalMaker maker(journal(), 1);
  for (uint64_t id = 1; id <= 10; id++) maker.Session(MakeSession(id));
  maker.Garbage();
  maker.Flush();
  DamageFirstFrame(journal() / events::SegmentFileName(1));
  const auto store = OpenStore();
  StubbornStore stubborn(*store);
  stubborn.failures = 5;
  auto options = OptionsOf();
  options.retry_ms_max = 1;
  {
    Ingest ingest(options, stubborn, directory_);
    ASSERT_TRUE(ingest.Start().ok());
    ASSERT_TRUE(ingest.WaitUntilCaughtUp(kTimeoutMs));
    EXPECT_EQ(ingest.counters().store_failures, 5u);
    EXPECT_EQ(ingest.counters().missing_frames, 1u);
    EXPECT_EQ(ingest.counters().damaged_places, 1u);
    EXPECT_EQ(ingest.counters().undecodable, 1u);
  }
  EXPECT_EQ(Sessions(*store).size(), 9u);
  EXPECT_THAT(ToldLosses(*store), ElementsAre(2));
  EXPECT_THAT(log(), HasSubstr("1 frames missing, 1 not understood, 1 damaged places; the record"));

  maker.Session(MakeSession(11));
  maker.Flush();
  Ingest ingest(options, stubborn, directory_);  // and after a restart
  ASSERT_TRUE(ingest.Start().ok());
  ASSERT_TRUE(ingest.WaitUntilCaughtUp(kTimeoutMs));
  EXPECT_EQ(Sessions(*store).size(), 10u);
  EXPECT_THAT(ToldLosses(*store), ElementsAre(2));
}

TEST_F(IngestTest, PausesWithOneLineWhileTheStoreTakesNothing) {
  JournalMaker maker(journal(), 1);
  for (uint64_t i = 1; i <= 50; i++) maker.Session(MakeSession(i));
  maker.Flush();
  const auto store = OpenStore();
  StubbornStore stubborn(*store);
  stubborn.failures = 3;
  auto options = OptionsOf();
  options.retry_ms_max = 50;
  Ingest ingest(options, stubborn, directory_);
  ASSERT_TRUE(ingest.Start().ok());
  ASSERT_TRUE(ingest.WaitUntilCaughtUp(kTimeoutMs));
  EXPECT_EQ(Sessions(*store).size(), 50u);
  EXPECT_EQ(ingest.counters().store_failures, 3u);
  EXPECT_FALSE(ingest.counters().paused);
  EXPECT_EQ(log(),
            "ingest: paused, the journal keeps the events: no space left on device\n"
            "ingest: goes on where it was\n");
}

}  // namespace
}  // namespace weir::control::ingest

// Carries the journal into the audit store and on to the consumers, each event exactly once.
//
// Reads frames, joins sessions with their accounts, and commits each batch together with the
// journal's position; only then is the journal acknowledged. Findings and health go to their
// consumers from the store, by number, so that a consumer that is away holds up nothing and misses
// nothing. A store that cannot write pauses the ingest; the journal keeps the events meanwhile.
//
// Start() runs one thread of its own; counters() may be called by any thread. Everything passed in
// must outlive the Ingest.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string_view>

#include "control/accounts/directory.h"
#include "control/audit/session_store.h"
#include "control/ingest/consumer.h"
#include "dataplane/base/result.h"
#include "dataplane/base/time.h"
#include "dataplane/events/event.h"

namespace weir::control::ingest {

// For /metrics. Since the program's start, unless said otherwise.
struct Counters {
  uint64_t sessions = 0;  // snapshots committed
  uint64_t findings = 0;
  uint64_t health = 0;
  uint64_t leases = 0;
  uint64_t batches = 0;
  // These four are in the record as well, as `events lost` of audit::kLostInJournal.
  uint64_t undecodable = 0;     // frames skipped: their payload is not what their type says
  uint64_t missing_frames = 0;  // numbers that the journal did not have
  uint64_t damaged_places = 0;  // in the journal
  uint64_t journals_replaced = 0;
  // As the data plane reported them; the index is events::LossClass.
  std::array<uint64_t, events::kLossClasses> events_lost{};
  uint64_t accounts_joined = 0;    // snapshots whose inside address had an account
  uint64_t accounts_unknown = 0;   // … had none
  uint64_t store_failures = 0;     // times it paused, for the store or the journal
  uint64_t consumer_failures = 0;  // offers refused
  uint64_t last_seq = 0;           // of the journal, committed
  uint64_t acknowledged_seq = 0;
  bool paused = false;     // now: the store takes nothing
  double lag_seconds = 0;  // now: age of the oldest event not yet committed; 0 when at the end
  bool lag_known = false;  // a batch was committed, or the journal's end reached: never before it

  // Whether everything that happened before `until` is committed.
  bool CaughtUp(base::WallTime until, base::WallTime now) const {
    const auto lag_ns = static_cast<int64_t>(lag_seconds * 1e9);
    return lag_known && !paused && now.ns - lag_ns >= until.ns;
  }
};

class Ingest {
 public:
  struct Options {
    std::filesystem::path journal_dir;
    size_t batch_frames_max = 8192;
    int batch_ms = 50;  // a batch is committed at the latest after this
    int retry_ms_max = 5000;
    std::function<void(std::string_view)> log;  // one line when trouble begins, one when it ends
  };

  Ingest(Options options, audit::SessionStore& store, const accounts::Directory& directory);
  ~Ingest();
  Ingest(const Ingest&) = delete;
  Ingest& operator=(const Ingest&) = delete;

  // Before Start().
  void AddConsumer(FindingConsumer& consumer);
  void AddConsumer(HealthConsumer& consumer);
  void SetConsumer(LeaseConsumer& consumer);  // one; without it leases are passed over

  base::Status Start();
  // Commits what is read and ends the thread. Idempotent; the destructor calls it.
  void Stop();

  // Waits until all that the journal holds is committed and consumed; false after `timeout_ms`.
  bool WaitUntilCaughtUp(int timeout_ms);

  Counters counters() const;

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace weir::control::ingest

#include "control/ingest/ingest.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "control/ingest/batch_builder.h"
#include "control/ingest/delivery.h"
#include "dataplane/events/journal_reader.h"

namespace weir::control::ingest {
namespace {

constexpr int kRetryMsFirst = 100;

std::string PositionBytes(const events::Position& position) {
  const auto bytes = events::EncodePosition(position);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

base::Result<events::Position> ParsePosition(const std::string& bytes) {
  if (bytes.empty()) return events::Position{};
  return events::DecodePosition(
      std::span(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
}

// What one reader has counted from `before` to `now`, as far as it tells of losses.
events::ReaderCounters LossesSince(const events::ReaderCounters& before,
                                   const events::ReaderCounters& now) {
  events::ReaderCounters losses;
  losses.missing_frames = now.missing_frames - before.missing_frames;
  losses.damaged_places = now.damaged_places - before.damaged_places;
  losses.damaged_segments = now.damaged_segments - before.damaged_segments;
  losses.journals_replaced = now.journals_replaced - before.journals_replaced;
  return losses;
}

}  // namespace

class Ingest::Loop {
 public:
  Loop(Options options, audit::SessionStore& store, const accounts::Directory& directory)
      : options_(std::move(options)),
        store_(store),
        builder_(directory),
        delivery_(store, [this](std::string_view line) { Log(line); }) {}

  Delivery& delivery() { return delivery_; }
  void SetConsumer(LeaseConsumer& consumer) { leases_ = &consumer; }

  void Start() {
    thread_ = std::thread([this] { Run(); });
  }

  void Stop() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  bool WaitUntilCaughtUp(int timeout_ms) {
    std::unique_lock lock(mutex_);
    // The round in progress may have looked before the caller wrote: the next one has not.
    const uint64_t wanted = rounds_at_end_ + 2;
    return changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                             [&] { return rounds_at_end_ >= wanted; });
  }

  Counters counters() const {
    const std::lock_guard lock(mutex_);
    return counters_;
  }

 private:
  enum class Read : uint8_t { kMore, kEnd, kNewStart };

  void Run();
  base::Status Pump();
  base::Result<Read> ReadBatch();
  void TakeFrame(const events::Frame& frame);
  base::Status Commit();
  base::Status BeginStart(uint64_t boot_id);
  void AfterCommit();
  void LogLosses() const;
  void Acknowledge();
  void AtEnd();
  void Pause(const base::Error& error, int& retry_ms);
  void Resumed();

  bool stopping() const {
    const std::lock_guard lock(mutex_);
    return stop_;
  }
  void Log(std::string_view line) const {
    if (options_.log) options_.log(line);
  }

  const Options options_;
  audit::SessionStore& store_;
  BatchBuilder builder_;
  Delivery delivery_;
  LeaseConsumer* leases_ = nullptr;
  std::thread thread_;

  // The loop's own.
  std::unique_ptr<events::JournalReader> reader_;
  events::Position batch_end_;            // behind the last frame in the builder
  events::ReaderCounters batch_read_;     // the reader's, there
  events::ReaderCounters stored_read_;    // of these, what the store has been told
  std::optional<uint64_t> boot_id_;       // of the frames in the builder
  std::optional<events::Frame> waiting_;  // the first frame of a new start, not yet taken
  std::vector<uint8_t> waiting_bytes_;    // its payload
  std::string trouble_;
  uint64_t committed_seq_ = 0;     // the last frame that the store has
  uint64_t acknowledged_seq_ = 0;  // of these, the last one that the journal knows of
  bool ack_failing_ = false;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_ = false;           // guarded by mutex_, as are the two below
  uint64_t rounds_at_end_ = 0;  // times that all was committed and delivered
  Counters counters_;
};

void Ingest::Loop::Run() {
  int retry_ms = kRetryMsFirst;
  while (!stopping()) {
    const auto status = Pump();
    if (status.ok()) continue;  // asked to stop
    Pause(status.error(), retry_ms);
    // Success is seen by the next commit; until then its error is the one that counts.
    if (!stopping()) static_cast<void>(store_.Recover());
  }
}

// Opens the journal where the store is, and carries frames until asked to stop. Everything that
// was read and not committed is forgotten on the way in: the journal still has it.
base::Status Ingest::Loop::Pump() {
  builder_.Clear();
  waiting_.reset();
  const auto bytes = store_.Position();
  if (!bytes.ok()) return bytes.error();
  const auto position = ParsePosition(*bytes);
  if (!position.ok()) return position.error();
  const auto boot = store_.BootId();
  if (!boot.ok()) return boot.error();
  boot_id_ = *boot;
  auto reader = events::JournalReader::Open(options_.journal_dir, *position);
  if (!reader.ok()) return reader.error();
  reader_ = std::move(reader).value();
  batch_end_ = *position;
  batch_read_ = stored_read_ = {};
  committed_seq_ = position->next_seq > 0 ? position->next_seq - 1 : 0;
  acknowledged_seq_ = 0;
  delivery_.Notify();

  while (!stopping()) {
    const auto read = ReadBatch();
    if (!read.ok()) return read.error();
    if (auto committed = Commit(); !committed.ok()) return committed;
    if (*read == Read::kNewStart) {
      if (auto begun = BeginStart(waiting_->boot_id); !begun.ok()) return begun;
    }
    const bool delivered = delivery_.Run(base::MonoNow());
    {
      const std::lock_guard lock(mutex_);
      counters_.consumer_failures = delivery_.failures();
      counters_.lag_known = counters_.lag_known || *read == Read::kEnd;
    }
    Acknowledge();
    if (*read == Read::kEnd && delivered) AtEnd();
    if (*read == Read::kEnd) reader_->Wait(options_.batch_ms);
  }
  return {};
}

// Fills the builder until it is full, its time is up, or the journal is read; or up to the first
// frame of another start of the data plane, which goes into a batch of its own.
base::Result<Ingest::Loop::Read> Ingest::Loop::ReadBatch() {
  if (waiting_) {
    TakeFrame(*waiting_);
    waiting_.reset();
  }
  const int64_t until_ns = base::MonoNow().ns + options_.batch_ms * base::kNsPerMs;
  while (builder_.frames() < options_.batch_frames_max) {
    events::Frame frame;
    switch (reader_->Next(frame)) {
      case events::ReadOutcome::kFrame:
        if (boot_id_ != frame.boot_id) {
          waiting_bytes_.assign(frame.payload.begin(), frame.payload.end());
          waiting_ = frame;
          waiting_->payload = waiting_bytes_;
          return Read::kNewStart;
        }
        TakeFrame(frame);
        break;
      case events::ReadOutcome::kDamaged:
        break;  // counted, and told with the next frame
      case events::ReadOutcome::kFailed:
        return base::Error{reader_->error()};
      case events::ReadOutcome::kEnd: {
        const int64_t left_ms = (until_ns - base::MonoNow().ns) / base::kNsPerMs;
        if (builder_.frames() == 0 || left_ms <= 0 || stopping()) return Read::kEnd;
        reader_->Wait(static_cast<int>(left_ms));
        break;
      }
    }
    if (base::MonoNow().ns >= until_ns) return Read::kMore;
  }
  return Read::kMore;
}

void Ingest::Loop::TakeFrame(const events::Frame& frame) {
  if (!builder_.Add(frame)) {
    Log(fmt::format(
        "ingest: frame {} of the journal is skipped: its payload is no event of type {}", frame.seq,
        static_cast<unsigned>(frame.type)));
  }
  batch_end_ = reader_->position();
  batch_read_ = reader_->counters();
}

base::Status Ingest::Loop::Commit() {
  if (builder_.frames() == 0) return {};
  if (leases_ != nullptr && !builder_.leases().empty()) {
    if (auto taken = leases_->Consume(builder_.leases()); !taken.ok()) return taken;
  }
  builder_.JoinAccounts();
  builder_.TellLosses(LossesSince(stored_read_, batch_read_), boot_id_.value_or(0));
  builder_.batch().position = PositionBytes(batch_end_);
  auto committed = store_.Commit(builder_.batch());
  if (!committed.ok()) return committed;
  AfterCommit();
  return {};
}

void Ingest::Loop::AfterCommit() {
  LogLosses();
  stored_read_ = batch_read_;
  committed_seq_ = builder_.last_seq();
  Acknowledge();
  const audit::Batch& batch = builder_.batch();
  if (!batch.findings.empty() || !batch.health.empty()) delivery_.Notify();
  {
    const std::lock_guard lock(mutex_);
    builder_.AddTo(counters_);
    counters_.batches++;
    counters_.last_seq = builder_.last_seq();
    if (const auto time = builder_.last_time()) {
      const auto age_ns = static_cast<double>(base::WallNow().ns - time->ns);
      counters_.lag_seconds = std::max(0.0, age_ns / 1e9);
      counters_.lag_known = true;
    }
  }
  Resumed();  // with the lag of after the pause
  builder_.Clear();
}

void Ingest::Loop::LogLosses() const {
  const Counters& lost = builder_.counted();
  if (lost.missing_frames + lost.undecodable + lost.damaged_places + lost.journals_replaced == 0) {
    return;
  }
  Log(fmt::format(
      "ingest: the journal could not give all: {} frames missing, {} not understood, {} "
      "damaged places{}; the record says so",
      lost.missing_frames, lost.undecodable, lost.damaged_places,
      lost.journals_replaced > 0 ? ", replaced by another journal" : ""));
}

// Also what an earlier life committed, and again what failed: a journal that is full of what is
// committed already brings no further frame that could do it.
void Ingest::Loop::Acknowledge() {
  if (acknowledged_seq_ == committed_seq_) return;
  const auto acknowledged = reader_->Acknowledge(committed_seq_);
  if (!acknowledged.ok() && !ack_failing_) {
    Log("ingest: the journal cannot be acknowledged, and grows: " + acknowledged.error().message);
  }
  ack_failing_ = !acknowledged.ok();
  if (ack_failing_) return;
  acknowledged_seq_ = committed_seq_;
  const std::lock_guard lock(mutex_);
  counters_.acknowledged_seq = acknowledged_seq_;
}

base::Status Ingest::Loop::BeginStart(uint64_t boot_id) {
  if (auto closed = store_.CloseLost(boot_id); !closed.ok()) return closed;
  boot_id_ = boot_id;
  return {};
}

void Ingest::Loop::AtEnd() {
  Resumed();
  {
    const std::lock_guard lock(mutex_);
    counters_.lag_seconds = 0;
    rounds_at_end_++;
  }
  changed_.notify_all();
}

void Ingest::Loop::Pause(const base::Error& error, int& retry_ms) {
  if (trouble_ != error.message) {
    Log(fmt::format("ingest: paused, the journal keeps the events: {}", error.message));
    trouble_ = error.message;
    retry_ms = kRetryMsFirst;
  }
  std::unique_lock lock(mutex_);
  counters_.store_failures++;
  counters_.paused = true;
  changed_.wait_for(lock, std::chrono::milliseconds(retry_ms), [&] { return stop_; });
  retry_ms = std::min(2 * retry_ms, options_.retry_ms_max);
}

void Ingest::Loop::Resumed() {
  if (trouble_.empty()) return;
  trouble_.clear();
  Log("ingest: goes on where it was");
  const std::lock_guard lock(mutex_);
  counters_.paused = false;
}

Ingest::Ingest(Options options, audit::SessionStore& store, const accounts::Directory& directory)
    : loop_(std::make_unique<Loop>(std::move(options), store, directory)) {}

Ingest::~Ingest() { Stop(); }

void Ingest::AddConsumer(FindingConsumer& consumer) { loop_->delivery().Add(consumer); }
void Ingest::AddConsumer(HealthConsumer& consumer) { loop_->delivery().Add(consumer); }
void Ingest::SetConsumer(LeaseConsumer& consumer) { loop_->SetConsumer(consumer); }

base::Status Ingest::Start() {
  loop_->Start();
  return {};
}

void Ingest::Stop() { loop_->Stop(); }

bool Ingest::WaitUntilCaughtUp(int timeout_ms) { return loop_->WaitUntilCaughtUp(timeout_ms); }

Counters Ingest::counters() const { return loop_->counters(); }

}  // namespace weir::control::ingest

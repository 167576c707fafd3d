#include <fmt/format.h>
#include <unistd.h>

#include <cstring>
#include <random>
#include <string>

#include "control/accounts/directory.h"
#include "control/database/database.h"
#include "control/ingest/ingest.h"
#include "sides.h"
#include "tests/support/forwarding_store.h"

namespace weir::crash {
namespace {

using control::audit::Batch;
using control::audit::RocksStore;

// The store, with each commit in the books.
//
// A commit that came back well has stored its events. One that failed, or was cut short by a kill,
// has stored all of them or none: the store's position tells which, once it is asked again.
class BookedStore : public control::audit::ForwardingStore {
 public:
  BookedStore(RocksStore& store, SharedBooks& books) : ForwardingStore(store), books_(books) {}

  base::Status Commit(const Batch& batch) override {
    Attempt& attempt = Open(batch);
    auto status = store_.Commit(batch);
    if (!status.ok()) {
      books_->commits_failed++;
      return status;
    }
    Mark(attempt);
    for (Attempt& other : books_->attempts) other.open = false;
    books_->control.progress++;
    return status;
  }

  base::Result<std::string> Position() override {
    auto position = store_.Position();
    if (!position.ok()) return position;
    for (Attempt& attempt : books_->attempts) {
      const std::string_view its(attempt.position.data(), attempt.position_bytes);
      if (!attempt.open || its != *position) continue;
      Mark(attempt);
      books_->commits_found_later++;
      for (Attempt& other : books_->attempts) other.open = false;
    }
    return position;
  }

  base::Status Recover() override {
    books_->recoveries++;
    return store_.Recover();
  }

 private:
  // The oldest attempt makes room: what failed so long ago and is not the store's position yet was
  // never written.
  Attempt& Open(const Batch& batch) {
    Attempt* attempt = &books_->attempts[0];
    for (Attempt& other : books_->attempts) {
      if (!other.open || (attempt->open && other.number < attempt->number)) attempt = &other;
    }
    attempt->open = false;
    attempt->number = books_->commits + 1;
    attempt->position_bytes = static_cast<uint32_t>(batch.position.size());
    std::memcpy(attempt->position.data(), batch.position.data(), batch.position.size());
    attempt->count = 0;
    const auto add = [&](uint64_t event) {
      attempt->events[attempt->count++] =
          event < books_->events ? static_cast<uint32_t>(event) : uint32_t{0};
    };
    for (const auto& session : batch.sessions) add(session.event.packets_to_dst);
    for (const auto& finding : batch.findings) add(finding.event.session_id);
    for (const auto& health : batch.health) {
      if (health.kind != events::HealthKind::kEventsLost) add(health.value);
    }
    books_->commits = attempt->number;
    attempt->open = true;
    return *attempt;
  }

  // May be cut short, and is then repeated with the same number.
  void Mark(const Attempt& attempt) {
    for (uint32_t i = 0; i < attempt.count; ++i) {
      Event& event = books_.event(attempt.events[i]);
      if (event.kind == Kind::kNone) {
        books_->strange++;
      } else if (event.commit != 0 && event.commit != attempt.number) {
        books_->doubled++;
      }
      event.commit = attempt.number;
    }
  }

  SharedBooks& books_;
};

// Findings in SQLite, as the incidents have them: the number in the same transaction.
class Consumer : public control::ingest::FindingConsumer {
 public:
  explicit Consumer(std::unique_ptr<control::database::Database> database)
      : database_(std::move(database)) {}

  base::Result<uint64_t> LastSeq() override {
    control::database::Transaction read(*database_, control::database::Transaction::Kind::kRead);
    uint64_t seq = 0;
    {
      auto rows = database_->Query("SELECT seq FROM at");
      if (rows.Next()) seq = static_cast<uint64_t>(rows.Int(0));
    }
    if (auto read_well = read.Commit(); !read_well.ok()) return read_well.error();
    return seq;
  }

  base::Status Consume(std::span<const control::ingest::SequencedFinding> findings) override {
    control::database::Transaction write(*database_, control::database::Transaction::Kind::kWrite);
    for (const auto& finding : findings) {
      database_->Exec("INSERT INTO taken(seq, event) VALUES(?, ?)", finding.seq,
                      finding.event.session_id);
    }
    database_->Exec("UPDATE at SET seq = ?", findings.back().seq);
    return write.Commit();
  }

 private:
  std::unique_ptr<control::database::Database> database_;
};

class Control {
 public:
  explicit Control(const Start& start) : books_(*start.books), random_(start.seed) {
    auto store = RocksStore::Open(StoreOptions(start.folder));
    if (!store.ok()) Complain(side(), kNotOpened, store.error().message);
    store_ = std::move(store).value();
    booked_ = std::make_unique<BookedStore>(*store_, books_);
    OpenConsumer(ConsumerOf(start.folder));
    control::ingest::Ingest::Options options;
    options.journal_dir = JournalOf(start.folder);
    options.batch_frames_max = 300;
    options.batch_ms = 5;
    options.retry_ms_max = 20;
    options.log = [this](std::string_view line) { NoteLine(line); };
    ingest_ = std::make_unique<control::ingest::Ingest>(options, *booked_, directory_);
    ingest_->AddConsumer(*consumer_);
  }

  [[noreturn]] void Run() {
    if (!ingest_->Start().ok()) Complain(side(), kWrong, "the ingest does not start");
    while (side().command != Command::kEnd) {
      ::usleep(2000);
      Publish();
      if (books_->queries++ % 4 == 0) Ask();
      const uint32_t asked = side().asked;
      if (side().answered == asked || !ingest_->WaitUntilCaughtUp(1000)) continue;
      Publish();
      side().answered = asked;
    }
    ingest_->Stop();
    Publish();
    ingest_.reset();
    consumer_.reset();
    booked_.reset();
    store_.reset();
    _exit(0);
  }

 private:
  Side& side() const { return books_->control; }

  void OpenConsumer(const std::filesystem::path& file) {
    static constexpr const char* kSteps[] = {
        "CREATE TABLE taken(seq INTEGER NOT NULL, event INTEGER NOT NULL);"
        "CREATE TABLE at(seq INTEGER NOT NULL);"
        "INSERT INTO at VALUES(0);"};
    auto database = control::database::Database::Open(file);
    if (!database.ok()) Complain(side(), kNotOpened, database.error().message);
    if (auto made = (*database)->Migrate("taken", kSteps); !made.ok()) {
      Complain(side(), kNotOpened, made.error().message);
    }
    consumer_ = std::make_unique<Consumer>(std::move(database).value());
  }

  // The newest line, for a report of what hangs.
  void NoteLine(std::string_view line) {
    auto& complaint = side().complaint;
    const size_t length = std::min(line.size(), complaint.size() - 1);
    std::copy_n(line.begin(), length, complaint.begin());
    complaint[length] = '\0';
  }

  // What a reader has missed must stay nothing, in every life of it.
  void Publish() {
    const auto counters = ingest_->counters();
    books_->missing_frames += counters.missing_frames - missing_frames_;
    books_->damaged_places += counters.damaged_places - damaged_places_;
    books_->undecodable += counters.undecodable - undecodable_;
    missing_frames_ = std::max(missing_frames_, counters.missing_frames);
    damaged_places_ = std::max(damaged_places_, counters.damaged_places);
    undecodable_ = counters.undecodable;
  }

  // A question from beside the writer, also while that opens the store anew. What it answers is
  // looked at in the end; here it must come back.
  void Ask() {
    control::audit::Query query;
    query.session_id = 1 + random_() % (books_->sessions + 1);
    static_cast<void>(store_->Sessions(query, [](const auto&) { return true; }));
  }

  SharedBooks& books_;
  std::mt19937_64 random_;
  const control::accounts::Directory directory_;
  std::unique_ptr<RocksStore> store_;
  std::unique_ptr<BookedStore> booked_;
  std::unique_ptr<Consumer> consumer_;
  std::unique_ptr<control::ingest::Ingest> ingest_;
  uint64_t missing_frames_ = 0;
  uint64_t damaged_places_ = 0;
  uint64_t undecodable_ = 0;
};

}  // namespace

RocksStore::Options StoreOptions(const std::filesystem::path& folder) {
  RocksStore::Options options;
  options.dir = folder / "store";
  options.sensor = "lab";
  options.sync = true;
  options.memtable_bytes = 256 << 10;
  options.index_tail_entries_max = 500;
  options.pack_days = true;
  options.cache_bytes = 4 << 20;
  return options;
}

void RunControl(const Start& start) {
  ArmFaults(start.folder, start.books->operator->()->control.faults, start.seed);
  Control(start).Run();
}

}  // namespace weir::crash

// A journal, a store and a consumer that keeps its number as the incidents do, for ingest's tests.
#pragma once

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "control/accounts/directory.h"
#include "control/audit/rocks_store.h"
#include "control/ingest/ingest.h"
#include "dataplane/events/journal_writer.h"

namespace weir::control::ingest {

// 2026-11-22T09:30:00Z
inline constexpr base::WallTime kNoon{1'795'339'800'000'000'000};

inline events::SessionEvent MakeSession(uint64_t id, uint32_t revision = 0) {
  events::SessionEvent event;
  event.session_id = id;
  event.revision = revision;
  event.session_start.ns = kNoon.ns + static_cast<int64_t>(id) * base::kNsPerMs;
  event.start = event.session_start;
  event.end = {event.start.ns + revision * base::kNsPerSecond};
  event.src_ip = base::IpAddress::Parse("10.0.0.0").value();
  event.src_ip.mutable_bytes()[15] = static_cast<uint8_t>(id % 50);
  event.dst_ip = base::IpAddress::Parse("203.0.113.9").value();
  event.src_port = static_cast<uint16_t>(id);
  event.dst_port = 443;
  event.ip_protocol = 6;
  event.direction = events::Direction::kOutbound;
  return event;
}

inline void Close(events::SessionEvent& event) {
  event.state = events::SessionState::kClosed;
  event.end_reason = events::EndReason::kFin;
}

// Appends encoded events to a journal, flushed when it goes.
class JournalMaker {
 public:
  JournalMaker(const std::filesystem::path& dir, uint64_t boot_id) {
    events::JournalWriter::Options options;
    options.dir = dir;
    options.boot_id = boot_id;
    options.sync_ms = 0;
    options.segment_bytes = 256 << 10;
    options.sensor = "lab";
    auto opened = events::JournalWriter::Open(options);
    EXPECT_TRUE(opened.ok()) << (opened.ok() ? "" : opened.error().message);
    writer_ = std::move(opened).value();
  }
  ~JournalMaker() { Flush(); }

  template <typename Event>
  void Add(const Event& event, events::EventType type, events::LossClass loss_class) {
    std::array<uint8_t, events::kEncodedBytesMax> bytes;
    const size_t used = events::Encode(event, bytes);
    writer_->Append(type, loss_class, std::span(bytes).first(used));
  }
  void Session(const events::SessionEvent& event) {
    Add(event, events::EventType::kSession, events::LossClass::kSession);
  }
  void Finding(uint64_t session_id) {
    events::FindingEvent event;
    event.time = kNoon;
    event.session_id = session_id;
    event.src_ip = base::IpAddress::Parse("10.0.0.1").value();
    event.direction = events::Direction::kOutbound;
    event.rule = "r1";
    event.rule_class = "malware";
    Add(event, events::EventType::kFinding, events::LossClass::kFinding);
  }
  void Health(events::HealthKind kind, uint64_t value = 0, std::string_view detail = "") {
    Add(events::HealthEvent{kNoon, kind, 1, value, detail}, events::EventType::kHealth,
        events::LossClass::kHealth);
  }
  void Garbage() {
    const uint8_t bytes[] = {0xff, 0xff, 0xff};
    writer_->Append(events::EventType::kSession, events::LossClass::kSession, bytes);
  }
  void Flush() { EXPECT_TRUE(writer_->Flush(base::WallNow(), base::MonoNow())); }
  events::JournalWriter& writer() { return *writer_; }

 private:
  std::unique_ptr<events::JournalWriter> writer_;
};

// Findings in SQLite, its number in the same transaction.
class SqliteConsumer : public FindingConsumer {
 public:
  explicit SqliteConsumer(const std::filesystem::path& file) {
    EXPECT_EQ(sqlite3_open(file.c_str(), &db_), SQLITE_OK);
    Run("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"
        "CREATE TABLE IF NOT EXISTS taken(seq INTEGER, session INTEGER);"
        "CREATE TABLE IF NOT EXISTS at(seq INTEGER);");
  }
  ~SqliteConsumer() override { sqlite3_close(db_); }
  SqliteConsumer(const SqliteConsumer&) = delete;
  SqliteConsumer& operator=(const SqliteConsumer&) = delete;

  base::Result<uint64_t> LastSeq() override {
    return Number("SELECT coalesce(max(seq),0) FROM at");
  }

  base::Status Consume(std::span<const SequencedFinding> findings) override {
    if (refuse) return base::Error{"the consumer is told to refuse"};
    std::string sql = "BEGIN;";
    for (const auto& finding : findings) {
      sql += "INSERT INTO taken VALUES(" + std::to_string(finding.seq) + "," +
             std::to_string(finding.event.session_id) + ");";
    }
    sql += "DELETE FROM at; INSERT INTO at VALUES(" + std::to_string(findings.back().seq) +
           "); COMMIT;";
    return Run(sql) ? base::Status() : base::Status(base::Error{sqlite3_errmsg(db_)});
  }

  uint64_t Number(const std::string& query) {
    sqlite3_stmt* statement = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(db_, query.c_str(), -1, &statement, nullptr), SQLITE_OK);
    EXPECT_EQ(sqlite3_step(statement), SQLITE_ROW);
    const auto value = static_cast<uint64_t>(sqlite3_column_int64(statement, 0));
    sqlite3_finalize(statement);
    return value;
  }

  std::atomic<bool> refuse{false};

 private:
  bool Run(const std::string& sql) {
    return sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK;
  }

  sqlite3* db_ = nullptr;
};

class IngestDirectory : public ::testing::Test {
 protected:
  IngestDirectory() {
    std::string pattern = std::filesystem::temp_directory_path() / "weir-ingest-XXXXXX";
    dir_ = mkdtemp(pattern.data());
  }
  ~IngestDirectory() override { std::filesystem::remove_all(dir_); }

  // Makes the first frame of a segment unreadable.
  static void DamageFirstFrame(const std::filesystem::path& segment) {
    std::fstream file(segment, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(events::kSegmentHeaderBytes + events::kFrameHeaderBytes + 5);
    file.put('!').put('!');
    ASSERT_TRUE(file.good());
  }

  // The values of the records that tell what the journal could not give.
  static std::vector<uint64_t> ToldLosses(audit::SessionStore& store) {
    std::vector<uint64_t> told;
    const auto read = store.Health(0, [&](const audit::SequencedHealth& health) {
      if (health.event.detail == audit::kLostInJournal) {
        EXPECT_EQ(health.event.kind, events::HealthKind::kEventsLost);
        told.push_back(health.event.value);
      }
      return true;
    });
    EXPECT_TRUE(read.ok());
    return told;
  }

  std::filesystem::path journal() const { return dir_ / "journal"; }
  std::filesystem::path findings() const { return dir_ / "findings.db"; }

  std::unique_ptr<audit::RocksStore> OpenStore() const {
    audit::RocksStore::Options options;
    options.dir = dir_ / "store";
    options.sensor = "lab";
    options.sync = false;
    options.memtable_bytes = 4 << 20;
    options.cache_bytes = 8 << 20;
    auto opened = audit::RocksStore::Open(options);
    EXPECT_TRUE(opened.ok()) << (opened.ok() ? "" : opened.error().message);
    return std::move(opened).value();
  }

  std::filesystem::path dir_;
};

}  // namespace weir::control::ingest

#include "stored.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "control/database/database.h"
#include "sides.h"

namespace weir::crash {
namespace {

using control::audit::RecordClass;
using control::audit::RocksStore;

constexpr int kComplaintsMax = 10;

size_t Index(RecordClass record_class) { return static_cast<size_t>(record_class); }

class Comparison {
 public:
  Comparison(const SharedBooks& books, RocksStore& store, uint32_t last_boot)
      : books_(books), store_(store), last_boot_(last_boot), newest_(books->sessions + 1, 0) {
    for (uint32_t number = 1; number < books_->events; ++number) {
      const Event& event = books_.event(number);
      if (event.commit == 0) continue;
      if (event.kind == Kind::kFinding) findings_++;
      if (event.kind == Kind::kHealth) health_++;
      if (event.kind != Kind::kSession) continue;
      uint32_t& newest = newest_[event.session];
      if (newest == 0) sessions_++;
      if (newest == 0 || books_.event(newest).revision < event.revision) newest = number;
    }
  }

  void Sessions() {
    std::vector<bool> seen(newest_.size(), false);
    uint64_t records = 0;
    uint64_t open = 0;
    const auto read = store_.Sessions({}, [&](const control::audit::SessionRecord& record) {
      records++;
      open += record.event.state == events::SessionState::kOpen ? 1 : 0;
      Session(record.event, seen);
      return complaints_ < kComplaintsMax;
    });
    ASSERT_TRUE(read.ok()) << read.error().message;
    EXPECT_EQ(records, sessions_) << "sessions in the store, and committed";
    const auto stats = store_.Stats();
    ASSERT_TRUE(stats.ok()) << stats.error().message;
    EXPECT_EQ(stats->classes[Index(RecordClass::kSession)].records, sessions_);
    EXPECT_EQ(stats->open_sessions, open);
    EXPECT_EQ(stats->classes[Index(RecordClass::kFinding)].records, findings_);
  }

  void Findings() {
    uint64_t last_seq = 0;
    const auto read = store_.Findings(0, [&](const control::audit::SequencedFinding& finding) {
      EXPECT_TRUE(last_seq == 0 || finding.seq == last_seq + 1) << "a gap in the numbers";
      last_seq = finding.seq;
      const bool fresh = finding_seqs_.emplace(finding.event.session_id, finding.seq).second;
      Expect(fresh, "a finding twice", finding.event.session_id);
      Expect(IsCommitted(finding.event.session_id, Kind::kFinding), "a finding from nowhere",
             finding.event.session_id);
      return complaints_ < kComplaintsMax;
    });
    ASSERT_TRUE(read.ok()) << read.error().message;
    EXPECT_EQ(finding_seqs_.size(), findings_) << "findings in the store, and committed";
  }

  void Health(Announced& announced) {
    std::map<uint64_t, int> seen;
    const auto read = store_.Health(0, [&](const control::audit::SequencedHealth& health) {
      const events::HealthEvent& event = health.event;
      if (event.kind == events::HealthKind::kEventsLost) {
        announced.Add(event.boot_id, event.detail, event.value);
        return true;
      }
      Expect(seen[event.value]++ == 0, "a health event twice", event.value);
      Expect(IsCommitted(event.value, Kind::kHealth), "a health event from nowhere", event.value);
      return complaints_ < kComplaintsMax;
    });
    ASSERT_TRUE(read.ok()) << read.error().message;
    EXPECT_EQ(seen.size(), health_) << "health events in the store, and committed";
  }

  // Each finding was handed on once, under the number that it has.
  void Consumer(const std::filesystem::path& file) {
    auto database = control::database::Database::Open(file);
    ASSERT_TRUE(database.ok()) << database.error().message;
    auto rows = (*database)->Query("SELECT seq, event FROM taken");
    std::map<uint64_t, int> taken;
    while (rows.Next()) {
      const auto event = static_cast<uint64_t>(rows.Int(1));
      const auto found = finding_seqs_.find(event);
      const bool same =
          found != finding_seqs_.end() && found->second == static_cast<uint64_t>(rows.Int(0));
      Expect(same, "the consumer has a finding under another number", event);
      Expect(taken[event]++ == 0, "the consumer has a finding twice", event);
    }
    EXPECT_FALSE((*database)->failed());
    EXPECT_EQ(taken.size(), findings_) << "findings at the consumer, and committed";
  }

  void Indexes() {
    const auto check = store_.CheckIndexes();
    ASSERT_TRUE(check.ok()) << check.error().message;
    EXPECT_EQ(check->records, sessions_);
    EXPECT_EQ(check->missing_entries, 0U);
    EXPECT_EQ(check->idle_entries, 0U);
    EXPECT_EQ(check->doubled_records, 0U);
  }

 private:
  bool IsCommitted(uint64_t number, Kind kind) const {
    if (number >= books_->events) return false;
    const Event& event = books_.event(static_cast<uint32_t>(number));
    return event.kind == kind && event.commit != 0;
  }

  void Expect(bool holds, const char* what, uint64_t event) {
    if (holds || complaints_++ >= kComplaintsMax) return;
    ADD_FAILURE() << what << ": " << event;
  }

  // A session that is open in its newest snapshot was closed as lost when a later start came.
  void Session(const events::SessionEvent& record, std::vector<bool>& seen) {
    const uint64_t id = record.session_id;
    if (id >= newest_.size() || newest_[id] == 0) return Expect(false, "a strange session", id);
    Expect(!seen[id], "a session twice", id);
    seen[id] = true;
    const uint32_t number = newest_[id];
    const Event& newest = books_.event(number);
    Expect(record.revision == newest.revision, "not the newest revision of session", id);
    Expect(record.packets_to_dst == number, "another snapshot of session", id);
    const bool last = books_.group(newest.group).boot == last_boot_;
    const events::EndReason end = newest.closes ? events::EndReason::kFin
                                  : last        ? events::EndReason::kNone
                                                : events::EndReason::kLost;
    Expect(record.end_reason == end, "not the end that it must have: session", id);
    const bool open = end == events::EndReason::kNone;
    Expect((record.state == events::SessionState::kOpen) == open, "open or not: session", id);
  }

  const SharedBooks& books_;
  RocksStore& store_;
  const uint32_t last_boot_;
  std::vector<uint32_t> newest_;  // by session: the committed event of its highest revision
  uint64_t sessions_ = 0;
  uint64_t findings_ = 0;
  uint64_t health_ = 0;
  std::map<uint64_t, uint64_t> finding_seqs_;  // by event
  int complaints_ = 0;
};

}  // namespace

void Announced::Add(uint64_t boot, std::string_view loss_class, uint64_t count) {
  if (boot >= of_.size()) {
    ADD_FAILURE() << "losses of a start that never was: " << boot;
    return;
  }
  for (size_t i = 0; i < kLossClasses; ++i) {
    if (events::LossClassName(static_cast<events::LossClass>(i)) == loss_class) {
      of_[boot][i] += count;
      return;
    }
  }
  ADD_FAILURE() << "losses of no class: " << loss_class;
}

void ExpectStoredAsBooked(const SharedBooks& books, const std::filesystem::path& folder,
                          uint32_t last_boot, Announced& announced) {
  auto opened = RocksStore::Open(StoreOptions(folder));
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  Comparison comparison(books, **opened, last_boot);
  comparison.Sessions();
  comparison.Findings();
  comparison.Health(announced);
  comparison.Consumer(ConsumerOf(folder));
  comparison.Indexes();
}

}  // namespace weir::crash

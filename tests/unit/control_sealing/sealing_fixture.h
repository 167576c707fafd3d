// A record in a directory of its own, and its seals.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "control/audit/rocks_store.h"
#include "control/sealing/sealer.h"
#include "control/sealing/verifier.h"

namespace weir::control::sealing {

// 2026-11-22T09:00:00Z
inline constexpr base::WallTime kNine{1'795'338'000'000'000'000};
inline constexpr double kHour = 3600;
inline constexpr double kDay = 86'400;

inline base::WallTime After(base::WallTime time, double seconds) {
  return {time.ns + static_cast<int64_t>(seconds * 1e9)};
}

inline base::IpAddress Ip(std::string_view text) { return base::IpAddress::Parse(text).value(); }

inline events::SessionEvent MakeSession(uint64_t id, base::WallTime start) {
  events::SessionEvent event;
  event.session_id = id;
  event.session_start = start;
  event.start = start;
  event.end = After(start, 1);
  event.src_ip = Ip("10.0.0.1");
  event.dst_ip = Ip("203.0.113.9");
  event.src_port = 40001;
  event.dst_port = 443;
  event.ip_protocol = 6;
  event.direction = events::Direction::kOutbound;
  event.state = events::SessionState::kClosed;
  event.end_reason = events::EndReason::kFin;
  event.bytes_to_dst = 1000;
  return event;
}

class SealingTest : public ::testing::Test {
 protected:
  SealingTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "weir-seals-XXXXXX";
    dir_ = mkdtemp(pattern.data());
    Open();
  }
  ~SealingTest() override {
    Close();
    std::filesystem::remove_all(dir_);
  }

  void Open() {
    audit::RocksStore::Options options;
    options.dir = dir_ / "store";
    options.sensor = "lab";
    options.sync = false;
    options.memtable_bytes = 4 << 20;
    options.cache_bytes = 8 << 20;
    auto store = audit::RocksStore::Open(options);
    ASSERT_TRUE(store.ok()) << store.error().message;
    store_ = std::move(*store);
    auto operations = operations::OperationsLog::Open(dir_ / "control.db");
    ASSERT_TRUE(operations.ok());
    operations_ = std::move(*operations);
    auto holds = LegalHolds::Open(dir_ / "control.db");
    ASSERT_TRUE(holds.ok());
    holds_ = std::move(*holds);
    OpenSealer();
  }
  void OpenSealer() {
    Sealer::Options options;
    options.dir = dir_ / "seals";
    options.anchor_file = dir_ / "anchor";
    options.log = [this](std::string_view line) { lines_.emplace_back(line); };
    options.caught_up = [this](base::WallTime) { return caught_up_; };
    options.retention = {180, 180, 180, 180};
    options.retention_operations_days = operations_days_;
    auto sealer = Sealer::Open(std::move(options), {*store_, *operations_}, *holds_);
    ASSERT_TRUE(sealer.ok()) << sealer.error().message;
    sealer_ = std::move(*sealer);
  }
  void Close() {
    sealer_.reset();
    holds_.reset();
    operations_.reset();
    store_.reset();
  }

  void Commit(const std::vector<events::SessionEvent>& sessions) {
    audit::Batch batch;
    for (const auto& event : sessions) batch.sessions.push_back({event, {}});
    const auto committed = store_->Commit(batch);
    ASSERT_TRUE(committed.ok()) << committed.error().message;
  }
  void CommitFinding(base::WallTime time, std::string_view rule) {
    audit::Batch batch;
    events::FindingEvent finding;
    finding.time = time;
    finding.rule = rule;
    batch.findings.push_back({finding, {}});
    ASSERT_TRUE(store_->Commit(batch).ok());
  }
  void Act(std::string actor, base::WallTime time = kNine) {
    operations::Operation operation;
    operation.time = time;
    operation.actor = std::move(actor);
    operation.action = "block";
    ASSERT_TRUE(operations_->Append(operation).ok());
  }
  void Work(base::WallTime now) {
    const auto done = sealer_->Work(now);
    EXPECT_TRUE(done.ok()) << done.error().message;
  }

  std::vector<LoggedSeal> Seals() const {
    auto seals = sealer_->log().Read();
    EXPECT_TRUE(seals.ok());
    return std::move(*seals);
  }
  Verification Check(std::vector<Anchor> anchors = {}) const {
    VerifyOptions options{sealer_->public_key(), {}, std::move(anchors)};
    const auto verified = Verify({*store_, *operations_}, sealer_->log(), options);
    EXPECT_TRUE(verified.ok()) << verified.error().message;
    return verified.ok() ? *verified : Verification{};
  }
  // "where: what" of each.
  static std::vector<std::string> Text(const Verification& verification) {
    std::vector<std::string> text;
    for (const Fault& fault : verification.faults) text.push_back(fault.where + ": " + fault.what);
    return text;
  }

  std::filesystem::path dir_;
  std::vector<std::string> lines_;
  bool caught_up_ = true;
  std::optional<uint32_t> operations_days_;
  std::unique_ptr<audit::RocksStore> store_;
  std::unique_ptr<operations::OperationsLog> operations_;
  std::unique_ptr<LegalHolds> holds_;
  std::unique_ptr<Sealer> sealer_;
};

}  // namespace weir::control::sealing

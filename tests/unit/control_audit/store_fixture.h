// Sessions to store, and a store in a directory of its own.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "control/audit/rocks_store.h"

namespace weir::control::audit {

// 2026-11-22T09:30:00Z
inline constexpr base::WallTime kNoon{1'795'339'800'000'000'000};

inline base::IpAddress Ip(std::string_view text) { return base::IpAddress::Parse(text).value(); }

inline base::WallTime After(base::WallTime time, double seconds) {
  return {time.ns + static_cast<int64_t>(seconds * 1e9)};
}

// An open outbound TCP session of 10.0.0.1, announced at `start`.
inline events::SessionEvent MakeSession(uint64_t id, base::WallTime start = kNoon) {
  events::SessionEvent event;
  event.session_id = id;
  event.session_start = start;
  event.start = start;
  event.end = start;
  event.src_ip = Ip("10.0.0.1");
  event.dst_ip = Ip("203.0.113.9");
  event.src_port = 40001;
  event.dst_port = 443;
  event.ip_protocol = 6;
  event.direction = events::Direction::kOutbound;
  return event;
}

inline events::SessionEvent Close(events::SessionEvent event, base::WallTime end) {
  event.revision++;
  event.end = end;
  event.state = events::SessionState::kClosed;
  event.end_reason = events::EndReason::kFin;
  return event;
}

// What a visitor needs to outlive its call.
struct Seen {
  uint64_t session_id = 0;
  uint32_t part = 0;
  uint32_t revision = 0;
  base::WallTime start;
  base::WallTime end;
  events::SessionState state = events::SessionState::kOpen;
  events::EndReason end_reason = events::EndReason::kNone;
  std::string name;
  std::string account;
  std::string sensor;
};

class StoreDirectory : public ::testing::Test {
 protected:
  StoreDirectory() {
    std::string pattern = std::filesystem::temp_directory_path() / "weir-store-XXXXXX";
    dir_ = mkdtemp(pattern.data());
  }
  ~StoreDirectory() override { std::filesystem::remove_all(dir_); }

  RocksStore::Options OptionsOf(std::string sensor = "lab") const {
    RocksStore::Options options;
    options.dir = dir_ / "store";
    options.sensor = std::move(sensor);
    options.sync = false;
    options.memtable_bytes = 4 << 20;
    options.index_tail_entries_max = 1000;
    options.cache_bytes = 8 << 20;
    return options;
  }

  std::unique_ptr<RocksStore> Open() const {
    auto opened = RocksStore::Open(OptionsOf());
    EXPECT_TRUE(opened.ok()) << (opened.ok() ? "" : opened.error().message);
    return std::move(opened).value();
  }

  static void Commit(SessionStore& store, const std::vector<events::SessionEvent>& events,
                     const Identity& identity = {}) {
    Batch batch;
    for (const auto& event : events) batch.sessions.push_back({event, identity});
    const auto status = store.Commit(batch);
    ASSERT_TRUE(status.ok()) << status.error().message;
  }

  static std::vector<Seen> Find(SessionStore& store, const Query& query) {
    std::vector<Seen> found;
    const auto result = store.Sessions(query, [&](const SessionRecord& record) {
      const auto& event = record.event;
      found.push_back({event.session_id, event.part, event.revision, event.start, event.end,
                       event.state, event.end_reason, std::string(event.name),
                       std::string(record.identity.account), std::string(record.sensor)});
      return true;
    });
    EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().message);
    return found;
  }

  static std::vector<uint64_t> Ids(SessionStore& store, const Query& query) {
    std::vector<uint64_t> ids;
    for (const Seen& seen : Find(store, query)) ids.push_back(seen.session_id);
    return ids;
  }

  static void ExpectWholeIndex(RocksStore& store, uint64_t records) {
    const auto check = store.CheckIndexes();
    ASSERT_TRUE(check.ok()) << check.error().message;
    EXPECT_EQ(check->records, records);
    EXPECT_EQ(check->missing_entries, 0u);
    EXPECT_EQ(check->idle_entries, 0u);
    EXPECT_EQ(check->doubled_records, 0u);
  }

  std::filesystem::path dir_;
};

}  // namespace weir::control::audit

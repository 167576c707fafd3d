// Tiered stores in directories of their own, over a ClickHouse server of the test's own.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "../control_audit/store_fixture.h"
#include "clickhouse_server.h"
#include "control/clickhouse/tiered_store.h"

namespace weir::control::clickhouse {

using audit::After;
using audit::Close;
using audit::Ip;
using audit::kNoon;
using audit::MakeSession;

inline constexpr int64_t kWaitMs = 60'000;
inline constexpr double kDaySeconds = 86'400;

// What a store has said, from any thread.
class Lines {
 public:
  void Add(std::string_view line) {
    const std::lock_guard lock(mutex_);
    lines_.emplace_back(line);
  }
  size_t Count(std::string_view part) const {
    const std::lock_guard lock(mutex_);
    size_t count = 0;
    for (const auto& line : lines_) count += line.find(part) != std::string::npos ? 1U : 0U;
    return count;
  }
  std::string All() const {
    const std::lock_guard lock(mutex_);
    std::string all;
    for (const auto& line : lines_) all += line + "\n";
    return all;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

class TieredTest : public audit::StoreDirectory {
 protected:
  TieredStore::Options TieredOptions(const Endpoint& endpoint) {
    TieredStore::Options options;
    options.local = OptionsOf();
    options.archive = endpoint;
    options.local_days = 1;
    options.ship_every_ms = 20;
    options.log = [this](std::string_view line) { lines_.Add(line); };
    return options;
  }

  std::unique_ptr<TieredStore> OpenTiered(const TieredStore::Options& options) {
    auto opened = TieredStore::Open(options);
    EXPECT_TRUE(opened.ok()) << (opened.ok() ? "" : opened.error().message);
    return opened.ok() ? std::move(*opened) : nullptr;
  }

  static audit::ArchiveStats ArchiveOf(TieredStore& store) {
    const auto stats = store.Stats();
    EXPECT_TRUE(stats.ok() && stats->archive);
    return stats.ok() && stats->archive ? *stats->archive : audit::ArchiveStats();
  }

  // Closed sessions first_id, first_id + 1, … that began one after another from `start` on.
  static std::vector<events::SessionEvent> Sessions(uint64_t first_id, size_t count,
                                                    base::WallTime start = kNoon) {
    std::vector<events::SessionEvent> sessions;
    for (size_t i = 0; i < count; i++) {
      const auto begun = After(start, static_cast<double>(i) / 100);
      sessions.push_back(Close(MakeSession(first_id + i, begun), After(begun, 1)));
    }
    return sessions;
  }

  Lines lines_;
};

// Ends the test where there is no ClickHouse; in CI it has failed then.
#define NEED_SERVER(server)                                                 \
  do {                                                                      \
    if ((server) == nullptr) {                                              \
      GTEST_SKIP() << "needs clickhouse-server: scripts/setup installs it"; \
    }                                                                       \
  } while (false)

}  // namespace weir::control::clickhouse

// The rules that must be in force, over restarts: those before them, what is held against the
// files on disk, and what waits to be confirmed. In SQLite, durable when a call returns.
//
// One thread at a time (PolicyService's push_mutex_). Lives as long as weir-control.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/database/database.h"
#include "dataplane/base/result.h"
#include "dataplane/base/time.h"
#include "rules/model/policy_text.h"

namespace weir::control::policy {

inline constexpr int64_t kHistoryStepsMax = 10;
// Of all rules kept, in bytes of text; the newest step is kept whatever it takes.
inline constexpr int64_t kHistoryBytesMax = int64_t{256} << 20;

using RuleSources = std::vector<rules::PolicySource>;

// An apply that goes back by itself unless somebody confirms it.
struct Waiting {
  std::string actor;
  base::WallTime typed;
  base::WallTime until;
  int64_t seconds = 0;  // that were given
};

// Rules that were in force, and what replaced them.
struct HistoryStep {
  RuleSources sources;
  std::string actor;        // who replaced them
  base::WallTime replaced;  // when
};

class RulesHistory {
 public:
  static base::Result<std::unique_ptr<RulesHistory>> Open(const std::filesystem::path& path);

  // Rules that are in force whatever the files on disk say; nullopt: the files count.
  base::Result<std::optional<RuleSources>> Held();
  base::Result<std::optional<Waiting>> WaitingNow();
  // The newest step; nullopt: there is none.
  base::Result<std::optional<HistoryStep>> Newest();
  base::Result<int64_t> Steps();

  // Each is one transaction: all of it or nothing.

  // `before` becomes the newest step (nullptr: none is added), and the oldest beyond the limits go.
  base::Status Push(const HistoryStep* before, const RuleSources* held,
                    const std::optional<Waiting>& waiting);
  // The newest step goes, and with it whatever waited.
  base::Status Pop(const RuleSources* held);
  // Nothing waits any more, and the files on disk count again.
  base::Status Confirm();

 private:
  explicit RulesHistory(std::unique_ptr<database::Database> database);

  // Inside a transaction.
  void Save(std::string_view role, const HistoryStep& step);
  void Hold(const RuleSources* held);
  void Trim();
  RuleSources Read(int64_t set);

  std::unique_ptr<database::Database> database_;
};

}  // namespace weir::control::policy

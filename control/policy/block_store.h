// Blocks in SQLite, also those that are over: who typed what, when it was in force, who took it
// back.
//
// Any thread: every call takes the store's lock. Lives as long as weir-control.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/database/database.h"
#include "control/policy/block.h"
#include "dataplane/base/result.h"

namespace weir::control::policy {

inline constexpr size_t kActiveBlocksMax = 10'000;  // more belong into a list

class BlockStore {
 public:
  static base::Result<std::unique_ptr<BlockStore>> Open(const std::filesystem::path& path);

  // The number that the next Add() gives.
  base::Result<int64_t> NextNumber();
  // Stores it as typed. Fails when the same value is blocked already or there are too many, and
  // when block.number is no longer the next.
  base::Status Add(const Block& block);

  // In the order of their numbers: typed and installed.
  base::Result<std::vector<Block>> Active();
  // Newest first, at most `limit`; without removed ones unless asked for.
  base::Result<std::vector<Block>> List(bool with_removed, size_t limit);
  base::Result<std::optional<Block>> Find(std::string_view id);

  // Typed or installed -> removing.
  base::Status Remove(int64_t number, std::string_view by, base::WallTime when);
  // The same for all whose time is over; how many those were.
  base::Result<int64_t> Expire(base::WallTime now);

  // The data plane decides with exactly `in_force` (numbers) since `when`: those typed become
  // installed, and what is removing is removed.
  base::Status MarkInstalled(const std::vector<int64_t>& in_force, int64_t version,
                             base::WallTime when);
  // Blocks typed or removing: not yet as the data plane has it.
  base::Result<int64_t> CountPending();

 private:
  explicit BlockStore(std::unique_ptr<database::Database> database);

  std::mutex mutex_;
  std::unique_ptr<database::Database> database_;  // guarded by mutex_
};

}  // namespace weir::control::policy

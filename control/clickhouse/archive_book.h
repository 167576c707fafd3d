// Which days are answered from the archive, and what it holds of each.
//
// Kept in the embedded store's `default` family, keys "archive/day/2026-11-22", "archive/dropped",
// "archive/doomed/2026-11-22" and "archive/upto"; a copy is in memory. Any thread.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "control/audit/rocks_spool.h"
#include "control/audit/session_store.h"
#include "control/audit/store_keys.h"
#include "dataplane/base/result.h"
#include "dataplane/base/time.h"

namespace weir::control::clickhouse {

struct ArchivedDay {
  uint64_t records = 0;
  int64_t longest_ns = 0;  // of any record: how far back a look-up must begin
  base::WallTime oldest;
  bool single = false;  // no record lies there in two versions: FINAL can be spared

  bool operator==(const ArchivedDay&) const = default;
};

struct ArchiveDropped {  // by retention
  uint64_t days = 0;
  uint64_t records = 0;
};

class ArchiveBook {
 public:
  base::Status Load(const audit::RocksSpool& spool);

  static std::string Key(audit::DayNumber day);
  static std::string Encode(const ArchivedDay& day);
  static std::optional<ArchivedDay> Decode(std::string_view bytes);

  std::map<audit::DayNumber, ArchivedDay> days() const;
  bool Has(audit::DayNumber day) const;
  bool empty() const;
  // Both of one moment.
  std::pair<std::map<audit::DayNumber, ArchivedDay>, ArchiveDropped> Snapshot() const;

  // In memory only: the store's side is written with the day's dropping. What was there before.
  std::optional<ArchivedDay> Replace(audit::DayNumber day, const std::optional<ArchivedDay>& known);

  // Retention takes the day: it is answered no more, and dropped as soon as the archive can be
  // asked. `records`: of those, the ones that only the archive has.
  base::Status Doom(audit::RocksSpool& spool, audit::DayNumber day, uint64_t records);
  std::set<audit::DayNumber> doomed() const;
  // It is dropped.
  base::Status Bury(audit::RocksSpool& spool, audit::DayNumber day);
  // Numbered records that are not to be kept: up to these. 0: none.
  base::Status DropUpto(audit::RocksSpool& spool, const audit::RetentionPlan& plan);
  audit::RetentionPlan dropped_upto() const;

 private:
  mutable std::mutex mutex_;  // guards the rest
  std::map<audit::DayNumber, ArchivedDay> days_;
  ArchiveDropped dropped_;
  std::set<audit::DayNumber> doomed_;
  audit::RetentionPlan upto_;
};

}  // namespace weir::control::clickhouse

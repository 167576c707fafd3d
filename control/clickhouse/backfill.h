// How far the shipping of records from before the outbox is: docs/operations/clickhouse.md.
//
// A value, kept in the embedded store's `default` family as "archive/backfill".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "control/audit/rocks_spool.h"
#include "dataplane/base/result.h"

namespace weir::control::clickhouse {

enum class BackfillState : uint8_t {
  kNeeded,   // the store has records of which the archive was never told
  kRunning,  // asked for, and not at its end
  kDone,
};
std::string_view BackfillStateName(BackfillState state);  // "needed" "running" "done"

struct Backfill {
  BackfillState state = BackfillState::kNeeded;
  uint64_t rows_done = 0;
  uint64_t rows_total = 0;   // when it began; about
  audit::RecordPlace after;  // shipped up to and with this one
};

// Before the first record of all.
audit::RecordPlace FirstPlace();

// What the store says; a store without any record needs none.
base::Result<Backfill> LoadBackfill(audit::RocksSpool& spool);
base::Status SaveBackfill(audit::RocksSpool& spool, const Backfill& backfill);
// For a store that goes on without an archive: what it writes from now on is in no outbox.
base::Status ForgetBackfill(audit::RocksSpool& spool);

// All records that are in the store now.
uint64_t RecordsOf(const audit::StoreState& state);

}  // namespace weir::control::clickhouse

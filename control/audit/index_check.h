// Compares the records of a store with the index to them, entry by entry.
//
// Holds a day's entries in memory: for tests. What `weirctl audit verify` does is
// day_index_check.h.
#pragma once

#include <cstdint>

#include "control/audit/index_tail.h"
#include "control/audit/record_codec.h"
#include "control/audit/rocks_db.h"
#include "dataplane/base/result.h"

namespace weir::control::audit {

struct IndexCheck {
  uint64_t records = 0;
  uint64_t entries = 0;
  uint64_t missing_entries = 0;  // a record that a look-up would not find
  uint64_t idle_entries = 0;     // leading to no record with its term: after a change of name
  uint64_t doubled_records = 0;  // a session part that is there twice
};

base::Result<IndexCheck> CheckIndexEntries(const RocksDb& db, const IndexTail& tail,
                                           const Sensors& sensors);

}  // namespace weir::control::audit

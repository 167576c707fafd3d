// The family `open_sessions`: which session parts are open, and where their records lie. It finds
// them when the data plane has ended without a word.
//
// The writer's thread, save who only reads.
#pragma once

#include <rocksdb/write_batch.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "control/audit/part_cache.h"
#include "control/audit/rocks_db.h"
#include "control/audit/store_keys.h"
#include "dataplane/base/result.h"

namespace weir::control::audit {

std::string OpenSessionKey(const PartId& id);
std::string OpenSessionValue(const StoredPart& part);

// Where an entry's record lies. A damaged one lies nowhere.
struct OpenPlace {
  DayNumber day = 0;
  std::string_view key;  // into the entry
};
OpenPlace DecodeOpenSession(std::string_view value);

// Adds to `batch` that the day's entries go, as its records do, and returns how many they are.
base::Result<uint64_t> ForgetOpenSessions(rocksdb::WriteBatch& batch, const RocksDb& db,
                                          DayNumber day);

}  // namespace weir::control::audit

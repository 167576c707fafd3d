// Notes as late what a store that was set back to a backup finds in the archive, so that hours that
// were sealed without it stay as they were, and are sealed anew with it.
//
// One thread, one comparison of a day.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "control/audit/rocks_store.h"
#include "control/audit/store_keys.h"
#include "dataplane/base/result.h"

namespace weir::control::clickhouse {

class FoundNotes {
 public:
  FoundNotes(audit::RocksStore& local, audit::DayNumber day) : local_(local), day_(day) {}

  base::Status Add(const audit::SessionRecord& record);
  // False: some of the notes are gone, for an hour was sealed anew meanwhile.
  base::Result<bool> Finish();

  std::string Words() const;  // for the log; empty when nothing was found

 private:
  base::Status Write();

  audit::RocksStore& local_;
  const audit::DayNumber day_;
  std::vector<audit::RecordKey> keys_;  // not yet written
  uint64_t count_ = 0;
};

}  // namespace weir::control::clickhouse

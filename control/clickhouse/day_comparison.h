// Whether the archive has a day as this machine has it: every record, in its newest form.
//
// Both are read in the order of time, side by side, and compared byte by byte; no more than 65,536
// records are in memory. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "control/audit/rocks_store.h"
#include "control/clickhouse/archive_book.h"
#include "control/clickhouse/http_connection.h"
#include "dataplane/base/result.h"

namespace weir::control::clickhouse {

struct DayComparison {
  bool same = false;
  std::string difference;  // the first, in words; unless same
  ArchivedDay archived;    // what the archive holds of the day
};

// Called with a record that only the archive has, or has in a newer version.
using FoundThere = std::function<base::Status(const audit::SessionRecord&)>;

// `more_there`: the archive may have records that are not here, and newer versions: it has had the
// day before, and what is here came late; or this store was set back. `found` may be empty.
base::Result<DayComparison> CompareDay(audit::RocksStore& local, HttpConnection& server,
                                       audit::DayNumber day, bool more_there,
                                       const FoundThere& found);

}  // namespace weir::control::clickhouse

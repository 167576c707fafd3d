// How sessions of archived days were before they changed late, in hours that were sealed.
//
// Asked before the change is shipped, for afterwards nobody has it. The shipper's thread.
#pragma once

#include <span>

#include "control/audit/rocks_spool.h"
#include "control/clickhouse/archive_book.h"
#include "control/clickhouse/http_connection.h"
#include "dataplane/base/result.h"

namespace weir::control::clickhouse {

// Afterwards the store knows of each of the places' records whether, and how, it was there before.
base::Status SettleLateOnes(audit::RocksSpool& spool, const ArchiveBook& book,
                            HttpConnection& server, std::span<const audit::RecordPlace> places);

}  // namespace weir::control::clickhouse

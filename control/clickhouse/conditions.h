// A query of the store as conditions in SQL, so that ClickHouse reads and sends little.
//
// The conditions let through at least what audit::SessionFilter does, which has the last word.
// Texts of a person are written as unhex('…'): no byte of them can end the literal. Pure.
#pragma once

#include <optional>
#include <string>

#include "control/audit/query.h"
#include "control/audit/session_reader.h"
#include "control/audit/store_keys.h"

namespace weir::control::clickhouse {

// " AND …" for each of the query's conditions but time; empty when there are none.
std::string QueryConditions(const audit::Query& query);

// Sessions that began in [from_ns, to_ns), told by day, hour and nanosecond.
std::string StartConditions(int64_t from_ns, int64_t to_ns);

// " AND …": those that have a moment in the filter's stretch of time; those beyond the cursor.
std::string MomentConditions(const audit::SessionFilter& filter);
std::string CursorCondition(const std::optional<audit::SessionOrder>& cursor, bool newest_first);

std::string OrderBy(bool newest_first);

}  // namespace weir::control::clickhouse

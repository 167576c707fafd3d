// Rows of the archive's tables as ClickHouse's RowBinary: docs/formats/clickhouse.md.
//
// Pure; any thread. What Put…Row() appends is one row of the columns that …InsertColumns() names,
// and nothing else may be inserted.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "control/audit/record.h"
#include "control/audit/store_keys.h"
#include "dataplane/base/cursor.h"

namespace weir::control::clickhouse {

// ClickHouse's Date has 16 bits, and its texts end with 2105: other days count as the first or last
// of these in the column `day`. Times are whole in the columns of nanoseconds.
inline constexpr audit::DayNumber kDateMin = 1;       // 1970-01-02
inline constexpr audit::DayNumber kDateMax = 49'672;  // 2105-12-31
audit::DayNumber DateOf(base::WallTime time);

// Of two rows of one part the one with the higher version counts.
uint64_t VersionOf(const events::SessionEvent& event);

std::string SessionInsertColumns();  // "day, hour, …"
void PutSessionRow(std::string& out, const audit::SessionRecord& record);

// A row of an answer begins with this, which no word of an error does.
inline constexpr uint32_t kRowMark = 0x57454952;
// What to select for GetSessionRow(): the mark, and all that a record is made of.
std::string SessionSelectColumns();
// Reads one row. Views in the record point into the cursor's bytes. Afterwards the cursor has
// failed when the bytes end before the row does; false: they are no row, however many follow.
bool GetSessionRow(base::Cursor& in, audit::SessionRecord& record);

std::string FindingInsertColumns();
void PutFindingRow(std::string& out, const audit::SequencedFinding& finding);
std::string HealthInsertColumns();
void PutHealthRow(std::string& out, const audit::SequencedHealth& health);
std::string LoginInsertColumns();
void PutLoginRow(std::string& out, const audit::SequencedLogin& sequenced);

}  // namespace weir::control::clickhouse

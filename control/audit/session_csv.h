// A session as one row of CSV (RFC 4180): the fields of INTERFACES.md, for spreadsheets.
//
// A text field that a spreadsheet would take for a formula is led by an apostrophe. Any thread;
// allocates.
#pragma once

#include <string>

#include "control/audit/record.h"

namespace weir::control::audit {

// The names of the columns, with CR LF.
std::string SessionCsvHeader();

// One row, with CR LF.
std::string SessionToCsv(const SessionRecord& record);

}  // namespace weir::control::audit

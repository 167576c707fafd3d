// Records as rows of CSV, made of the lines that are sealed (record_lines.h). Pure; any thread;
// allocates.
#pragma once

#include <string>
#include <string_view>

#include "control/sealing/seal.h"

namespace weir::control::sealing {

// The names of the columns, with CR LF: the keys of a line, in their order.
std::string CsvHeader(NumberedClass numbered);

// One row, with CR LF. A key that the line does not have is an empty field.
std::string CsvRowOf(NumberedClass numbered, std::string_view line);

}  // namespace weir::control::sealing

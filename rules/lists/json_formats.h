// The formats that are one JSON text: STIX bundles and MISP events.
//
// JSON has no lines that mean anything, so a line number here is the place of an object: in the
// bundle's `objects`, or among all attributes of a MISP file, from 1.
#pragma once

#include <string_view>

#include "dataplane/base/result.h"
#include "rules/lists/entry_sink.h"

namespace weir::rules {

// Fill the sink and give the number of objects. Fail when the text is no JSON (with the byte), or
// has more than kListLinesMax objects.
base::Result<uint64_t> ReadStix(std::string_view text, EntrySink& sink);
base::Result<uint64_t> ReadMisp(std::string_view text, EntrySink& sink);

}  // namespace weir::rules

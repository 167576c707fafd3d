// The part of a STIX pattern (STIX 2.1 §9) that means names, addresses and ports. Pure.
#pragma once

#include <string_view>

#include "rules/lists/entry_sink.h"

namespace weir::rules {

// Each side of an OR by itself. Skips what an AND, an order or a time ties together with
// kConditional, what is asked of other things (files, keys, patterns of text) with kUnsupported.
void AddStixPattern(std::string_view pattern, EntrySink& sink);

}  // namespace weir::rules

// Of how many sessions the name was seen, and why not of the others: what Weir says of its own
// blindness.
//
// Each session is counted once, at its end, under one reason. Worker's thread; the words by any.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "dataplane/names/outcome.h"
#include "dataplane/pipeline/worker.h"

namespace weir::pipeline {

// "named", "no_sni", "encrypted_sni", …, "dot", "doh", "vpn", "no_payload", "no_names".
std::string_view CoverageReasonName(CoverageReason reason);

// Keeps what the flow's parsers came to, before they are given back.
void KeepCoverage(flow::ColdFlow& cold, const Learning& learning);

// Counts a flow that ends.
void CountCoverage(Worker& worker, flow::FlowIndex index);

// For statistics and summaries.
using NamedCounts = std::vector<std::pair<std::string_view, uint64_t>>;
NamedCounts CoverageCounts(const Counters& counters);
NamedCounts StreamCounts(const Counters& counters);

}  // namespace weir::pipeline

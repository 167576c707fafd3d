// The kinds of work that are measured, each fresh with its own state.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "tests/bench/traffic_mix.h"
#include "tests/bench/workload.h"

namespace weir::bench {

// `flows` TLS flows whose name is known, in a table that they fill to 85 %; a piece is `packets` of
// any of them, in any order. Each has exchanged so many records before: where nDPI is on, more than
// it looks at, as what comes then has no checksum.
Workload EstablishedWork(uint64_t flows, uint64_t packets, unsigned records);
inline constexpr unsigned kRecordsUntilLabelled = 14;

// New flows of one kind, into a table that has turned over.
struct NewFlowKind {
  std::string_view what;
  bool has_name;
  Workload (*make)(uint64_t flows_a_piece);
};
const std::vector<NewFlowKind>& NewFlowKinds();

// Packets of TrafficMix; `mix` is what they come from.
Workload MixWork(const std::shared_ptr<TrafficMix>& mix, uint64_t packets);

}  // namespace weir::bench

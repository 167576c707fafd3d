// Divides what all workers have together, exactly. At start.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace weir::spread {

// The same for each worker, of Spread::kSlots slots.
std::vector<uint32_t> EvenShares(unsigned workers);

// With the first worker receiving for all of them, besides its own flows (decision 0013): it has
// the fewer flows the more workers there are, and from five on none.
std::vector<uint32_t> DistributorShares(unsigned workers);

// `total` divided as the shares say, exact in sum, but at least `least` for each: `total` is at
// least that often `least`.
std::vector<uint64_t> Divide(uint64_t total, std::span<const uint32_t> shares, uint64_t least);

}  // namespace weir::spread

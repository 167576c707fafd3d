#include "dataplane/spread/shares.h"

#include <algorithm>
#include <numeric>

#include "dataplane/spread/spread.h"

namespace weir::spread {
namespace {

// What dealing with a packet costs, in what handing one on does.
constexpr unsigned kDealingCost = 2;

std::vector<uint32_t> Even(uint32_t slots, unsigned workers) {
  std::vector<uint32_t> shares(workers, slots / workers);
  for (unsigned worker = 0; worker < slots % workers; ++worker) ++shares[worker];
  return shares;
}

}  // namespace

std::vector<uint32_t> EvenShares(unsigned workers) { return Even(Spread::kSlots, workers); }

// With a part p of the flows the first is as busy as each of the others when
// 1/2 + p = (1 - p) / (workers - 1).
std::vector<uint32_t> DistributorShares(unsigned workers) {
  if (workers == 1) return EvenShares(1);
  const unsigned others = workers - 1;
  const unsigned first = others >= kDealingCost
                             ? 0
                             : Spread::kSlots * (kDealingCost - others) / (kDealingCost * workers);
  std::vector<uint32_t> shares = {first};
  for (const uint32_t share : Even(Spread::kSlots - first, others)) shares.push_back(share);
  return shares;
}

std::vector<uint64_t> Divide(uint64_t total, std::span<const uint32_t> shares, uint64_t least) {
  const uint64_t slots = std::accumulate(shares.begin(), shares.end(), uint64_t{0});
  const uint64_t free = total - least * shares.size();
  std::vector<uint64_t> parts;
  uint64_t shared_out = 0;
  uint64_t slots_before = 0;
  for (const uint32_t share : shares) {
    slots_before += share;
    // Up to here, rounded down, less what the ones before have: nothing is lost by rounding.
    const uint64_t up_to_here = free * slots_before / slots;
    parts.push_back(least + up_to_here - shared_out);
    shared_out = up_to_here;
  }
  return parts;
}

}  // namespace weir::spread

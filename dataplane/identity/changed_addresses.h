// The addresses and prefixes that have become somebody else's, or nobody's, in the eyes of the
// policy in force: live flows with them must be judged again.
//
// Immutable once made; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/base/ip_address.h"
#include "dataplane/identity/prefix_lengths.h"

namespace weir::identity {

class ChangedAddresses {
 public:
  // So many are looked for among the flows; where there are more, all flows are judged again.
  static constexpr size_t kPrefixesMax = 65'536;
  // And so many different lengths of a family, host prefixes aside: each is one more look at the
  // filter for each end of each flow.
  static constexpr unsigned kLengthsMax = 8;

  // `generation` rises with each set, and each holds all that was in those which some worker has
  // not done with. An address is a host prefix.
  ChangedAddresses(uint64_t generation, std::vector<base::IpPrefix> prefixes);
  explicit ChangedAddresses(uint64_t generation) : generation_(generation), everything_(true) {}

  uint64_t generation() const { return generation_; }
  bool everything() const { return everything_; }
  const std::vector<base::IpPrefix>& prefixes() const { return prefixes_; }  // ascending

  bool Contains(const std::array<uint8_t, 16>& ip) const {
    if (InFilter(ip) && IsListed(ip)) return true;
    return !lengths_.empty() && LiesInPrefix(ip);
  }

 private:
  static constexpr size_t kFilterBits = 65'536;

  // Nearly all flows are others': one bit says so. Of a prefix it is that of its first address.
  static uint32_t BitOf(const std::array<uint8_t, 16>& ip);
  bool InFilter(const std::array<uint8_t, 16>& ip) const {
    const uint32_t bit = BitOf(ip);
    return (filter_[bit / 64] >> (bit % 64) & 1) != 0;
  }
  bool IsListed(const std::array<uint8_t, 16>& ip) const;
  bool LiesInPrefix(const std::array<uint8_t, 16>& ip) const;

  uint64_t generation_;
  bool everything_ = false;
  PrefixLengths lengths_;
  std::vector<base::IpPrefix> prefixes_;
  std::vector<uint64_t> filter_;
};

}  // namespace weir::identity

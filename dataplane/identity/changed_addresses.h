// The addresses that have become somebody else's, or nobody's, in the eyes of the policy in force:
// live flows with them must be judged again.
//
// Immutable once made; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/base/ip_address.h"

namespace weir::identity {

class ChangedAddresses {
 public:
  // So many are looked for among the flows; where there are more, all flows are judged again.
  static constexpr size_t kAddressesMax = 65'536;

  // `generation` rises with each set, and each holds all that was in those which some worker has
  // not done with.
  ChangedAddresses(uint64_t generation, std::vector<base::IpAddress> addresses);
  explicit ChangedAddresses(uint64_t generation) : generation_(generation), everything_(true) {}

  uint64_t generation() const { return generation_; }
  bool everything() const { return everything_; }
  const std::vector<base::IpAddress>& addresses() const { return addresses_; }  // ascending

  bool Contains(const std::array<uint8_t, 16>& ip) const {
    const uint32_t bit = BitOf(ip);
    return (filter_[bit / 64] >> (bit % 64) & 1) != 0 && IsListed(ip);
  }

 private:
  static constexpr size_t kFilterBits = 65'536;

  // Nearly all flows are others': one bit says so.
  static uint32_t BitOf(const std::array<uint8_t, 16>& ip);
  bool IsListed(const std::array<uint8_t, 16>& ip) const;

  uint64_t generation_;
  bool everything_ = false;
  std::vector<base::IpAddress> addresses_;
  std::vector<uint64_t> filter_;
};

}  // namespace weir::identity

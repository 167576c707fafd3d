#include "dataplane/identity/changed_addresses.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace weir::identity {

uint32_t ChangedAddresses::BitOf(const std::array<uint8_t, 16>& ip) {
  uint64_t high;
  uint64_t low;
  std::memcpy(&high, ip.data(), sizeof high);
  std::memcpy(&low, ip.data() + sizeof high, sizeof low);
  return static_cast<uint32_t>(((high * 0x9e3779b97f4a7c15) ^ low) * 0x9e3779b97f4a7c15 >> 48);
}

ChangedAddresses::ChangedAddresses(uint64_t generation, std::vector<base::IpAddress> addresses)
    : generation_(generation), addresses_(std::move(addresses)), filter_(kFilterBits / 64, 0) {
  std::sort(addresses_.begin(), addresses_.end());
  addresses_.erase(std::unique(addresses_.begin(), addresses_.end()), addresses_.end());
  everything_ = addresses_.size() > kAddressesMax;
  for (const base::IpAddress& address : addresses_) {
    const uint32_t bit = BitOf(address.bytes());
    filter_[bit / 64] |= uint64_t{1} << (bit % 64);
  }
}

bool ChangedAddresses::IsListed(const std::array<uint8_t, 16>& ip) const {
  return std::binary_search(addresses_.begin(), addresses_.end(), base::IpAddress::FromV6(ip));
}

}  // namespace weir::identity

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

ChangedAddresses::ChangedAddresses(uint64_t generation, std::vector<base::IpPrefix> prefixes)
    : generation_(generation), prefixes_(std::move(prefixes)), filter_(kFilterBits / 64, 0) {
  std::sort(prefixes_.begin(), prefixes_.end());
  prefixes_.erase(std::unique(prefixes_.begin(), prefixes_.end()), prefixes_.end());
  for (const base::IpPrefix& prefix : prefixes_) {
    const uint32_t bit = BitOf(prefix.address().bytes());
    filter_[bit / 64] |= uint64_t{1} << (bit % 64);
    lengths_.Add(prefix);
  }
  everything_ = prefixes_.size() > kPrefixesMax || lengths_.most() > kLengthsMax;
}

bool ChangedAddresses::IsListed(const std::array<uint8_t, 16>& ip) const {
  const base::IpPrefix host(base::IpAddress::FromV6(ip));
  return std::binary_search(prefixes_.begin(), prefixes_.end(), host);
}

bool ChangedAddresses::LiesInPrefix(const std::array<uint8_t, 16>& ip) const {
  const base::IpAddress address = base::IpAddress::FromV6(ip);
  const LengthSet& lengths = lengths_.Of(address);
  for (auto length = lengths.LongestBelow(128); length; length = lengths.LongestBelow(*length)) {
    const base::IpPrefix prefix(address, *length);
    if (InFilter(prefix.address().bytes()) &&
        std::binary_search(prefixes_.begin(), prefixes_.end(), prefix)) {
      return true;
    }
  }
  return false;
}

}  // namespace weir::identity

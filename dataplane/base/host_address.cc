#include "dataplane/base/host_address.h"

namespace weir::base {

bool MayBeSomebodys(const IpAddress& address) {
  const auto& bytes = address.bytes();
  if (address.is_v4()) {
    const bool link_local = bytes[12] == 169 && bytes[13] == 254;
    const bool multicast_or_above = bytes[12] >= 224;
    return bytes[12] != 0 && !link_local && !multicast_or_above;
  }
  const bool link_local = bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
  const bool multicast = bytes[0] == 0xff;
  return !address.is_unspecified() && !link_local && !multicast;
}

bool MayBeSomebodys(const IpPrefix& prefix) {
  IpAddress last = prefix.address();
  for (unsigned bit = prefix.length_bits(); bit < 128; ++bit) {
    uint8_t& byte = last.mutable_bytes()[bit / 8];
    byte = static_cast<uint8_t>(byte | 0x80U >> (bit % 8));
  }
  return MayBeSomebodys(prefix.address()) && MayBeSomebodys(last);
}

}  // namespace weir::base

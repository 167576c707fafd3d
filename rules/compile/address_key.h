// Addresses as numbers, as the tables of a policy order them. Pure.
#pragma once

#include <cstdint>

#include "dataplane/base/byte_order.h"
#include "dataplane/base/ip_address.h"
#include "dataplane/base/mac_address.h"

namespace weir::rules {

__extension__ using AddressKeyV6 = unsigned __int128;

// Of IPv4 the lower 32 bits are the address.
inline AddressKeyV6 AddressKey(const base::IpAddress& address) {
  const uint8_t* bytes = address.bytes().data();
  return static_cast<AddressKeyV6>(base::LoadBe<uint64_t>(bytes)) << 64 |
         base::LoadBe<uint64_t>(bytes + 8);
}

// The first byte on the wire the highest.
inline uint64_t MacKey(const base::MacAddress& mac) {
  uint64_t key = 0;
  for (const uint8_t byte : mac.bytes) key = key << 8 | byte;
  return key;
}

constexpr uint32_t PortKey(uint8_t ip_protocol, uint16_t port) {
  return (uint32_t{ip_protocol} << 16) | port;
}

}  // namespace weir::rules

// Whoever knows of DHCP leases as they come and go: what a Directory asks behind its registry.
//
// A lease says which machine had an address; whose the machine is the registry knows, by its MAC
// address. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/base/ip_address.h"
#include "dataplane/base/mac_address.h"
#include "dataplane/base/time.h"

namespace weir::control::accounts {

struct Lease {
  base::IpPrefix ip;     // one address, or a delegated prefix
  base::MacAddress mac;  // zero: not known
  std::string duid;      // DHCPv6, in hexadecimal
  base::IpAddress server;
  base::IpAddress relay;  // "::": none
  uint16_t vlan = 0;      // 0: none
  std::string circuit;    // where the client is, as its relay calls it
  std::string remote;
  base::WallTime since;
  base::WallTime until;  // not any more at this moment; of one that runs, unless it is renewed
  std::string cause;     // of the end; empty: it runs

  bool operator==(const Lease&) const = default;
};

class LeaseSource {
 public:
  virtual ~LeaseSource() = default;

  // The lease of the address or prefix at that moment; else that of the longest which holds it.
  virtual std::optional<Lease> LeaseAt(const base::IpPrefix& ip, base::WallTime at) const = 0;
  // The addresses and delegated prefixes that the machine had.
  virtual std::vector<base::IpPrefix> AddressesOf(const base::MacAddress& mac,
                                                  base::WallTime at) const = 0;
  // Every address and prefix that a machine with a known MAC address has now, by address.
  virtual std::vector<std::pair<base::IpPrefix, base::MacAddress>> PresentLeases() const = 0;
  // Rises whenever PresentLeases() may have become another one.
  virtual uint64_t generation() const = 0;
};

}  // namespace weir::control::accounts

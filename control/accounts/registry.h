// The static registry: a CSV file that says which account an address belongs to.
//
// Columns account,ip,mac,group,room,seat; the header row is required; RFC 4180 quoting; UTF-8 with
// or without a byte order mark. A row needs an account and an address, IP or MAC or both. Several
// rows may name one account; an address belongs to one account.
//
// Immutable once parsed; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "control/accounts/binding.h"
#include "dataplane/base/ip_address.h"
#include "dataplane/base/mac_address.h"
#include "dataplane/base/result.h"

namespace weir::control::accounts {

inline constexpr size_t kRegistryRowsMax = 2'000'000;
inline constexpr size_t kRegistryFieldBytesMax = 255;

struct RegistryRow {
  base::IpAddress ip;    // unspecified: the row has none
  base::MacAddress mac;  // zero: the row has none
  Binding binding;

  bool operator==(const RegistryRow&) const = default;
  bool operator<(const RegistryRow& other) const;  // by address first
};

class Registry {
 public:
  Registry() = default;  // empty: knows nobody

  // Fails when any line is bad, with a line "<file>:<line>: …" for each of the first 20 and the
  // number of the others.
  static base::Result<Registry> Parse(std::string_view text, std::string_view file);

  // Null when the address is not registered. The result lives as long as the registry.
  const Binding* FindIp(const base::IpAddress& ip) const;
  const Binding* FindMac(const base::MacAddress& mac) const;

  std::vector<base::IpAddress> AddressesOf(std::string_view account) const;
  std::vector<base::MacAddress> MacsOf(std::string_view account) const;

  // Every address with its account, by address. An address that is known by its MAC address alone
  // is not among them.
  std::vector<Present> PresentBindings() const;

  size_t rows() const { return rows_.size(); }
  // In the order of the file. Lives as long as the registry.
  const RegistryRow& row(size_t index) const { return rows_[index]; }

 private:
  friend class RegistryParser;

  struct AddressHash {
    size_t operator()(const base::IpAddress& ip) const;
    size_t operator()(const base::MacAddress& mac) const;
  };

  std::vector<RegistryRow> rows_;
  // Values are indices into rows_.
  std::unordered_map<base::IpAddress, uint32_t, AddressHash> by_ip_;
  std::unordered_map<base::MacAddress, uint32_t, AddressHash> by_mac_;
  std::map<std::string, std::vector<base::IpAddress>, std::less<>> by_account_;
  std::map<std::string, std::vector<base::MacAddress>, std::less<>> macs_of_;
};

}  // namespace weir::control::accounts

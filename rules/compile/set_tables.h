// All values that a policy asks about, ready to be asked: which of its numbered sets an address, a
// port, an application or a name lies in.
//
// Immutable after they are made (set_catalog.h): any thread may ask, without allocation or lock.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "dataplane/base/ip_address.h"
#include "dataplane/base/mac_address.h"
#include "rules/compile/address_key.h"
#include "rules/compile/found_sets.h"
#include "rules/compile/keyword_table.h"

namespace weir::rules {

// Sides count as sets of addresses: each is named by the bits of those it stands for.
inline constexpr uint8_t kInsideBit = 1;
inline constexpr uint8_t kOutsideBit = 2;
inline constexpr uint32_t kFirstAddressSet = 4;

struct SetTables {
  AddressMapV4 v4;
  AddressMapV6 v6;
  AddressMapV4 groups_v4;  // which groups have the address itself
  AddressMapV6 groups_v6;
  MacMap macs;
  VlanMap vlans;
  PortMap ports;
  AppMap apps;
  AppMap categories;
  NameTable names;
  ListAddresses list_addresses;
  std::shared_ptr<const KeywordTable> keywords;  // null: none

  // Each adds to what was found.
  void FindAddress(const base::IpAddress& address, Aspect aspect, FoundSets& found) const {
    FindIn(v4, v6, address, aspect, found);
  }
  void FindGroups(const base::IpAddress& address, FoundSets& found) const {
    FindIn(groups_v4, groups_v6, address, Aspect::kGroup, found);
  }
  void FindMac(const base::MacAddress& mac, FoundSets& found) const {
    macs.ForEach(MacKey(mac), [&](std::span<const uint32_t> run) { found.Add(Aspect::kMac, run); });
  }
  void FindVlan(uint16_t vlan, FoundSets& found) const {
    vlans.ForEach(vlan, [&](std::span<const uint32_t> run) { found.Add(Aspect::kVlan, run); });
  }
  void FindPort(uint8_t ip_protocol, uint16_t port, Aspect aspect, FoundSets& found) const {
    ports.ForEach(PortKey(ip_protocol, port),
                  [&](std::span<const uint32_t> run) { found.Add(aspect, run); });
  }
  void FindApp(uint16_t app, FoundSets& found) const {
    apps.ForEach(app, [&](std::span<const uint32_t> run) { found.Add(Aspect::kApp, run); });
  }
  void FindCategory(uint16_t category, FoundSets& found) const {
    categories.ForEach(category,
                       [&](std::span<const uint32_t> run) { found.Add(Aspect::kCategory, run); });
  }
  void FindName(std::string_view name, FoundSets& found) const {
    names.ForEach(name, [&](const NameTable::Group& group, bool whole) {
      if (whole) found.Add(Aspect::kHost, group.hosts);
      found.Add(Aspect::kDomain, group.domains);
      AddListPlaces(group, whole, found.name_lists());
    });
    found.Add(Aspect::kList, found.name_lists().lists());
  }

  size_t memory_bytes() const {
    return v4.memory_bytes() + v6.memory_bytes() + groups_v4.memory_bytes() +
           groups_v6.memory_bytes() + macs.memory_bytes() + vlans.memory_bytes() +
           ports.memory_bytes() + apps.memory_bytes() + categories.memory_bytes() +
           names.memory_bytes() + list_addresses.memory_bytes() +
           (keywords == nullptr ? 0 : keywords->memory_bytes());
  }

 private:
  static void FindIn(const AddressMapV4& v4, const AddressMapV6& v6, const base::IpAddress& address,
                     Aspect aspect, FoundSets& found) {
    const auto add = [&](std::span<const uint32_t> run) { found.Add(aspect, run); };
    const AddressKeyV6 key = AddressKey(address);
    if (address.is_v4()) {
      v4.ForEach(static_cast<uint32_t>(key), add);
    } else {
      v6.ForEach(key, add);
    }
  }
};

}  // namespace weir::rules

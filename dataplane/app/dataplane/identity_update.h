// What control tells of addresses and their accounts in one request: {"cmd":"identity.update",…}.
//
// Wherever an address may stand, so may a prefix: "2001:db8:0:100::/56". Of those that hold an
// address the longest counts.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/base/ip_address.h"
#include "dataplane/base/result.h"

namespace weir::appliance {

struct IdentityUpdate {
  static constexpr size_t kEntriesMax = 100'000;  // of one request
  static constexpr size_t kAccountBytesMax = 255;

  std::string boot;  // of the publisher
  uint64_t seq = 0;  // one more than that of the update before

  // The bindings there are, in place of all that was told before: in one request or several, of
  // which the first begins and the last ends. Otherwise what has changed.
  bool full = false;
  bool first = false;
  bool last = false;

  std::vector<std::pair<base::IpPrefix, std::string>> set;
  std::vector<base::IpPrefix> remove;  // not in a full one

  // Fails on the first thing that is not as it should be; then nothing of it counts.
  static base::Result<IdentityUpdate> Parse(const nlohmann::json& request);
};

}  // namespace weir::appliance

// A 48-bit MAC address in the order of the wire.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "dataplane/base/result.h"

namespace weir::base {

struct MacAddress {
  std::array<uint8_t, 6> bytes{};

  // "02:00:5e:10:00:01", also with '-', or as "0200.5e10.0001", any case.
  static Result<MacAddress> Parse(std::string_view text);
  std::string ToString() const;  // lower case with colons
  bool is_zero() const { return bytes == std::array<uint8_t, 6>{}; }

  auto operator<=>(const MacAddress&) const = default;
};

}  // namespace weir::base

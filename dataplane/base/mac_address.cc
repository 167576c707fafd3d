#include "dataplane/base/mac_address.h"

#include <fmt/compile.h>
#include <fmt/format.h>

#include "dataplane/base/hex.h"

namespace weir::base {

Result<MacAddress> MacAddress::Parse(std::string_view text) {
  const Error bad{fmt::format("'{}' is not a MAC address; 02:00:5e:10:00:01 would do", text)};
  const bool dotted = text.size() == 14 && text[4] == '.' && text[9] == '.';
  const char separator = text.size() == 17 ? text[2] : '.';
  if (!dotted && separator != ':' && separator != '-') return bad;
  const size_t group = dotted ? 4 : 2;
  MacAddress mac;
  size_t digit = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (i % (group + 1) == group) {
      if (text[i] != separator) return bad;
      continue;
    }
    const int value = HexDigit(text[i]);
    if (value < 0) return bad;
    uint8_t& byte = mac.bytes[digit / 2];
    byte = static_cast<uint8_t>((byte << 4) | value);
    ++digit;
  }
  return mac;
}

std::string MacAddress::ToString() const {
  return fmt::format(FMT_COMPILE("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}"), bytes[0], bytes[1],
                     bytes[2], bytes[3], bytes[4], bytes[5]);
}

}  // namespace weir::base

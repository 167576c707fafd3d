#include "dataplane/dhcp/message.h"

#include <algorithm>

namespace weir::dhcp {

std::string_view SeenName(Seen seen) {
  switch (seen) {
    case Seen::kBound:
      return "bound";
    case Seen::kReleased:
      return "released";
    case Seen::kUnknownServer:
      return "unknown_server";
    case Seen::kWrongSide:
      return "wrong_side";
    case Seen::kBadChecksum:
      return "bad_checksum";
    case Seen::kMalformed:
      return "malformed";
    case Seen::kNoClient:
      return "no_client";
    case Seen::kTooMany:
      return "too_many";
    case Seen::kCount:
      break;
  }
  return "";
}

std::span<const uint8_t> CutPlace(std::span<const uint8_t> bytes) {
  return bytes.first(std::min(bytes.size(), kPlaceBytesMax));
}

base::MacAddress MacOf(uint16_t hardware_type, std::span<const uint8_t> address) {
  constexpr uint16_t kEthernet = 1;
  constexpr uint16_t kIeee802 = 6;
  base::MacAddress mac;
  const bool is_mac = (hardware_type == kEthernet || hardware_type == kIeee802) &&
                      address.size() == mac.bytes.size();
  if (is_mac) std::copy(address.begin(), address.end(), mac.bytes.begin());
  return mac;
}

}  // namespace weir::dhcp

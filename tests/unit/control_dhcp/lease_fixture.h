// Leases in short, for the tests of this folder: seconds count from a fixed start.
#pragma once

#include <string>

#include "control/dhcp/lease_book.h"

namespace weir::control::dhcp {

inline base::WallTime At(int64_t seconds) {
  return {(1'790'000'000 + seconds) * base::kNsPerSecond};
}
inline std::string Since(base::WallTime time) {
  return std::to_string((time.ns - At(0).ns) / base::kNsPerSecond);
}
inline base::IpAddress Ip(std::string_view text) { return base::IpAddress::Parse(text).value(); }
// "a" is 02:00:00:00:00:0a.
inline base::MacAddress MacOf(char client) {
  return base::MacAddress{{2, 0, 0, 0, 0, static_cast<uint8_t>(client - 'a' + 10)}};
}

inline events::LeaseEvent Bound(char client, std::string_view ip, int64_t at, uint32_t lease_s,
                                std::string_view circuit = "") {
  events::LeaseEvent event;
  event.time = At(at);
  const auto prefix = base::IpPrefix::Parse(ip).value();
  event.ip = prefix.address();
  event.prefix_bits = static_cast<uint8_t>(prefix.length_bits());
  event.mac = MacOf(client);
  event.lease_s = lease_s;
  event.server = Ip("10.0.0.5");
  event.circuit = circuit;
  return event;
}
inline events::LeaseEvent Released(char client, std::string_view ip, int64_t at) {
  events::LeaseEvent event = Bound(client, ip, at, 0);
  event.state = events::LeaseState::kReleased;
  return event;
}

// "a 10-60 superseded"
inline std::string Line(const accounts::Lease& lease) {
  const char client = static_cast<char>('a' + lease.mac.bytes[5] - 10);
  return std::string(1, client) + " " + Since(lease.since) + "-" + Since(lease.until) +
         (lease.cause.empty() ? "" : " " + lease.cause);
}

}  // namespace weir::control::dhcp

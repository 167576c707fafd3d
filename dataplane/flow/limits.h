// How many flows a worker keeps, and for how long without a packet.
#pragma once

#include <cstdint>

namespace weir::flow {

// Longer than servers wait for a request or the rest of one (nginx 60 s): what was seen of it is
// remembered for so long.
inline constexpr uint64_t kUnfinishedUs = 120'000'000;

struct Limits {
  uint32_t flows_max = 1'000'000;
  // Share of the table that flows without any payload (SYN scans and floods) may take, in percent.
  uint32_t embryonic_percent = 25;
  uint32_t tcp_established_s = 3600;
  uint32_t tcp_embryonic_s = 30;
  uint32_t tcp_closed_s = 10;  // after RST or both FINs
  uint32_t udp_s = 120;
  uint32_t icmp_s = 30;
  uint32_t other_s = 120;
  // A session is recorded in parts of this length, or up to a refresh longer, and its open part
  // refreshed this often.
  uint32_t part_s = 1800;
  uint32_t refresh_s = 60;
};

}  // namespace weir::flow

// How a worker's pipeline is to be built; fixed for its life.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "dataplane/base/config.h"
#include "dataplane/base/ip_address.h"
#include "dataplane/flow/limits.h"
#include "dataplane/fragments/limits.h"
#include "dataplane/packet/packet.h"
#include "dataplane/respond/settings.h"

namespace weir::pipeline {

struct Options {
  unsigned worker_index = 0;  // 0 to 63, goes into session ids
  flow::Limits flow_limits;
  fragments::Limits fragment_limits;
  // Flows whose name or application is being found out at one time. A flow that finds no place goes
  // without a name, is judged as having none, and is counted. 0: a quarter of the flows,
  // 65,536 at most.
  uint32_t learning_max = 0;
  uint32_t stream_buffers_max = 8'192;  // of 18 KB each, of memory only where used
  base::MidStream midstream = base::MidStream::kRead;
  bool two_way = true;     // the servers' packets come this way too
  bool strip_ech = false;  // from plain DNS answers, while the policy blocks by name
  std::array<uint8_t, 16>
      hash_secret{};  // per boot, from the kernel's random pool; fixed in replay
  // [fail] mode = "closed": what finds no room in the flow table, or among the streams being read
  // under a policy that blocks by name, is dropped, not forwarded unread.
  bool drop_when_table_full = false;
  bool drop_when_streams_full = false;
  bool drop_too_deep = false;  // [parse] too_deep = "drop"
  // Captures have no ports: addresses in these prefixes are inside. Empty where ports tell the
  // side.
  std::vector<base::IpPrefix> inside;
  respond::Settings respond;
  // Whose DHCP answers are told as leases, and behind which port they are; empty: nobody's.
  std::vector<base::IpPrefix> dhcp_servers;
  packet::Side dhcp_side = packet::Side::kOutside;
  uint64_t boot_id = 0;  // of this start of the data plane, for news of a worker's own
};

}  // namespace weir::pipeline

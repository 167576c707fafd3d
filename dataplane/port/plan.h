// What the two ports will need, worked out before the EAL starts: whether they can work at all, how
// large a buffer must be, and how many there must be. Changes nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/base/config.h"
#include "dataplane/base/result.h"
#include "dataplane/packet/packet.h"
#include "dataplane/port/link.h"
#include "dataplane/port/port_spec.h"

namespace weir::port {

enum class Driver : uint8_t {
  kAfXdp,
  kAfPacket,
  kOther,  // whatever else DPDK drives: a NIC, net_pcap, net_ring, net_null
};

inline constexpr uint32_t kPageBytes = 4096;
// An AF_XDP frame, its mbuf header and both headrooms lie in one page.
inline constexpr uint32_t kAfXdpFrameBytesMax = 3456;
inline constexpr uint32_t kFrameBytesMax = 9728;         // of every other port
inline constexpr uint32_t kLinkHeaderBytesMax = 14 + 8;  // Ethernet and two VLAN tags

struct PlannedPort {
  packet::Side side = packet::Side::kUnknown;
  PortSpec spec;
  std::optional<Link> link;  // where it stands on a kernel interface
  Driver driver = Driver::kOther;
  bool may_fall_back = false;  // a bare interface outside a bridge: AF_PACKET when AF_XDP fails

  const char* side_name() const;  // "inside", "outside"
};

struct Plan {
  PlannedPort inside;
  PlannedPort outside;
  uint16_t workers = 1;
  uint16_t queues = 1;             // to receive from, of each port: one a worker, or one in all
  uint32_t buffer_data_bytes = 0;  // room for frame and DPDK's headroom in an mbuf
  // Each buffer is one page with its headers. The AF_XDP driver registers as much memory as the
  // buffers take when they lie close together, while a pool leaves out what would cross a page:
  // buffers of any other size end up outside, and the kernel swallows them without a word.
  bool buffer_is_a_page = false;
  uint32_t buffers = 0;
  uint32_t memory_mb = 0;  // that the EAL needs for all of it
  // Several threads may share a core, or leave theirs in the middle of something: then none may
  // spin for another.
  bool workers_may_be_preempted = false;
  int node = -1;                      // of the packet buffers; -1: any
  std::vector<std::string> warnings;  // a line each

  bool distributed() const { return queues < workers; }
};

// Looks at the interfaces and at [fail]: fails with one line where forwarding would be wrong (an
// interface that is not there, a bridge that would forward a second time, frames that would not
// fit), warns where it would only be unwise.
base::Result<Plan> MakePlan(const base::Config& config);

// The arguments of net_af_packet for frames of `mtu_bytes`: it cuts what is longer than its frame.
std::string AfPacketArguments(const std::string& interface, uint32_t mtu_bytes);

}  // namespace weir::port

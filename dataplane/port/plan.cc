#include "dataplane/port/plan.h"

#include <fmt/format.h>
#include <linux/if_packet.h>
#include <pcap/pcap.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <algorithm>
#include <array>

#include "dataplane/port/topology.h"

namespace weir::port {
namespace {

// What AF_XDP keeps in flight for a queue: fill ring, receive ring and both directions of send.
constexpr uint32_t kBuffersPerQueue = 8192;
constexpr uint32_t kSpareBuffers = 4096;  // bursts in hand, caches, Weir's own frames
// What a worker without queues of its own may have in its four rings, and in its cache.
constexpr uint32_t kBuffersPerHandedWorker = 4 * 2048 + 512;
constexpr uint32_t kPreloadedPacketsMax = 1'000'000;
constexpr uint32_t kXdpHeadroomBytes = 256;
// Rings, device memory and the malloc heap's own, beside the buffers.
constexpr uint64_t kOtherMemoryBytes = uint64_t{96} << 20;

constexpr uint32_t kPoolHeaderBytes = RTE_ALIGN(sizeof(rte_mempool_objhdr), RTE_CACHE_LINE_SIZE);
// A whole page with what is around it; see Plan::buffer_is_a_page.
constexpr uint32_t kPageBufferBytes = kPageBytes - kPoolHeaderBytes - sizeof(rte_mbuf);
static_assert(kPageBufferBytes - RTE_PKTMBUF_HEADROOM - kXdpHeadroomBytes >= kAfXdpFrameBytesMax);

// TPACKET2_HDRLEN, rounded to TPACKET_ALIGNMENT.
constexpr uint32_t kAfPacketHeaderBytes = 64;
static_assert(sizeof(tpacket2_hdr) + sizeof(sockaddr_ll) <= kAfPacketHeaderBytes);

constexpr uint32_t RoundUp(uint32_t value, uint32_t step) {
  return (value + step - 1) / step * step;
}

uint32_t AfPacketFrameBytes(uint32_t mtu_bytes) {
  const uint32_t needed = mtu_bytes + kLinkHeaderBytesMax + kAfPacketHeaderBytes;
  return std::max(2048U, RoundUp(needed, 1024));
}

uint32_t LongestFrameBytes(const Link& link) { return link.mtu_bytes + kLinkHeaderBytesMax; }

base::Error PortError(const PlannedPort& port, const std::string& what) {
  return base::Error{fmt::format("port {}: {}", port.side_name(), what)};
}

base::Result<PlannedPort> PlanPort(packet::Side side, const std::string& text) {
  PlannedPort port;
  port.side = side;
  auto spec = ParsePortSpec(text);
  if (!spec) return PortError(port, spec.error().message);
  port.spec = std::move(*spec);
  if (!port.spec.interface.empty()) {
    auto link = FindLink(port.spec.interface);
    if (!link) return PortError(port, link.error().message);
    port.link = std::move(*link);
  }
  if (port.spec.kind == PortSpec::Kind::kInterface || port.spec.driver == "net_af_xdp") {
    port.driver = Driver::kAfXdp;
  } else if (port.spec.driver == "net_af_packet") {
    port.driver = Driver::kAfPacket;
  }
  port.may_fall_back = port.spec.kind == PortSpec::Kind::kInterface && port.link->bridge.empty();
  return port;
}

// Chooses AF_PACKET where frames are too long for AF_XDP, and refuses what would cut or double
// them.
base::Status FitDriver(PlannedPort& port, base::FailMode fail, std::vector<std::string>& warnings) {
  if (!port.link) return {};
  const Link& link = *port.link;
  if (port.driver == Driver::kAfXdp && LongestFrameBytes(link) > kAfXdpFrameBytesMax) {
    const std::string why =
        fmt::format("'{}' has an MTU of {}, and AF_XDP takes at most {}", link.name, link.mtu_bytes,
                    kAfXdpFrameBytesMax - kLinkHeaderBytesMax);
    if (!port.may_fall_back) return PortError(port, why + ": lower the MTU");
    warnings.push_back(fmt::format("port {}: {}: using AF_PACKET", port.side_name(), why));
    port.driver = Driver::kAfPacket;
  }
  if (link.mtu_bytes + kLinkHeaderBytesMax > kFrameBytesMax) {
    return PortError(port, fmt::format("'{}' has an MTU of {}, expected at most {}", link.name,
                                       link.mtu_bytes, kFrameBytesMax - kLinkHeaderBytesMax));
  }
  if (link.bridge.empty()) return {};
  if (fail == base::FailMode::kClosed) {
    return PortError(port,
                     fmt::format("'{0}' is a member of bridge '{1}', which forwards when Weir is "
                                 "gone: [fail] mode = \"closed\" needs it out of the bridge "
                                 "(ip link set {0} nomaster)",
                                 link.name, link.bridge));
  }
  if (port.driver == Driver::kAfPacket) {
    return PortError(port, fmt::format("'{0}' is a member of bridge '{1}', which would forward "
                                       "each AF_PACKET frame a second time: use AF_XDP, or take "
                                       "it out of the bridge (ip link set {0} nomaster)",
                                       link.name, link.bridge));
  }
  return {};
}

void WarnAboutBridge(Plan& plan, base::FailMode fail) {
  if (fail == base::FailMode::kClosed || !plan.inside.link || !plan.outside.link) return;
  const std::string& inside = plan.inside.link->bridge;
  const std::string& outside = plan.outside.link->bridge;
  if (!inside.empty() && inside == outside) return;
  plan.warnings.push_back(
      fmt::format("[fail] mode is \"open\", but '{}' and '{}' are not in one kernel bridge: while "
                  "Weir does not run, nothing passes",
                  plan.inside.link->name, plan.outside.link->name));
}

// What net_pcap with infinite_rx=1 keeps of its file: every packet, in a buffer of its own.
struct Preloaded {
  uint32_t packets = 0;
  uint32_t longest_bytes = 0;
};

base::Result<Preloaded> LookAtPreloaded(const PlannedPort& port) {
  Preloaded loaded;
  if (port.spec.driver != "net_pcap" || port.spec.Argument("infinite_rx") != "1") return loaded;
  const std::string file = port.spec.Argument("rx_pcap").value_or("");
  std::array<char, PCAP_ERRBUF_SIZE> error{};
  pcap_t* capture = pcap_open_offline(file.c_str(), error.data());
  if (capture == nullptr) return PortError(port, error.data());
  pcap_pkthdr* header = nullptr;
  const u_char* bytes = nullptr;
  while (loaded.packets <= kPreloadedPacketsMax && pcap_next_ex(capture, &header, &bytes) == 1) {
    ++loaded.packets;
    loaded.longest_bytes = std::max(loaded.longest_bytes, header->caplen);
  }
  pcap_close(capture);
  if (loaded.packets > kPreloadedPacketsMax) {
    return PortError(port, fmt::format("'{}' has more than {} packets, which infinite_rx would "
                                       "keep in memory",
                                       file, kPreloadedPacketsMax));
  }
  return loaded;
}

// The longest frame that may come in by the port. Small buffers lie closer together: with those of
// kFrameBytesMax every packet is on pages of its own.
uint32_t LongestFrameBytes(const PlannedPort& port, const Preloaded& loaded) {
  if (port.link) return LongestFrameBytes(*port.link);
  if (loaded.packets != 0) return std::min(loaded.longest_bytes, kFrameBytesMax);
  const bool receives_nothing =
      port.spec.driver == "net_null" && port.spec.Argument("no-rx") == "1";
  return receives_nothing ? 0 : kFrameBytesMax;
}

bool AnyIsAfXdp(const PlannedPort& inside, const PlannedPort& outside) {
  return inside.driver == Driver::kAfXdp || outside.driver == Driver::kAfXdp;
}

// The smallest buffer that both ports can live with.
uint32_t BufferBytes(const PlannedPort& inside, const PlannedPort& outside, uint32_t frame_bytes) {
  if (AnyIsAfXdp(inside, outside)) return kPageBufferBytes;
  const std::array<const PlannedPort*, 2> ports = {&inside, &outside};
  for (const PlannedPort* port : ports) {
    if (port->driver == Driver::kAfPacket) {
      frame_bytes = std::max(frame_bytes, AfPacketFrameBytes(port->link->mtu_bytes));
    }
  }
  return RTE_PKTMBUF_HEADROOM + RoundUp(std::max(frame_bytes, 2048U), 64);
}

// A kernel interface, and what else is no network card, has no spreading of its own that can be
// relied on. net_null gives every queue the same.
bool MaySpread(const PlannedPort& port) {
  return port.spec.kind == PortSpec::Kind::kPci || port.spec.driver == "net_null";
}

void PlanWorkers(Plan& plan, const base::WorkersConfig& workers) {
  plan.workers = static_cast<uint16_t>(workers.cores.size());
  const bool may_spread = MaySpread(plan.inside) && MaySpread(plan.outside);
  plan.queues = may_spread ? plan.workers : uint16_t{1};
  plan.workers_may_be_preempted = plan.workers > 1 && workers.idle == base::IdleMode::kSleep;
  const Topology machine;
  const std::array<int, 2> nodes = {machine.NodeOf(plan.inside.spec),
                                    machine.NodeOf(plan.outside.spec)};
  plan.node = nodes[0] >= 0 ? nodes[0] : nodes[1];
  for (std::string& line : NodeWarnings(machine, workers.cores, nodes)) {
    plan.warnings.push_back(std::move(line));
  }
}

}  // namespace

const char* PlannedPort::side_name() const {
  return side == packet::Side::kInside ? "inside" : "outside";
}

base::Result<Plan> MakePlan(const base::Config& config) {
  Plan plan;
  auto inside = PlanPort(packet::Side::kInside, config.ports.inside);
  if (!inside) return inside.error();
  auto outside = PlanPort(packet::Side::kOutside, config.ports.outside);
  if (!outside) return outside.error();
  plan.inside = std::move(*inside);
  plan.outside = std::move(*outside);
  if (plan.inside.spec.device == plan.outside.spec.device) {
    return base::Error{
        fmt::format("ports inside and outside are the same device '{}'", plan.inside.spec.device)};
  }
  for (PlannedPort* port : {&plan.inside, &plan.outside}) {
    if (auto fits = FitDriver(*port, config.fail.mode, plan.warnings); !fits) return fits.error();
  }
  WarnAboutBridge(plan, config.fail.mode);

  PlanWorkers(plan, config.workers);
  plan.buffer_is_a_page = AnyIsAfXdp(plan.inside, plan.outside);
  plan.buffers = 2U * plan.queues * kBuffersPerQueue + kSpareBuffers;
  if (plan.distributed()) plan.buffers += plan.workers * kBuffersPerHandedWorker;
  uint32_t frame_bytes = 0;
  for (const PlannedPort* port : {&plan.inside, &plan.outside}) {
    auto loaded = LookAtPreloaded(*port);
    if (!loaded) return loaded.error();
    plan.buffers += loaded->packets;
    frame_bytes = std::max(frame_bytes, LongestFrameBytes(*port, *loaded));
  }
  plan.buffer_data_bytes = BufferBytes(plan.inside, plan.outside, frame_bytes);
  const uint64_t buffer_bytes =
      kPoolHeaderBytes + sizeof(rte_mbuf) + plan.buffer_data_bytes + RTE_CACHE_LINE_SIZE;
  const uint64_t bytes = buffer_bytes * plan.buffers + kOtherMemoryBytes;
  plan.memory_mb = static_cast<uint32_t>((bytes >> 20) + 1);
  return plan;
}

std::string AfPacketArguments(const std::string& interface, uint32_t mtu_bytes) {
  // The driver counts frames from the start of the ring as if there were no blocks: they must fill
  // them without a rest. Four times a multiple of 1024 is also a multiple of the page.
  const uint32_t frame_bytes = AfPacketFrameBytes(mtu_bytes);
  return fmt::format("iface={},framesz={},blocksz={},framecnt=1024,qdisc_bypass=1", interface,
                     frame_bytes, frame_bytes * 4);
}

}  // namespace weir::port

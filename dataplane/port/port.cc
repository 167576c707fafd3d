#include <fmt/format.h>
#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_log.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "dataplane/port/output_capture.h"
#include "dataplane/port/ports.h"

namespace weir::port {
namespace {

constexpr uint16_t kRxDescriptors = 2048;  // what AF_XDP's fill ring is made for
constexpr uint16_t kTxDescriptors = 2048;

// Both directions of a flow hash alike under a key that repeats these two bytes (Woo and Park,
// "Scalable TCP session monitoring with symmetric receive-side scaling").
constexpr std::array<uint8_t, 2> kSymmetricKey = {0x6d, 0x5a};
constexpr size_t kRssKeyBytesMax = 64;

// Which worker gets a packet. By addresses alone where the NIC can do that for every IP packet: a
// fragment has no ports, and its datagram must be put together where its flow is.
uint64_t RssFields(uint64_t offered) {
  constexpr uint64_t kByAddresses = RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_IPV6;
  constexpr uint64_t kPorts = RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP;
  const bool by_addresses = (offered & kByAddresses) == kByAddresses;
  return offered & (by_addresses ? RTE_ETH_RSS_IP : RTE_ETH_RSS_IP | kPorts);
}

// What a device says of its spreading. None: it is not there yet, or cannot do it.
std::optional<rte_eth_dev_info> SpreadingOf(const PlannedPort& port, uint16_t workers) {
  uint16_t id = 0;
  rte_eth_dev_info info;
  if (rte_eth_dev_get_port_by_name(port.spec.device.c_str(), &id) != 0 ||
      rte_eth_dev_info_get(id, &info) != 0) {
    return std::nullopt;
  }
  const bool spreads = (info.flow_type_rss_offloads & RTE_ETH_RSS_IP) != 0 &&
                       info.hash_key_size <= kRssKeyBytesMax && info.max_rx_queues >= workers &&
                       info.max_tx_queues >= workers;
  return spreads ? std::optional(info) : std::nullopt;
}

// Runs DPDK calls with their output caught, and gives its reason when they fail.
template <typename Call>
base::Status Quietly(const Call& call) {
  LogBuffer log;
  FILE* const before = rte_log_get_stream();
  rte_openlog_stream(log.stream());
  OutputCapture capture;
  const int result = call();
  const std::string printed = capture.Finish();
  rte_openlog_stream(before);
  if (result >= 0) return {};
  std::string reason = ReasonIn(log.Take());
  if (reason.empty()) reason = ReasonIn(printed);
  const std::string code = std::strerror(-result);
  if (reason.empty()) return base::Error{code};
  return base::Error{fmt::format("{} ({})", reason, code)};
}

std::string DriverOf(const PlannedPort& planned, Driver driver) {
  if (driver == Driver::kAfXdp) return "net_af_xdp";
  if (driver == Driver::kAfPacket) return "net_af_packet";
  return planned.spec.driver;
}

// A bare interface's device has its side in its name: two of them may not be called alike.
std::string DeviceNameOf(const PlannedPort& planned, Driver driver) {
  if (planned.spec.kind != PortSpec::Kind::kInterface) return planned.spec.device;
  return fmt::format("{}_{}", DriverOf(planned, driver), planned.side_name());
}

std::string ArgumentsOf(const PlannedPort& planned, Driver driver) {
  if (planned.spec.kind != PortSpec::Kind::kInterface) return planned.spec.arguments;
  if (driver == Driver::kAfPacket) {
    return AfPacketArguments(planned.link->name, planned.link->mtu_bytes);
  }
  // Busy polling makes a system call of every empty look at the ring, and keeps an idle worker from
  // being woken: it is for those who ask for it in the devargs.
  return fmt::format("iface={},busy_budget=0", planned.link->name);
}

}  // namespace

// The two directions of a flow come by different ports. They meet at one worker only where both
// ports hash alike and look the hash up in tables of one size.
std::string DecideQueues(Plan& plan) {
  const auto is_card = [](const PlannedPort& port) {
    return port.spec.kind == PortSpec::Kind::kPci;
  };
  if (plan.queues == 1 || (!is_card(plan.inside) && !is_card(plan.outside))) return {};
  const auto inside = SpreadingOf(plan.inside, plan.workers);
  const auto outside = SpreadingOf(plan.outside, plan.workers);
  const bool alike = inside && outside && inside->reta_size == outside->reta_size &&
                     std::string_view(inside->driver_name) == outside->driver_name;
  if (alike) return {};
  plan.queues = 1;
  return "the network cards cannot spread flows over the workers alike: the first worker does it";
}

base::Result<std::unique_ptr<Port>> Port::Open(const PlannedPort& planned, const Plan& plan,
                                               rte_mempool* pool, const Notice& notice) {
  const auto fail = [&planned](const base::Error& error) {
    return base::Error{
        fmt::format("port {}: '{}': {}", planned.side_name(), planned.spec.text, error.message)};
  };
  std::unique_ptr<Port> port(new Port());
  port->side_ = planned.side;
  port->side_name_ = planned.side_name();
  if (planned.link) {
    auto setup = LinkSetup::Apply(*planned.link);
    if (!setup) return fail(setup.error());
    port->link_setup_ = std::move(*setup);
  }
  base::Status opened = port->OpenDevice(planned, planned.driver, plan, pool);
  if (!opened && planned.driver == Driver::kAfXdp && planned.may_fall_back) {
    notice(fmt::format("port {}: '{}': no AF_XDP ({}): using AF_PACKET", planned.side_name(),
                       planned.spec.text, opened.error().message));
    opened = port->OpenDevice(planned, Driver::kAfPacket, plan, pool);
  }
  if (!opened) return fail(opened.error());
  return port;
}

base::Status Port::OpenDevice(const PlannedPort& planned, Driver driver, const Plan& plan,
                              rte_mempool* pool) {
  device_ = planned.link ? planned.link->name : planned.spec.device;
  base::Status done = Probe(DeviceNameOf(planned, driver), ArgumentsOf(planned, driver),
                            planned.spec.kind == PortSpec::Kind::kPci);
  if (done) done = Configure(plan, pool);
  if (!done) {
    Close();
    return done;
  }
  if (planned.link) frame_bytes_max_ = planned.link->mtu_bytes + kLinkHeaderBytesMax;
  return {};
}

base::Status Port::Probe(const std::string& name, const std::string& arguments, bool is_pci) {
  if (!is_pci) {  // a PCI device was probed by the EAL
    auto probed =
        Quietly([&] { return rte_eal_hotplug_add("vdev", name.c_str(), arguments.c_str()); });
    if (!probed) return probed;
  }
  if (rte_eth_dev_get_port_by_name(name.c_str(), &id_) != 0) {
    return base::Error{is_pci ? "DPDK has no port there: is it bound to vfio-pci?"
                              : "DPDK made no port of it"};
  }
  probed_ = true;
  rte_eth_dev_info info;
  if (rte_eth_dev_info_get(id_, &info) == 0 && info.driver_name != nullptr) {
    driver_ = info.driver_name;
  }
  return {};
}

base::Status Port::Configure(const Plan& plan, rte_mempool* pool) {
  if (auto done = ConfigureQueues(plan); !done) return done;
  if (auto done = SetUpQueues(plan, pool); !done) return done;
  return Quietly([this] {
    const int started = rte_eth_dev_start(id_);
    if (started == 0) rte_eth_promiscuous_enable(id_);  // where it has such a thing
    return started;
  });
}

base::Status Port::ConfigureQueues(const Plan& plan) {
  rte_eth_dev_info info;
  if (const int result = rte_eth_dev_info_get(id_, &info); result != 0) {
    return base::Error{std::strerror(-result)};
  }
  rte_eth_conf configuration{};
  std::array<uint8_t, kRssKeyBytesMax> key;
  for (size_t i = 0; i < key.size(); ++i) key[i] = kSymmetricKey[i % kSymmetricKey.size()];
  if (plan.queues > 1) {
    configuration.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    configuration.rx_adv_conf.rss_conf.rss_key = key.data();
    configuration.rx_adv_conf.rss_conf.rss_key_len = info.hash_key_size;
    configuration.rx_adv_conf.rss_conf.rss_hf = RssFields(info.flow_type_rss_offloads);
  }
  frame_bytes_max_ = plan.buffer_data_bytes - RTE_PKTMBUF_HEADROOM;
  const uint32_t mtu = std::min<uint32_t>(info.max_mtu, frame_bytes_max_ - kLinkHeaderBytesMax);
  // A NIC takes long frames when told so; for kernel interfaces the kernel's MTU holds.
  if (!link_setup_ && info.max_mtu > RTE_ETHER_MTU) configuration.rxmode.mtu = mtu;
  const auto configure = [&](uint16_t tx_queues) {
    tx_queues_ = tx_queues;
    return Quietly(
        [&] { return rte_eth_dev_configure(id_, plan.queues, tx_queues, &configuration); });
  };
  // Some drivers want as many queues to send by as there are to receive from.
  if (info.max_tx_queues >= plan.workers && configure(plan.workers)) return {};
  return configure(plan.queues);
}

base::Status Port::SetUpQueues(const Plan& plan, rte_mempool* pool) {
  return Quietly([&] {
    uint16_t rx_descriptors = kRxDescriptors;
    uint16_t tx_descriptors = kTxDescriptors;
    int result = rte_eth_dev_adjust_nb_rx_tx_desc(id_, &rx_descriptors, &tx_descriptors);
    const auto socket = static_cast<unsigned>(std::max(0, rte_eth_dev_socket_id(id_)));
    for (uint16_t queue = 0; queue < plan.queues && result >= 0; ++queue) {
      result = rte_eth_rx_queue_setup(id_, queue, rx_descriptors, socket, nullptr, pool);
    }
    for (uint16_t queue = 0; queue < tx_queues_ && result >= 0; ++queue) {
      result = rte_eth_tx_queue_setup(id_, queue, tx_descriptors, socket, nullptr);
    }
    return result;
  });
}

Port::~Port() { Close(); }

void Port::Close() {
  if (!probed_) return;
  probed_ = false;
  static_cast<void>(Quietly([this] {
    rte_eth_dev_info info;
    const bool known = rte_eth_dev_info_get(id_, &info) == 0;
    rte_eth_dev_stop(id_);
    rte_eth_dev_close(id_);  // detaches XDP
    if (known && info.device != nullptr) rte_dev_remove(info.device);
    return 0;
  }));
}

bool Port::link_up() const {
  rte_eth_link link{};
  return rte_eth_link_get_nowait(id_, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

PortStats Port::stats() const {
  rte_eth_stats raw{};
  if (rte_eth_stats_get(id_, &raw) != 0) return {};
  return {raw.ipackets, raw.opackets, raw.ibytes, raw.obytes, raw.imissed + raw.rx_nombuf};
}

}  // namespace weir::port

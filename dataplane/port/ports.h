// The two ports of the appliance, open and forwarding-ready, and the buffers they share.
//
// Both use one pool, so a frame goes from one port to the other without being copied. Opened and
// closed by the main thread; workers use them through WorkerPorts; statistics may be read by the
// main thread at any time.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "dataplane/base/result.h"
#include "dataplane/packet/packet.h"
#include "dataplane/port/plan.h"

struct rte_mempool;

namespace weir::port {

struct PortStats {
  uint64_t rx_packets = 0;
  uint64_t tx_packets = 0;
  uint64_t rx_bytes = 0;
  uint64_t tx_bytes = 0;
  uint64_t missed = 0;  // came, but the port had no room for them
};

class Port {
 public:
  // Probes, configures and starts the device. A bare interface that gives no AF_XDP is tried as
  // AF_PACKET, and `notice` gets the line that says so. On failure nothing is left behind.
  using Notice = std::function<void(const std::string& line)>;
  static base::Result<std::unique_ptr<Port>> Open(const PlannedPort& planned, const Plan& plan,
                                                  rte_mempool* pool, const Notice& notice);
  ~Port();
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  uint16_t id() const { return id_; }
  packet::Side side() const { return side_; }
  const char* side_name() const { return side_name_; }
  const std::string& driver() const { return driver_; }  // "net_af_xdp"
  const std::string& device() const { return device_; }  // the interface, or the device's name
  uint32_t frame_bytes_max() const { return frame_bytes_max_; }
  // One for each worker, or one in all where the driver has not as many.
  uint16_t tx_queues() const { return tx_queues_; }
  bool link_up() const;
  PortStats stats() const;

 private:
  Port() = default;
  base::Status Probe(const std::string& name, const std::string& arguments, bool is_pci);
  base::Status Configure(const Plan& plan, rte_mempool* pool);
  base::Status ConfigureQueues(const Plan& plan);
  base::Status SetUpQueues(const Plan& plan, rte_mempool* pool);
  base::Status OpenDevice(const PlannedPort& planned, Driver driver, const Plan& plan,
                          rte_mempool* pool);
  void Close();

  uint16_t id_ = 0;
  bool probed_ = false;
  packet::Side side_ = packet::Side::kUnknown;
  const char* side_name_ = "";
  std::string driver_;
  std::string device_;
  std::string interface_;
  uint32_t frame_bytes_max_ = 0;
  uint16_t tx_queues_ = 0;
  std::optional<LinkSetup> link_setup_;
};

// Once the EAL has started and knows the network cards: whether they spread flows over the workers
// by themselves. Where they do not, each port has one queue to receive from (plan.queues), and a
// line to tell comes back.
std::string DecideQueues(Plan& plan);

class Ports {
 public:
  // After Eal::Start().
  static base::Result<std::unique_ptr<Ports>> Open(const Plan& plan, const Port::Notice& notice);
  ~Ports();
  Ports(const Ports&) = delete;
  Ports& operator=(const Ports&) = delete;

  const Port& inside() const { return *inside_; }
  const Port& outside() const { return *outside_; }
  rte_mempool* pool() const { return pool_; }

 private:
  Ports() = default;

  rte_mempool* pool_ = nullptr;
  std::unique_ptr<Port> inside_;
  std::unique_ptr<Port> outside_;
};

}  // namespace weir::port

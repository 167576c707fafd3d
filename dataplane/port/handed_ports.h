// What a worker has in place of queues where the distributor receives for it: rings. It sends by a
// queue of its own where the port has one for it.
#pragma once

#include "dataplane/port/exchange.h"
#include "dataplane/port/worker_ports.h"

namespace weir::port {

class HandedPorts final : public WorkerPorts {
 public:
  HandedPorts(const Ports& ports, Exchange& exchange, unsigned worker);

  void Wait(int64_t timeout_ns) override;
  bool can_be_woken() const override { return true; }
  bool Leave() override;
  PortTotals totals() const override;

 protected:
  uint16_t ReceiveBurst(const Port& port, std::span<rte_mbuf*> burst) override;
  uint16_t SendBurst(const Port& port, std::span<rte_mbuf*> burst) override;

 private:
  bool AnythingThere() const;

  Exchange& exchange_;
  const unsigned worker_;
};

}  // namespace weir::port

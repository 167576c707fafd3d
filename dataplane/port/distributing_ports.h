// The first worker's ports where no port spreads flows: besides its own packets it receives those
// of all the others, and sends what they cannot send themselves.
//
// A Receive() takes up to four bursts from the port, so that a distributor with few flows of its
// own does not go through its whole round for each. Frames of a flow stay in order: they go through
// one ring to one worker, and through one ring back.
#pragma once

#include <array>
#include <vector>

#include "dataplane/port/exchange.h"
#include "dataplane/port/worker_ports.h"

namespace weir::port {

class DistributingPorts final : public WorkerPorts {
 public:
  DistributingPorts(const Ports& ports, Exchange& exchange);

  void Wait(int64_t timeout_ns) override;
  bool moved_for_others() override;
  bool Leave() override;

 protected:
  uint16_t ReceiveBurst(const Port& port, std::span<rte_mbuf*> burst) override;

 private:
  static constexpr unsigned kBurstsMax = 4;
  static constexpr unsigned kBurstFrames = packet::kBatchMax;

  // One worker's part of a burst.
  struct Part {
    std::array<rte_mbuf*, kBurstFrames> frames;
    unsigned count = 0;
  };
  // Frames on their way to a port, and whose they are.
  struct Load {
    std::array<rte_mbuf*, kBurstFrames> frames;
    std::array<uint8_t, kBurstFrames> workers;
    unsigned count = 0;
  };

  unsigned Divide(std::span<rte_mbuf*> received, const Port& port, rte_mbuf** own);
  void HandOver(unsigned worker, packet::Side side);
  void SendForOthers(const Port& port);
  bool Collect(packet::Side side, Load& load);
  void SendLoad(const Port& port, Load& load);
  bool AnythingToSend() const;

  Exchange& exchange_;
  std::vector<Part> parts_;     // by worker; empty between calls
  std::vector<pollfd> polled_;  // the ports' sockets, where they have some, and who wakes us
  unsigned first_to_send_ = 1;  // whose ring is looked into first
  bool moved_for_others_ = false;
  bool leaving_ = false;
};

}  // namespace weir::port

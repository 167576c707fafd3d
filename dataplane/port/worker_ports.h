// One worker's queues on both ports: bursts in, bursts out, with every frame accounted for.
//
// Used by its worker's thread only. Allocates nothing after construction, makes no system call but
// the driver's own and the wait of an idle worker.
#pragma once

#include <poll.h>

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/base/counter.h"
#include "dataplane/base/time.h"
#include "dataplane/packet/packet.h"
#include "dataplane/port/ports.h"

struct rte_mbuf;

namespace weir::port {

// received = what Receive() gave + refused; what Finish() was given = sent + unsent + dropped.
struct alignas(64) WorkerPortCounters {
  base::Counter received_packets;
  base::Counter received_bytes;
  base::Counter refused_packets;  // in several pieces that fit into no one buffer
  base::Counter sent_packets;
  base::Counter unsent_packets;  // marked forward, but longer than the port takes, or it was full
  base::Counter frames_made;     // by Weir itself, and sent
  base::Counter frames_unsent;
};

class WorkerPorts {
 public:
  WorkerPorts(const Ports& ports, uint16_t queue);

  // Up to a batch from the port on `side`. Packets are marked with side and time, else as new.
  // The batch must have gone through Finish() before it is filled again.
  void Receive(packet::Side side, base::MonoTime now, packet::Batch& batch);

  // Sends the forwarded packets of a batch from one port by the other one, frees the dropped and
  // the unsent. Unsent packets are marked dropped with kTransmit.
  void Finish(packet::Batch& batch);

  // A frame of Weir's own by the port on `side`; false when there is no room for it.
  bool Send(packet::Side side, std::span<const uint8_t> frame);

  // Sleeps until a frame has come on either port or the time is over. On drivers without a socket
  // to wait for, the time is all there is.
  void Wait(int64_t timeout_ns);
  bool can_be_woken() const { return !sockets_.empty(); }

  // Any thread.
  const WorkerPortCounters& counters() const { return counters_; }

 private:
  const Port& OppositeOf(packet::Side side) const;
  uint16_t SendBurst(const Port& port, std::span<rte_mbuf*> burst);

  const Port* inside_;
  const Port* outside_;
  rte_mempool* pool_;
  uint16_t queue_;
  std::vector<pollfd> sockets_;
  WorkerPortCounters counters_;
};

}  // namespace weir::port

// One worker's queues on both ports: bursts in, bursts out, with every frame accounted for.
//
// Used by its worker's thread only. Allocates nothing after construction, makes no system call but
// the driver's own and the wait of an idle worker.
#pragma once

#include <poll.h>

#include <array>
#include <cstdint>
#include <memory>
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

// Both as they are in the end: what another thread has counted for this worker is in it.
struct PortTotals {
  uint64_t received_packets = 0;  // including worker_full_packets
  uint64_t received_bytes = 0;
  uint64_t refused_packets = 0;
  uint64_t worker_full_packets = 0;  // the ring to this worker had no room
  uint64_t sent_packets = 0;
  uint64_t unsent_packets = 0;
  uint64_t frames_made = 0;
  uint64_t frames_unsent = 0;
};

// With queues of its own on both ports, as each worker has where the ports spread the flows. Where
// they do not, DistributingPorts and HandedPorts take its place: only where bursts come from and go
// to differs.
class WorkerPorts {
 public:
  WorkerPorts(const Ports& ports, uint16_t queue);
  virtual ~WorkerPorts() = default;
  WorkerPorts(const WorkerPorts&) = delete;
  WorkerPorts& operator=(const WorkerPorts&) = delete;

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
  virtual void Wait(int64_t timeout_ns);
  virtual bool can_be_woken() const { return !sockets_.empty(); }

  // Whether the last two Receive() have moved frames that are not this worker's.
  virtual bool moved_for_others() { return false; }
  // The worker is to stop: nothing new comes in from now on. To be called between rounds until it
  // is true: then nothing is under way any more.
  virtual bool Leave() { return true; }

  // Any thread.
  virtual PortTotals totals() const;

 protected:
  virtual uint16_t ReceiveBurst(const Port& port, std::span<rte_mbuf*> burst);
  virtual uint16_t SendBurst(const Port& port, std::span<rte_mbuf*> burst);

  const Port& inside() const { return *inside_; }
  const Port& outside() const { return *outside_; }
  const std::vector<pollfd>& sockets() const { return sockets_; }

 private:
  const Port& OppositeOf(packet::Side side) const;

  const Port* inside_;
  const Port* outside_;
  rte_mempool* pool_;
  uint16_t queue_;
  std::vector<pollfd> sockets_;
  WorkerPortCounters counters_;
};

class Exchange;

// The ports of worker `index`. `exchange`: null where the ports spread flows themselves; else it
// outlives what is made.
std::unique_ptr<WorkerPorts> MakeWorkerPorts(const Ports& ports, Exchange* exchange,
                                             unsigned index);

}  // namespace weir::port

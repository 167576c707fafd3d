// Frames on their way between the worker that receives for all and the others, where a port cannot
// spread flows over queues itself (decision 0013).
//
// The first worker is the distributor: it owns the one receive queue of each port, and chooses the
// worker of each frame. Each other worker has a ring a side for what it is to deal with, and, where
// a port has no send queue for it, a ring back for what the distributor is to send. Every ring has
// one writer and one reader; nobody ever waits for room in one.
//
//   port ─► distributor ─► to_worker(w, side) ─► worker w ─┬─► its own send queue ─► port
//                                                          └─► to_port(w, side) ─► distributor ─►
//                                                          port
//
// Made and destroyed by the main thread. Nothing here allocates or locks; the one system call is
// the write that wakes who has said that it sleeps.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/base/counter.h"
#include "dataplane/base/result.h"
#include "dataplane/base/unique_fd.h"
#include "dataplane/packet/packet.h"
#include "dataplane/port/ports.h"
#include "dataplane/spread/spread.h"

struct rte_mbuf;
struct rte_ring;

namespace weir::port {

// What the distributor counts for another worker. The worker's account takes it in, so that each
// one's is exact by itself.
struct alignas(64) HandOverCounters {
  base::Counter worker_full_packets;  // received, but the worker's ring had no room
  base::Counter worker_full_bytes;
  base::Counter unsent_packets;  // taken over for the port, which then did not take them
  base::Counter frames_unsent;   // the same of Weir's own
};

// A thread's sleep, and how others end it. The flag is exchanged on both sides: whoever comes
// second sees what the first had put into a ring before.
class alignas(64) Sleeper {
 public:
  base::Status Open();
  int fd() const { return fd_.get(); }

  // The thread itself. Between the two it may sleep, if nothing is there for it when Begin() is
  // done. `signalled`: its poll has found fd() readable.
  void Begin() { asleep_.exchange(true, std::memory_order_acq_rel); }
  void End(bool signalled);
  // Another thread, after it has put something down.
  void Wake() {
    if (asleep_.exchange(false, std::memory_order_acq_rel)) Signal();
  }

 private:
  void Signal();

  std::atomic<bool> asleep_{false};
  base::UniqueFd fd_;
};

class Exchange {
 public:
  static constexpr uint32_t kRingFrames = 2048;  // one less is the room

  struct Setup {
    unsigned workers = 0;
    std::array<uint8_t, 16> secret{};
    bool workers_sleep = false;  // [workers] idle = "sleep"
  };
  static base::Result<std::unique_ptr<Exchange>> Create(const Ports& ports, const Setup& setup);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  unsigned workers() const { return static_cast<unsigned>(lanes_.size()); }
  bool workers_sleep() const { return workers_sleep_; }
  const spread::Spread& spread() const { return spread_; }
  rte_ring* to_worker(unsigned worker, packet::Side side) const {
    return lanes_[worker].to_worker[IndexOf(side)];
  }
  // To the port on that side. Null: the worker has a send queue of its own there.
  rte_ring* to_port(unsigned worker, packet::Side side) const {
    return lanes_[worker].to_port[IndexOf(side)];
  }
  // For the ring's reader, at any time.
  static bool IsEmpty(const rte_ring* ring);
  HandOverCounters& counters(unsigned worker) { return lanes_[worker].counters; }
  const HandOverCounters& counters(unsigned worker) const { return lanes_[worker].counters; }
  Sleeper& sleeper(unsigned worker) { return lanes_[worker].sleeper; }

  // The end, so that what is in the rings is dealt with: the distributor receives no more; then
  // each worker has emptied its rings; then the distributor sends what they have left.
  void EndInput() { input_ended_.store(true, std::memory_order_release); }
  bool input_ended() const { return input_ended_.load(std::memory_order_acquire); }
  void SetDone(unsigned worker) { lanes_[worker].done.store(true, std::memory_order_release); }
  bool AllOthersDone() const;
  // Frees what is left in rings that nobody has come to empty, after a start that failed. While the
  // ports' pool is there, and no worker runs.
  void Clear();

 private:
  struct Lane {
    std::array<rte_ring*, 2> to_worker{};
    std::array<rte_ring*, 2> to_port{};
    HandOverCounters counters;
    Sleeper sleeper;
    std::atomic<bool> done{false};
  };

  explicit Exchange(const Setup& setup);
  base::Status MakeRings(const Ports& ports, unsigned worker);
  static size_t IndexOf(packet::Side side) { return side == packet::Side::kInside ? 0 : 1; }

  const spread::Spread spread_;
  const bool workers_sleep_;
  std::vector<Lane> lanes_;  // the distributor's has no rings
  std::atomic<bool> input_ended_{false};
};

}  // namespace weir::port

#include "dataplane/port/exchange.h"

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "dataplane/port/eal.h"
#include "dataplane/spread/shares.h"

namespace weir::port {
namespace {

rte_ring* MakeRing(const char* direction, const char* side, unsigned worker) {
  const std::string name = fmt::format("weir_{}_{}_{}", direction, side, worker);
  return rte_ring_create(name.c_str(), Exchange::kRingFrames,
                         static_cast<int>(rte_lcore_to_socket_id(Eal::WorkerLcore(worker))),
                         RING_F_SP_ENQ | RING_F_SC_DEQ);
}

void Empty(rte_ring* ring) {
  void* frame = nullptr;
  while (ring != nullptr && rte_ring_dequeue(ring, &frame) == 0) {
    rte_pktmbuf_free(static_cast<rte_mbuf*>(frame));
  }
}

}  // namespace

base::Status Sleeper::Open() {
  fd_.Reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (fd_) return {};
  return base::Error{fmt::format("no eventfd to wake a worker by: {}", std::strerror(errno))};
}

void Sleeper::Signal() {
  const uint64_t one = 1;
  // Cannot fail: the count is far from its end.
  static_cast<void>(::write(fd_.get(), &one, sizeof one) == ssize_t{sizeof one});
}

void Sleeper::End(bool signalled) {
  asleep_.exchange(false, std::memory_order_acq_rel);
  if (!signalled) return;
  uint64_t count = 0;
  static_cast<void>(::read(fd_.get(), &count, sizeof count) == ssize_t{sizeof count});
}

Exchange::Exchange(const Setup& setup)
    : spread_(setup.secret, spread::DistributorShares(setup.workers)),
      workers_sleep_(setup.workers_sleep),
      lanes_(setup.workers) {}

base::Result<std::unique_ptr<Exchange>> Exchange::Create(const Ports& ports, const Setup& setup) {
  std::unique_ptr<Exchange> exchange(new Exchange(setup));
  for (unsigned worker = 0; worker < setup.workers; ++worker) {
    if (auto done = exchange->lanes_[worker].sleeper.Open(); !done) return done.error();
    if (worker == 0) continue;
    if (auto done = exchange->MakeRings(ports, worker); !done) return done.error();
  }
  return exchange;
}

base::Status Exchange::MakeRings(const Ports& ports, unsigned worker) {
  Lane& lane = lanes_[worker];
  for (const Port* port : {&ports.inside(), &ports.outside()}) {
    const size_t index = IndexOf(port->side());
    lane.to_worker[index] = MakeRing("in", port->side_name(), worker);
    const bool own_queue = port->tx_queues() > worker;
    if (!own_queue) lane.to_port[index] = MakeRing("out", port->side_name(), worker);
    if (lane.to_worker[index] == nullptr || (!own_queue && lane.to_port[index] == nullptr)) {
      return base::Error{
          fmt::format("no memory for a worker's rings ({})", rte_strerror(rte_errno))};
    }
  }
  return {};
}

// rte_ring_empty reads the writer's side as if nobody wrote there.
bool Exchange::IsEmpty(const rte_ring* ring) {
  return __atomic_load_n(&ring->prod.tail, __ATOMIC_ACQUIRE) == ring->cons.tail;
}

void Exchange::Clear() {
  for (Lane& lane : lanes_) {
    for (rte_ring* ring : lane.to_worker) Empty(ring);
    for (rte_ring* ring : lane.to_port) Empty(ring);
  }
}

Exchange::~Exchange() {
  for (Lane& lane : lanes_) {
    for (rte_ring* ring : lane.to_worker) rte_ring_free(ring);
    for (rte_ring* ring : lane.to_port) rte_ring_free(ring);
  }
}

bool Exchange::AllOthersDone() const {
  return std::all_of(lanes_.begin() + 1, lanes_.end(),
                     [](const Lane& lane) { return lane.done.load(std::memory_order_acquire); });
}

}  // namespace weir::port

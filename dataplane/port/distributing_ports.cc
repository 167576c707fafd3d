#include "dataplane/port/distributing_ports.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <algorithm>

namespace weir::port {

DistributingPorts::DistributingPorts(const Ports& ports, Exchange& exchange)
    : WorkerPorts(ports, 0), exchange_(exchange), parts_(exchange.workers()), polled_(sockets()) {
  polled_.push_back({exchange_.sleeper(0).fd(), POLLIN, 0});
}

bool DistributingPorts::moved_for_others() { return std::exchange(moved_for_others_, false); }

uint16_t DistributingPorts::ReceiveBurst(const Port& port, std::span<rte_mbuf*> burst) {
  SendForOthers(port);
  if (leaving_) return 0;
  unsigned own = 0;
  for (unsigned bursts = 0; bursts < kBurstsMax && own < burst.size(); ++bursts) {
    std::array<rte_mbuf*, kBurstFrames> received;
    const size_t wanted = std::min<size_t>(received.size(), burst.size() - own);
    const uint16_t count = WorkerPorts::ReceiveBurst(port, std::span(received).first(wanted));
    own += Divide(std::span(received).first(count), port, burst.data() + own);
    if (count < wanted) break;
  }
  return static_cast<uint16_t>(own);
}

// Puts the distributor's own frames at `own`, and returns how many.
unsigned DistributingPorts::Divide(std::span<rte_mbuf*> received, const Port& port,
                                   rte_mbuf** own) {
  for (rte_mbuf* const mbuf : received) rte_prefetch0(rte_pktmbuf_mtod(mbuf, uint8_t*));
  unsigned own_count = 0;
  for (rte_mbuf* const mbuf : received) {
    const std::span<uint8_t> bytes(rte_pktmbuf_mtod(mbuf, uint8_t*), mbuf->data_len);
    const unsigned worker = exchange_.spread().WorkerOf(bytes, mbuf->pkt_len);
    if (worker == 0) {
      own[own_count++] = mbuf;
      continue;
    }
    // Not every driver says where a frame came from; one that Weir made came from nowhere.
    mbuf->port = port.id();
    Part& part = parts_[worker];
    part.frames[part.count++] = mbuf;
  }
  for (unsigned worker = 1; worker < parts_.size(); ++worker) {
    if (parts_[worker].count > 0) HandOver(worker, port.side());
  }
  return own_count;
}

void DistributingPorts::HandOver(unsigned worker, packet::Side side) {
  Part& part = parts_[worker];
  const unsigned taken =
      rte_ring_sp_enqueue_burst(exchange_.to_worker(worker, side),
                                reinterpret_cast<void**>(part.frames.data()), part.count, nullptr);
  HandOverCounters& counters = exchange_.counters(worker);
  for (unsigned i = taken; i < part.count; ++i) {
    counters.worker_full_packets.Add();
    counters.worker_full_bytes.Add(part.frames[i]->pkt_len);
    rte_pktmbuf_free(part.frames[i]);
  }
  part.count = 0;
  moved_for_others_ = true;
  if (exchange_.workers_sleep()) exchange_.sleeper(worker).Wake();
}

// As much as one Receive() may hand over, so that it does not pile up.
void DistributingPorts::SendForOthers(const Port& port) {
  Load load;
  for (unsigned bursts = 0; bursts < kBurstsMax; ++bursts) {
    load.count = 0;
    const bool more = Collect(port.side(), load);
    if (load.count == 0) return;
    SendLoad(port, load);
    moved_for_others_ = true;
    if (!more) return;
  }
}

// Fills a burst from several workers' rings: a port is asked once, not once a worker. True when
// there may be more.
bool DistributingPorts::Collect(packet::Side side, Load& load) {
  const auto others = static_cast<unsigned>(parts_.size()) - 1;
  for (unsigned i = 0; i < others; ++i) {
    const unsigned worker = 1 + (first_to_send_ - 1 + i) % others;
    rte_ring* const ring = exchange_.to_port(worker, side);
    if (ring == nullptr) continue;
    const unsigned taken =
        rte_ring_sc_dequeue_burst(ring, reinterpret_cast<void**>(load.frames.data() + load.count),
                                  kBurstFrames - load.count, nullptr);
    std::fill_n(load.workers.begin() + load.count, taken, static_cast<uint8_t>(worker));
    load.count += taken;
    if (load.count < kBurstFrames) continue;
    first_to_send_ = 1 + worker % others;  // none waits for the others for ever
    return true;
  }
  return false;
}

void DistributingPorts::SendLoad(const Port& port, Load& load) {
  const uint16_t sent = SendBurst(port, {load.frames.data(), load.count});
  for (unsigned i = sent; i < load.count; ++i) {
    HandOverCounters& counters = exchange_.counters(load.workers[i]);
    const bool made_by_weir = load.frames[i]->port == RTE_MBUF_PORT_INVALID;
    (made_by_weir ? counters.frames_unsent : counters.unsent_packets).Add();
    rte_pktmbuf_free(load.frames[i]);
  }
}

bool DistributingPorts::AnythingToSend() const {
  for (unsigned worker = 1; worker < parts_.size(); ++worker) {
    for (const packet::Side side : {packet::Side::kInside, packet::Side::kOutside}) {
      const rte_ring* const ring = exchange_.to_port(worker, side);
      if (ring != nullptr && !Exchange::IsEmpty(ring)) return true;
    }
  }
  return false;
}

void DistributingPorts::Wait(int64_t timeout_ns) {
  Sleeper& sleeper = exchange_.sleeper(0);
  sleeper.Begin();
  bool signalled = false;
  if (!AnythingToSend()) {
    const timespec timeout = {timeout_ns / base::kNsPerSecond, timeout_ns % base::kNsPerSecond};
    polled_.back().revents = 0;
    ::ppoll(polled_.data(), polled_.size(), &timeout, nullptr);
    signalled = polled_.back().revents != 0;
  }
  sleeper.End(signalled);
}

bool DistributingPorts::Leave() {
  if (!leaving_) {
    leaving_ = true;
    exchange_.EndInput();
    for (unsigned worker = 1; worker < exchange_.workers(); ++worker) {
      exchange_.sleeper(worker).Wake();
    }
  }
  // In this order: what a worker put down before it was done is then seen.
  return exchange_.AllOthersDone() && !AnythingToSend();
}

}  // namespace weir::port

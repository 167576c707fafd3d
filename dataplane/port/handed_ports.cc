#include "dataplane/port/handed_ports.h"

#include <rte_ring.h>

namespace weir::port {

HandedPorts::HandedPorts(const Ports& ports, Exchange& exchange, unsigned worker)
    : WorkerPorts(ports, static_cast<uint16_t>(worker)), exchange_(exchange), worker_(worker) {}

uint16_t HandedPorts::ReceiveBurst(const Port& port, std::span<rte_mbuf*> burst) {
  return static_cast<uint16_t>(rte_ring_sc_dequeue_burst(
      exchange_.to_worker(worker_, port.side()), reinterpret_cast<void**>(burst.data()),
      static_cast<unsigned>(burst.size()), nullptr));
}

uint16_t HandedPorts::SendBurst(const Port& port, std::span<rte_mbuf*> burst) {
  rte_ring* const ring = exchange_.to_port(worker_, port.side());
  if (ring == nullptr) return WorkerPorts::SendBurst(port, burst);
  const unsigned taken = rte_ring_sp_enqueue_burst(ring, reinterpret_cast<void**>(burst.data()),
                                                   static_cast<unsigned>(burst.size()), nullptr);
  if (exchange_.workers_sleep()) exchange_.sleeper(0).Wake();
  return static_cast<uint16_t>(taken);
}

bool HandedPorts::AnythingThere() const {
  return !Exchange::IsEmpty(exchange_.to_worker(worker_, packet::Side::kInside)) ||
         !Exchange::IsEmpty(exchange_.to_worker(worker_, packet::Side::kOutside));
}

void HandedPorts::Wait(int64_t timeout_ns) {
  Sleeper& sleeper = exchange_.sleeper(worker_);
  sleeper.Begin();
  bool signalled = false;
  if (!AnythingThere() && !exchange_.input_ended()) {
    const timespec timeout = {timeout_ns / base::kNsPerSecond, timeout_ns % base::kNsPerSecond};
    pollfd polled = {sleeper.fd(), POLLIN, 0};
    signalled = ::ppoll(&polled, 1, &timeout, nullptr) > 0;
  }
  sleeper.End(signalled);
}

bool HandedPorts::Leave() {
  // In this order: what was put in before the end was said is then seen.
  if (!exchange_.input_ended() || AnythingThere()) return false;
  exchange_.SetDone(worker_);
  return true;
}

PortTotals HandedPorts::totals() const {
  const HandOverCounters& handed = std::as_const(exchange_).counters(worker_);
  PortTotals totals = WorkerPorts::totals();
  totals.worker_full_packets = handed.worker_full_packets.value();
  totals.received_packets += totals.worker_full_packets;
  totals.received_bytes += handed.worker_full_bytes.value();
  // Sent as far as this worker knew.
  const uint64_t unsent = handed.unsent_packets.value();
  totals.sent_packets -= std::min(totals.sent_packets, unsent);
  totals.unsent_packets += unsent;
  const uint64_t frames_unsent = handed.frames_unsent.value();
  totals.frames_made -= std::min(totals.frames_made, frames_unsent);
  totals.frames_unsent += frames_unsent;
  return totals;
}

}  // namespace weir::port

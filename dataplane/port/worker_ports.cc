#include "dataplane/port/worker_ports.h"

#include <dirent.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <sys/socket.h>
#include <time.h>

#include <cstdlib>
#include <cstring>
#include <memory>

#include "dataplane/port/distributing_ports.h"
#include "dataplane/port/exchange.h"
#include "dataplane/port/handed_ports.h"

namespace weir::port {
namespace {

// The kernel sockets of AF_XDP and AF_PACKET ports. DPDK does not show them; they are the only ones
// of these families in the process.
std::vector<pollfd> PacketSockets() {
  std::vector<pollfd> sockets;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir("/proc/self/fd"), ::closedir);
  if (!directory) return sockets;
  while (const dirent* entry = ::readdir(directory.get())) {
    char* end = nullptr;
    const auto fd = static_cast<int>(std::strtol(entry->d_name, &end, 10));
    if (end == entry->d_name) continue;
    int family = 0;
    socklen_t bytes = sizeof family;
    if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &bytes) != 0) continue;
    if (family == AF_XDP || family == AF_PACKET) sockets.push_back({fd, POLLIN, 0});
  }
  return sockets;
}

bool HasSocket(const Port& port) {
  return port.driver() == "net_af_xdp" || port.driver() == "net_af_packet";
}

}  // namespace

WorkerPorts::WorkerPorts(const Ports& ports, uint16_t queue)
    : inside_(&ports.inside()), outside_(&ports.outside()), pool_(ports.pool()), queue_(queue) {
  // A port that cannot wake the worker must not be slept over for long: then neither may.
  if (HasSocket(*inside_) && HasSocket(*outside_)) sockets_ = PacketSockets();
}

void WorkerPorts::Receive(packet::Side side, base::MonoTime now, packet::Batch& batch) {
  const Port& port = side == packet::Side::kInside ? *inside_ : *outside_;
  std::array<rte_mbuf*, packet::kBatchMax> burst;
  const uint16_t received = ReceiveBurst(port, burst);
  uint64_t bytes = 0;
  packet::Packet* packet = batch.packets.data();
  for (uint16_t i = 0; i < received; ++i) {
    rte_mbuf* const mbuf = burst[i];
    const uint32_t frame_bytes = mbuf->pkt_len;
    bytes += frame_bytes;
    if (mbuf->nb_segs > 1 && rte_pktmbuf_linearize(mbuf) != 0) {
      counters_.refused_packets.Add();
      rte_pktmbuf_free(mbuf);
      continue;
    }
    packet->data = rte_pktmbuf_mtod(mbuf, uint8_t*);
    rte_prefetch0(packet->data);
    packet->captured_bytes = packet->wire_bytes = frame_bytes;  // in one piece
    packet->rx_side = side;
    packet->action = packet::Action::kForward;
    packet->drop_reason = packet::DropReason::kNone;
    packet->time = now;
    packet->buffer = mbuf;
    ++packet;
  }
  batch.count = static_cast<size_t>(packet - batch.packets.data());
  if (received == 0) return;
  counters_.received_packets.Add(received);
  counters_.received_bytes.Add(bytes);
}

const Port& WorkerPorts::OppositeOf(packet::Side side) const {
  return side == packet::Side::kInside ? *outside_ : *inside_;
}

uint16_t WorkerPorts::ReceiveBurst(const Port& port, std::span<rte_mbuf*> burst) {
  return rte_eth_rx_burst(port.id(), queue_, burst.data(), static_cast<uint16_t>(burst.size()));
}

uint16_t WorkerPorts::SendBurst(const Port& port, std::span<rte_mbuf*> burst) {
  uint16_t sent = 0;
  // A driver that takes a part may take the rest at once, as its ring was just emptied; one that
  // takes nothing is full.
  while (sent < burst.size()) {
    const uint16_t more = rte_eth_tx_burst(port.id(), queue_, burst.data() + sent,
                                           static_cast<uint16_t>(burst.size() - sent));
    if (more == 0) break;
    sent = static_cast<uint16_t>(sent + more);
  }
  return sent;
}

void WorkerPorts::Finish(packet::Batch& batch) {
  std::array<rte_mbuf*, packet::kBatchMax> burst;
  std::array<packet::Packet*, packet::kBatchMax> packets;
  size_t count = 0;
  if (batch.count == 0) return;
  const Port* const port = &OppositeOf(batch.packets[0].rx_side);
  const uint32_t frame_bytes_max = port->frame_bytes_max();
  for (packet::Packet& packet : batch.filled()) {
    rte_mbuf* const mbuf = static_cast<rte_mbuf*>(packet.buffer);
    // Drivers free a frame that is too long and say that it was sent: it is not given to them.
    if (packet.action == packet::Action::kForward && packet.wire_bytes > frame_bytes_max) {
      packet.Drop(packet::DropReason::kTransmit);
      counters_.unsent_packets.Add();
    }
    if (packet.action == packet::Action::kDrop) {
      rte_pktmbuf_free(mbuf);
      continue;
    }
    packets[count] = &packet;
    burst[count++] = mbuf;
  }
  batch.count = 0;
  if (count == 0) return;
  const uint16_t sent = SendBurst(*port, {burst.data(), count});
  counters_.sent_packets.Add(sent);
  for (size_t i = sent; i < count; ++i) {
    packets[i]->Drop(packet::DropReason::kTransmit);
    counters_.unsent_packets.Add();
    rte_pktmbuf_free(burst[i]);
  }
}

bool WorkerPorts::Send(packet::Side side, std::span<const uint8_t> frame) {
  const Port& port = side == packet::Side::kInside ? *inside_ : *outside_;
  rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_);
  char* bytes =
      mbuf == nullptr ? nullptr : rte_pktmbuf_append(mbuf, static_cast<uint16_t>(frame.size()));
  if (bytes != nullptr) {
    std::memcpy(bytes, frame.data(), frame.size());
    if (SendBurst(port, {&mbuf, 1}) == 1) {
      counters_.frames_made.Add();
      return true;
    }
  }
  rte_pktmbuf_free(mbuf);
  counters_.frames_unsent.Add();
  return false;
}

PortTotals WorkerPorts::totals() const {
  PortTotals totals;
  totals.received_packets = counters_.received_packets.value();
  totals.received_bytes = counters_.received_bytes.value();
  totals.refused_packets = counters_.refused_packets.value();
  totals.sent_packets = counters_.sent_packets.value();
  totals.unsent_packets = counters_.unsent_packets.value();
  totals.frames_made = counters_.frames_made.value();
  totals.frames_unsent = counters_.frames_unsent.value();
  return totals;
}

void WorkerPorts::Wait(int64_t timeout_ns) {
  const timespec timeout = {timeout_ns / base::kNsPerSecond, timeout_ns % base::kNsPerSecond};
  if (sockets_.empty()) {
    ::nanosleep(&timeout, nullptr);
  } else {
    ::ppoll(sockets_.data(), sockets_.size(), &timeout, nullptr);
  }
}

std::unique_ptr<WorkerPorts> MakeWorkerPorts(const Ports& ports, Exchange* exchange,
                                             unsigned index) {
  if (exchange == nullptr) {
    return std::make_unique<WorkerPorts>(ports, static_cast<uint16_t>(index));
  }
  if (index == 0) return std::make_unique<DistributingPorts>(ports, *exchange);
  return std::make_unique<HandedPorts>(ports, *exchange, index);
}

}  // namespace weir::port

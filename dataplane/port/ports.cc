#include "dataplane/port/ports.h"

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <algorithm>

#include "dataplane/port/output_capture.h"

namespace weir::port {
namespace {

constexpr unsigned kCachedBuffers = 256;  // of each worker

// One pool for both ports, also where they are on different nodes: a frame goes from one to the
// other without being copied, so that one of them reaches over to the other's node either way.
rte_mempool* MakePool(const Plan& plan) {
  // In the default ring whoever is preempted while it takes or gives makes the others spin until it
  // runs again.
  const char* const ring = plan.workers_may_be_preempted ? "ring_mt_rts" : nullptr;
  const auto make = [&](int node) {
    return rte_pktmbuf_pool_create_by_ops("weir_frames", plan.buffers, kCachedBuffers, 0,
                                          static_cast<uint16_t>(plan.buffer_data_bytes), node,
                                          ring);
  };
  rte_mempool* const pool = make(plan.node >= 0 ? plan.node : SOCKET_ID_ANY);
  // The hugepages may all be on the other node.
  return pool == nullptr && plan.node >= 0 ? make(SOCKET_ID_ANY) : pool;
}

}  // namespace

base::Result<std::unique_ptr<Ports>> Ports::Open(const Plan& plan, const Port::Notice& notice) {
  std::unique_ptr<Ports> ports(new Ports());
  ports->pool_ = MakePool(plan);
  if (ports->pool_ == nullptr) {
    return base::Error{
        fmt::format("no memory for {} packet buffers: {} MB are needed; [dpdk] args "
                    "or the hugepages of this machine give less ({})",
                    plan.buffers, plan.memory_mb, rte_strerror(rte_errno))};
  }
  const bool xdp = plan.inside.driver == Driver::kAfXdp || plan.outside.driver == Driver::kAfXdp;
  // The AF_XDP driver hands the kernel the pool as one piece of memory and does not look whether
  // it is one.
  if (xdp && ports->pool_->nb_mem_chunks != 1) {
    return base::Error{
        fmt::format("AF_XDP needs {} packet buffers in one piece of memory: larger "
                    "hugepages, or --no-huge in [dpdk] args",
                    plan.buffers)};
  }
  auto inside = Port::Open(plan.inside, plan, ports->pool_, notice);
  if (!inside) return inside.error();
  ports->inside_ = std::move(*inside);
  auto outside = Port::Open(plan.outside, plan, ports->pool_, notice);
  if (!outside) return outside.error();
  ports->outside_ = std::move(*outside);
  return ports;
}

Ports::~Ports() {
  // Ports before the pool: their rings hold its buffers.
  outside_.reset();
  inside_.reset();
  rte_mempool_free(pool_);
}

}  // namespace weir::port

#include "dataplane/port/ports.h"

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <algorithm>

#include "dataplane/port/output_capture.h"

namespace weir::port {
namespace {

constexpr unsigned kCachedBuffers = 256;  // of each worker

}  // namespace

base::Result<std::unique_ptr<Ports>> Ports::Open(const Plan& plan, const Port::Notice& notice) {
  std::unique_ptr<Ports> ports(new Ports());
  ports->pool_ = rte_pktmbuf_pool_create("weir_frames", plan.buffers, kCachedBuffers, 0,
                                         static_cast<uint16_t>(plan.buffer_data_bytes),
                                         static_cast<int>(rte_socket_id()));
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

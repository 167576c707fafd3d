#include "dataplane/port/ports.h"

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_mbuf_pool_ops.h>
#include <rte_mempool.h>
#include <rte_memzone.h>

#include <algorithm>

#include "dataplane/port/output_capture.h"

namespace weir::port {
namespace {

constexpr unsigned kCachedBuffers = 256;  // of each worker

void FreeMemory(rte_mempool_memhdr*, void* memory) {
  rte_memzone_free(static_cast<const rte_memzone*>(memory));
}

// Gives the pool its memory: a page for each buffer, from the start of a page on.
int Populate(rte_mempool* pool, const Plan& plan, int node) {
  const rte_memzone* const memory = rte_memzone_reserve_aligned(
      "weir_frames_memory", size_t{plan.buffers} * kPageBytes, node, 0, kPageBytes);
  if (memory == nullptr) return -rte_errno;
  const int populated = rte_mempool_populate_virt(
      pool, static_cast<char*>(memory->addr), size_t{plan.buffers} * kPageBytes,
      memory->hugepage_sz, FreeMemory, const_cast<rte_memzone*>(memory));
  if (populated == static_cast<int>(plan.buffers)) return 0;
  if (populated <= 0) rte_memzone_free(memory);
  return populated < 0 ? populated : -ENOMEM;
}

// As rte_pktmbuf_pool_create_by_ops, but with memory of its own and without the line that a pool
// puts between buffers to spread them over memory channels: see Plan::buffer_is_a_page.
rte_mempool* MakePagedPool(const Plan& plan, int node, const char* ring) {
  const auto buffer_bytes = static_cast<unsigned>(sizeof(rte_mbuf) + plan.buffer_data_bytes);
  rte_pktmbuf_pool_private buffers{};
  buffers.mbuf_data_room_size = static_cast<uint16_t>(plan.buffer_data_bytes);
  rte_mempool* const pool =
      rte_mempool_create_empty("weir_frames", plan.buffers, buffer_bytes, kCachedBuffers,
                               sizeof buffers, node, RTE_MEMPOOL_F_NO_SPREAD);
  if (pool == nullptr) return nullptr;
  const char* const ops = ring != nullptr ? ring : rte_mbuf_best_mempool_ops();
  int result = rte_mempool_set_ops_byname(pool, ops, nullptr);
  if (result == 0) {
    rte_pktmbuf_pool_init(pool, &buffers);
    result = Populate(pool, plan, node);
  }
  if (result != 0) {
    rte_errno = -result;
    rte_mempool_free(pool);
    return nullptr;
  }
  rte_mempool_obj_iter(pool, rte_pktmbuf_init, nullptr);
  return pool;
}

// One pool for both ports, also where they are on different nodes: a frame goes from one to the
// other without being copied, so that one of them reaches over to the other's node either way.
rte_mempool* MakePool(const Plan& plan) {
  // In the default ring whoever is preempted while it takes or gives makes the others spin until it
  // runs again.
  const char* const ring = plan.workers_may_be_preempted ? "ring_mt_rts" : nullptr;
  const auto make = [&](int node) {
    if (plan.buffer_is_a_page) return MakePagedPool(plan, node, ring);
    return rte_pktmbuf_pool_create_by_ops("weir_frames", plan.buffers, kCachedBuffers, 0,
                                          static_cast<uint16_t>(plan.buffer_data_bytes), node,
                                          ring);
  };
  rte_mempool* const pool = make(plan.node >= 0 ? plan.node : SOCKET_ID_ANY);
  // The hugepages may all be on the other node.
  return pool == nullptr && plan.node >= 0 ? make(SOCKET_ID_ANY) : pool;
}

// Whether the AF_XDP driver will register all of the pool: it looks at one piece of memory, as long
// as the buffers one behind the other.
bool IsDense(rte_mempool* pool) {
  if (pool->nb_mem_chunks != 1) return false;
  const rte_mempool_memhdr* const memory = STAILQ_FIRST(&pool->mem_list);
  const uint64_t registered_bytes = uint64_t{pool->populated_size} *
                                    rte_mempool_calc_obj_size(pool->elt_size, pool->flags, nullptr);
  uintptr_t end = 0;
  rte_mempool_obj_iter(
      pool,
      [](rte_mempool* of, void* last, void* buffer, unsigned) {
        auto& latest = *static_cast<uintptr_t*>(last);
        latest = std::max(latest, reinterpret_cast<uintptr_t>(buffer) + of->elt_size);
      },
      &end);
  return end <= reinterpret_cast<uintptr_t>(memory->addr) + registered_bytes;
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
  if (plan.buffer_is_a_page && !IsDense(ports->pool_)) {
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

// The distributor and other workers, run step by step on one thread over ports that are rings:
// full rings, and that no frame is lost sight of.
#include <gtest/gtest.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_ring.h>

#include <chrono>
#include <cstring>
#include <numeric>
#include <thread>

#include "dataplane/port/eal.h"
#include "dataplane/port/exchange.h"
#include "dataplane/port/worker_ports.h"
#include "tests/support/packet_builder.h"

namespace weir::port {
namespace {

using packet::Side;
using testing::Bytes;
using testing::PacketBuilder;

constexpr uint16_t kWorkers = 18;
constexpr unsigned kRoom = Exchange::kRingFrames - 1;
constexpr size_t kSequenceAt = 14 + 20 + 8;  // in the UDP payload

// What net_ring makes of a device: what is sent by it can be received from it again.
rte_ring* RingOf(const char* device) {
  return rte_ring_lookup((std::string("ETH_RXTX0_") + device).c_str());
}

class HandOver : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    base::Config config;
    config.ports = {.inside = "net_ring0", .outside = "net_ring1"};
    config.dpdk.args = {"--no-huge"};
    config.workers.cores = {0};
    config.workers.idle = base::IdleMode::kSleep;
    Plan plan = MakePlan(config).value();
    auto eal = Eal::Start(config, plan);
    ASSERT_TRUE(eal.ok()) << eal.error().message;
    eal_ = eal->release();
    // More than net_ring has queues: nobody but the distributor has one to send by.
    plan.workers = kWorkers;
    // Buffers as AF_XDP needs them.
    plan.buffer_is_a_page = true;
    plan.buffer_data_bytes = kPageBytes - 64 - sizeof(rte_mbuf);
    auto ports = Ports::Open(plan, {});
    ASSERT_TRUE(ports.ok()) << ports.error().message;
    ports_ = ports->release();
    ASSERT_EQ(ports_->outside().tx_queues(), 1);
  }
  static void TearDownTestSuite() {
    delete ports_;
    delete eal_;
  }

  HandOver() {
    Drain(RingOf("net_ring0"));
    Drain(RingOf("net_ring1"));
    buffers_before_ = rte_mempool_avail_count(ports_->pool());
    Exchange::Setup setup{.workers = kWorkers, .secret = {1, 2, 3}, .workers_sleep = true};
    exchange_ = std::move(Exchange::Create(*ports_, setup).value());
    for (unsigned worker = 0; worker < kWorkers; ++worker) {
      workers_.push_back(MakeWorkerPorts(*ports_, exchange_.get(), worker));
    }
  }
  ~HandOver() override {
    exchange_->Clear();
    Drain(RingOf("net_ring0"));
    Drain(RingOf("net_ring1"));
    EXPECT_EQ(rte_mempool_avail_count(ports_->pool()), buffers_before_);
  }

  static void Drain(rte_ring* ring) {
    void* frame = nullptr;
    while (rte_ring_dequeue(ring, &frame) == 0) rte_pktmbuf_free(static_cast<rte_mbuf*>(frame));
  }

  // A frame of a flow that is this worker's.
  Bytes FrameFor(unsigned worker, uint32_t sequence) const {
    for (unsigned host = 1; host < 255; ++host) {
      Bytes frame = PacketBuilder()
                        .Ipv4("10.20.0." + std::to_string(host), "198.51.100.10")
                        .Udp({})
                        .Payload(Bytes(4, 0))
                        .Build();
      if (exchange_->spread().WorkerOf(frame, static_cast<uint32_t>(frame.size())) != worker) {
        continue;
      }
      std::memcpy(frame.data() + kSequenceAt, &sequence, sizeof sequence);
      return frame;
    }
    ADD_FAILURE() << "no host falls to worker " << worker;
    return {};
  }

  // Comes in by the inside port.
  void Arrive(const Bytes& frame) {
    rte_mbuf* const mbuf = rte_pktmbuf_alloc(ports_->pool());
    ASSERT_NE(mbuf, nullptr);
    std::memcpy(rte_pktmbuf_append(mbuf, static_cast<uint16_t>(frame.size())), frame.data(),
                frame.size());
    ASSERT_EQ(rte_ring_enqueue(RingOf("net_ring0"), mbuf), 0);
  }
  // `count` of them, each handed over as it comes.
  void ArriveFor(unsigned worker, unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      Arrive(FrameFor(worker, next_sequence_++));
      if (i % 64 == 63 || i + 1 == count) Receive(0);
    }
  }
  // A worker's look at a port; what it got is forwarded. Returns how many.
  size_t Receive(unsigned worker, Side side = Side::kInside) {
    workers_[worker]->Receive(side, {}, batch_);
    const size_t count = batch_.count;
    workers_[worker]->Finish(batch_);
    return count;
  }
  // All that the worker has in its ring.
  size_t ReceiveAll(unsigned worker) {
    size_t all = 0;
    while (const size_t count = Receive(worker)) all += count;
    return all;
  }

  // The sequence numbers that the outside port has sent, in order; it is empty then.
  static std::vector<uint32_t> Sent() {
    std::vector<uint32_t> sequences;
    void* frame = nullptr;
    while (rte_ring_dequeue(RingOf("net_ring1"), &frame) == 0) {
      auto* const mbuf = static_cast<rte_mbuf*>(frame);
      uint32_t sequence = 0;
      std::memcpy(&sequence, rte_pktmbuf_mtod(mbuf, uint8_t*) + kSequenceAt, sizeof sequence);
      sequences.push_back(sequence);
      rte_pktmbuf_free(mbuf);
    }
    return sequences;
  }
  static void FillOutsidePort() {
    while (rte_ring_full(RingOf("net_ring1")) == 0) {
      rte_mbuf* const mbuf = rte_pktmbuf_alloc(ports_->pool());
      ASSERT_NE(mbuf, nullptr);
      ASSERT_EQ(rte_ring_enqueue(RingOf("net_ring1"), mbuf), 0);
    }
  }
  // The distributor's look at the outside port sends what the others have left for it. At the end
  // only, when it receives no more: the port would give back what it has sent.
  void SendForOthers() {
    static_cast<void>(workers_[0]->Leave());
    Receive(0, Side::kOutside);
  }
  PortTotals Totals(unsigned worker) const { return workers_[worker]->totals(); }

  static Eal* eal_;
  static Ports* ports_;

  std::unique_ptr<Exchange> exchange_;
  std::vector<std::unique_ptr<WorkerPorts>> workers_;
  packet::Batch batch_;
  uint32_t next_sequence_ = 0;
  unsigned buffers_before_ = 0;
};
Eal* HandOver::eal_ = nullptr;
Ports* HandOver::ports_ = nullptr;

std::vector<uint32_t> UpTo(uint32_t count) {
  std::vector<uint32_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), 0U);
  return numbers;
}

// The AF_XDP driver registers the memory from the page where the pool begins, as long as its
// buffers one behind the other. What lies beyond is swallowed by the kernel: in a pool of smaller
// buffers that were two in five, and a port came to a stand when all of its queue had been such.
TEST_F(HandOver, EveryBufferLiesWithinWhatAfXdpRegisters) {
  rte_mempool* const pool = ports_->pool();
  ASSERT_EQ(pool->nb_mem_chunks, 1U);
  ASSERT_EQ(rte_mempool_calc_obj_size(pool->elt_size, pool->flags, nullptr), kPageBytes);
  const auto begin = reinterpret_cast<uintptr_t>(STAILQ_FIRST(&pool->mem_list)->addr);
  EXPECT_EQ(begin % kPageBytes, 0U);
  struct Bounds {
    uintptr_t begin, end;
    unsigned outside, off_page;
  } bounds = {begin, begin + uintptr_t{pool->populated_size} * kPageBytes, 0, 0};
  rte_mempool_obj_iter(
      pool,
      [](rte_mempool* of, void* argument, void* buffer, unsigned) {
        auto& seen = *static_cast<Bounds*>(argument);
        const auto at = reinterpret_cast<uintptr_t>(buffer) - of->header_size;
        if (at < seen.begin || at + kPageBytes > seen.end) ++seen.outside;
        if (at % kPageBytes != 0) ++seen.off_page;
      },
      &bounds);
  EXPECT_EQ(bounds.outside, 0U);
  EXPECT_EQ(bounds.off_page, 0U);
}

TEST_F(HandOver, FramesOfAFlowComeOutInTheirOrder) {
  ArriveFor(1, 500);
  EXPECT_EQ(ReceiveAll(1), 500U);
  SendForOthers();
  std::vector<uint32_t> sent = Sent();
  for (int looks = 0; looks < 4; ++looks) {
    SendForOthers();
    for (const uint32_t sequence : Sent()) sent.push_back(sequence);
  }
  EXPECT_EQ(sent, UpTo(500));
  EXPECT_EQ(Totals(1).received_packets, 500U);
  EXPECT_EQ(Totals(1).sent_packets, 500U);
  EXPECT_EQ(Totals(0).received_packets, 0U);
}

TEST_F(HandOver, WhatIsNotIpIsTheDistributorsOwn) {
  Bytes frame(60, 1);
  frame[12] = 0x88;
  frame[13] = 0xb5;
  Arrive(frame);
  EXPECT_EQ(Receive(0), 1U);
  EXPECT_FALSE(workers_[0]->moved_for_others());
  EXPECT_EQ(Totals(0).sent_packets, 1U);
}

TEST_F(HandOver, TheDistributorHasWorkedWhenItHandedFramesOn) {
  Arrive(FrameFor(2, 0));
  EXPECT_EQ(Receive(0), 0U);
  EXPECT_TRUE(workers_[0]->moved_for_others());
  EXPECT_FALSE(workers_[0]->moved_for_others());
}

TEST_F(HandOver, AFullRingToAWorkerDropsItsFramesAndNobodyElses) {
  constexpr unsigned kTooMany = 100;
  ArriveFor(1, kRoom + kTooMany);
  ArriveFor(2, 10);
  EXPECT_EQ(Totals(1).worker_full_packets, kTooMany);
  EXPECT_EQ(Totals(1).received_packets, kTooMany);
  EXPECT_EQ(Totals(2).worker_full_packets, 0U);
  EXPECT_EQ(ReceiveAll(2), 10U);
  EXPECT_EQ(ReceiveAll(1), kRoom);
  const PortTotals totals = Totals(1);
  const size_t frame_bytes = FrameFor(1, 0).size();
  EXPECT_EQ(totals.received_packets, kRoom + kTooMany);
  EXPECT_EQ(totals.received_bytes, (kRoom + kTooMany) * frame_bytes);
  // There is room again.
  ArriveFor(1, 1);
  EXPECT_EQ(ReceiveAll(1), 1U);
  EXPECT_EQ(Totals(1).worker_full_packets, kTooMany);
}

TEST_F(HandOver, AFullRingToThePortIsUnsent) {
  constexpr unsigned kTooMany = 100;
  ArriveFor(1, kRoom);
  EXPECT_EQ(ReceiveAll(1), kRoom);
  ArriveFor(1, kTooMany);
  workers_[1]->Receive(Side::kInside, {}, batch_);
  const size_t last = batch_.count;
  workers_[1]->Finish(batch_);
  EXPECT_EQ(batch_.packets[0].action, packet::Action::kDrop);
  EXPECT_EQ(batch_.packets[0].drop_reason, packet::DropReason::kTransmit);
  EXPECT_EQ(ReceiveAll(1) + last, kTooMany);
  EXPECT_EQ(Totals(1).sent_packets, kRoom);
  EXPECT_EQ(Totals(1).unsent_packets, kTooMany);
  EXPECT_FALSE(workers_[1]->Send(Side::kOutside, FrameFor(1, 0)));
  EXPECT_EQ(Totals(1).frames_unsent, 1U);
}

TEST_F(HandOver, WhatThePortDoesNotTakeIsTheWorkersUnsent) {
  ArriveFor(1, 20);
  ArriveFor(2, 7);
  EXPECT_EQ(ReceiveAll(1), 20U);
  EXPECT_EQ(ReceiveAll(2), 7U);
  EXPECT_TRUE(workers_[1]->Send(Side::kOutside, FrameFor(1, 0)));
  EXPECT_EQ(Totals(1).sent_packets, 20U);
  EXPECT_EQ(Totals(1).frames_made, 1U);
  FillOutsidePort();
  SendForOthers();
  EXPECT_EQ(Totals(1).sent_packets, 0U);
  EXPECT_EQ(Totals(1).unsent_packets, 20U);
  EXPECT_EQ(Totals(1).frames_made, 0U);
  EXPECT_EQ(Totals(1).frames_unsent, 1U);
  EXPECT_EQ(Totals(2).sent_packets, 0U);
  EXPECT_EQ(Totals(2).unsent_packets, 7U);
  EXPECT_EQ(Totals(0).unsent_packets, 0U);
}

TEST_F(HandOver, NobodyLeavesWhileFramesAreUnderWay) {
  ArriveFor(1, 40);
  EXPECT_FALSE(workers_[1]->Leave());
  EXPECT_FALSE(workers_[0]->Leave());
  Arrive(FrameFor(1, 0));  // comes too late
  EXPECT_EQ(Receive(0), 0U);
  EXPECT_EQ(rte_ring_count(RingOf("net_ring0")), 1U);
  EXPECT_FALSE(workers_[1]->Leave());
  for (unsigned worker = 2; worker < kWorkers; ++worker) EXPECT_TRUE(workers_[worker]->Leave());
  EXPECT_FALSE(workers_[0]->Leave());
  EXPECT_EQ(ReceiveAll(1), 40U);
  EXPECT_TRUE(workers_[1]->Leave());
  EXPECT_FALSE(workers_[0]->Leave());  // there is something to send
  SendForOthers();
  EXPECT_TRUE(workers_[0]->Leave());
  EXPECT_EQ(Sent().size(), 40U);
}

TEST_F(HandOver, ASleeperIsWokenByWhatIsPutDownForIt) {
  constexpr int64_t kLongNs = 20 * base::kNsPerSecond;
  using Clock = std::chrono::steady_clock;
  const auto begun = Clock::now();
  std::thread sleeper([this] { workers_[1]->Wait(kLongNs); });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  ArriveFor(1, 1);
  sleeper.join();
  // The distributor too, by what a worker leaves to be sent.
  std::thread distributor([this] { workers_[0]->Wait(kLongNs); });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(ReceiveAll(1), 1U);
  distributor.join();
  // Nor does anybody fall asleep over what is there already.
  ArriveFor(2, 1);
  workers_[2]->Wait(kLongNs);
  workers_[0]->Wait(kLongNs);
  EXPECT_LT(Clock::now() - begun, std::chrono::nanoseconds(kLongNs / 2));
  EXPECT_EQ(ReceiveAll(2), 1U);
}

TEST_F(HandOver, WithNothingThereASleepLastsItsTime) {
  const base::MonoTime begun = base::MonoNow();
  for (unsigned worker = 0; worker < 3; ++worker) workers_[worker]->Wait(5 * base::kNsPerMs);
  EXPECT_GE(base::MonoNow().ns - begun.ns, 15 * base::kNsPerMs);
}

}  // namespace
}  // namespace weir::port

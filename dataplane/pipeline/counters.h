// What a worker counts. Written by its worker only; the main thread reads them relaxed, so a sum over
// counters may be a few packets apart while traffic flows, and is exact when it stops.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "dataplane/packet/packet.h"

namespace weir::pipeline {

// One writer: an add is a plain load and store, with no lock prefix.
class Counter {
 public:
  void Add(uint64_t count = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
  }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

template <typename Enum>
using CounterArray = std::array<Counter, static_cast<size_t>(Enum::kCount)>;

// received = forwarded + the sum of dropped, always.
struct alignas(64) Counters {
  Counter rx_packets;
  Counter rx_bytes;
  Counter forwarded_packets;
  CounterArray<packet::DropReason> dropped;
  CounterArray<packet::ParseNote> parsed;  // every packet, by what parse made of it
  Counter responses;                       // frames Weir made itself
  Counter responses_withheld;              // not sent: no handshake, rate, or no room
  Counter sessions_recorded;               // first announcements that the sink took
  Counter names_found;
  Counter findings;
};

}  // namespace weir::pipeline

// A number that one thread counts and any may read.
//
// With one writer an add is a plain load and store, no locked instruction. A reader may see several
// counters a few packets apart while traffic flows; when it stops they are exact.
#pragma once

#include <atomic>
#include <cstdint>

namespace weir::base {

class Counter {
 public:
  void Add(uint64_t count = 1) { Set(value() + count); }
  void Subtract(uint64_t count = 1) { Set(value() - count); }
  void Set(uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

}  // namespace weir::base

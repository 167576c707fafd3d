// The way of events from a worker to the main thread: a ring of bytes with one writer and one
// reader.
//
// A record lies in one piece behind a header of eight bytes; where it would run over the end, the
// rest of the ring is skipped. Push and Consume are wait-free, allocate nothing and copy once.
// Either side keeps its own copy of the other's index and looks again only when that is not enough.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

#include "dataplane/events/event.h"

namespace weir::events {

class EventRing {
 public:
  // A power of two of at least 4 * kEncodedBytesMax; another value is rounded up to one.
  explicit EventRing(size_t capacity_bytes);

  size_t capacity_bytes() const { return mask_ + 1; }

  // Producer. False when more than `fill_max_bytes` of the ring would be in use afterwards; then
  // nothing was written. The payload is at most kEncodedBytesMax.
  bool Push(EventType type, LossClass loss_class, std::span<const uint8_t> payload,
            size_t fill_max_bytes);

  // Consumer. Calls `take(type, loss_class, payload)` for at most `records_max` records in order
  // and returns how many. The payload is valid during the call.
  template <typename Take>
  size_t Consume(size_t records_max, Take&& take);

  // Either side: bytes in use, an estimate while the other side works.
  size_t used_bytes() const;

 private:
  struct RecordHeader {
    uint32_t record_bytes;  // with header and padding; a multiple of the header's size
    uint16_t payload_bytes;
    uint8_t type;  // 0: skip to the ring's beginning
    uint8_t loss_class;
  };
  static_assert(sizeof(RecordHeader) == 8);

  static size_t RecordBytes(size_t payload_bytes) {
    return sizeof(RecordHeader) +
           (payload_bytes + sizeof(RecordHeader) - 1) / sizeof(RecordHeader) * sizeof(RecordHeader);
  }
  uint8_t* At(uint64_t index) { return bytes_.get() + (index & mask_); }

  struct FreeAligned {
    void operator()(uint8_t* bytes) const;
  };

  uint64_t mask_;
  std::unique_ptr<uint8_t[], FreeAligned> bytes_;

  // Indices only grow; the place is index & mask_. Each side's pair shares a line of its own.
  alignas(64) std::atomic<uint64_t> head_{0};  // producer writes: the next free byte
  uint64_t tail_seen_ = 0;                     // producer's copy of tail_
  alignas(64) std::atomic<uint64_t> tail_{0};  // consumer writes: the next byte to read
  uint64_t head_seen_ = 0;                     // consumer's copy of head_
  [[maybe_unused]] alignas(64) char end_of_line_[1] = {};
};

template <typename Take>
size_t EventRing::Consume(size_t records_max, Take&& take) {
  uint64_t tail = tail_.load(std::memory_order_relaxed);
  size_t records = 0;
  while (records < records_max) {
    if (tail == head_seen_) head_seen_ = head_.load(std::memory_order_acquire);
    if (tail == head_seen_) break;
    RecordHeader header;
    std::memcpy(&header, At(tail), sizeof header);
    if (header.type != 0) {
      take(EventType{header.type}, LossClass{header.loss_class},
           std::span<const uint8_t>(At(tail) + sizeof header, header.payload_bytes));
      ++records;
    }
    tail += header.record_bytes;
    tail_.store(tail, std::memory_order_release);
  }
  return records;
}

// A worker's sink: its ring, and the counts that make every loss visible.
//
// Detail may fill the ring to three quarters, everything else all of it: so detail goes first.
// Push from the worker, counts from any thread.
class RingEventSink final : public EventSink {
 public:
  explicit RingEventSink(EventRing& ring);
  bool Push(EventType type, LossClass loss_class, std::span<const uint8_t> encoded) override;

  // produced = what came through the ring + lost.
  uint64_t produced(LossClass loss_class) const;
  uint64_t lost(LossClass loss_class) const;

 private:
  EventRing& ring_;
  size_t detail_max_bytes_;
  alignas(64) std::array<std::atomic<uint64_t>, kLossClasses> produced_{};
  std::array<std::atomic<uint64_t>, kLossClasses> lost_{};
};

}  // namespace weir::events

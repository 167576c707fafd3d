#include "dataplane/events/event_ring.h"

#include <algorithm>
#include <bit>
#include <new>

namespace weir::events {
namespace {

constexpr size_t kCapacityBytesMin = 4 * kEncodedBytesMax;
constexpr std::align_val_t kCacheLine{64};

// One thread writes a counter, so that it needs no atomic addition.
void Increment(std::atomic<uint64_t>& counter) {
  counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

}  // namespace

void EventRing::FreeAligned::operator()(uint8_t* bytes) const {
  ::operator delete[](bytes, kCacheLine);
}

EventRing::EventRing(size_t capacity_bytes)
    : mask_(std::bit_ceil(std::max(capacity_bytes, kCapacityBytesMin)) - 1),
      bytes_(static_cast<uint8_t*>(::operator new[](mask_ + 1, kCacheLine))) {
  std::memset(bytes_.get(), 0, mask_ + 1);  // the worker shall not meet a page for the first time
}

bool EventRing::Push(EventType type, LossClass loss_class, std::span<const uint8_t> payload,
                     size_t fill_max_bytes) {
  const size_t record_bytes = RecordBytes(payload.size());
  uint64_t head = head_.load(std::memory_order_relaxed);
  const size_t until_end = capacity_bytes() - (head & mask_);
  const size_t skipped = until_end < record_bytes ? until_end : 0;
  const uint64_t head_after = head + skipped + record_bytes;
  if (head_after - tail_seen_ > fill_max_bytes) {
    tail_seen_ = tail_.load(std::memory_order_acquire);
    if (head_after - tail_seen_ > fill_max_bytes) return false;
  }
  if (skipped > 0) {
    const RecordHeader skip{static_cast<uint32_t>(skipped), 0, 0, 0};
    std::memcpy(At(head), &skip, sizeof skip);
    head += skipped;
  }
  const RecordHeader header{static_cast<uint32_t>(record_bytes),
                            static_cast<uint16_t>(payload.size()), static_cast<uint8_t>(type),
                            static_cast<uint8_t>(loss_class)};
  std::memcpy(At(head), &header, sizeof header);
  std::copy(payload.begin(), payload.end(), At(head) + sizeof header);
  head_.store(head_after, std::memory_order_release);
  return true;
}

size_t EventRing::used_bytes() const {
  const uint64_t tail = tail_.load(std::memory_order_acquire);
  return head_.load(std::memory_order_acquire) - tail;
}

RingEventSink::RingEventSink(EventRing& ring)
    : ring_(ring), detail_max_bytes_(ring.capacity_bytes() / 4 * 3) {}

bool RingEventSink::Push(EventType type, LossClass loss_class, std::span<const uint8_t> encoded) {
  const auto index = static_cast<size_t>(loss_class);
  Increment(produced_[index]);
  const size_t fill_max_bytes =
      loss_class == LossClass::kDetail ? detail_max_bytes_ : ring_.capacity_bytes();
  if (ring_.Push(type, loss_class, encoded, fill_max_bytes)) return true;
  Increment(lost_[index]);
  return false;
}

uint64_t RingEventSink::produced(LossClass loss_class) const {
  return produced_[static_cast<size_t>(loss_class)].load(std::memory_order_relaxed);
}

uint64_t RingEventSink::lost(LossClass loss_class) const {
  return lost_[static_cast<size_t>(loss_class)].load(std::memory_order_relaxed);
}

}  // namespace weir::events

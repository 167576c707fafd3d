#include "dataplane/stream/buffer_pool.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace weir::stream {

void StreamBuffer::Clear() {
  present_.fill(0);
  ordered_bytes_ = 0;
  end_bytes_ = 0;
}

bool StreamBuffer::Write(size_t offset, std::span<const uint8_t> bytes) {
  if (offset > kStreamBytesMax || bytes.size() > kStreamBytesMax - offset) return false;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const size_t at = offset + i;
    if (Has(at)) continue;
    bytes_[at] = bytes[i];
    present_[at / kWordBits] |= uint64_t{1} << (at % kWordBits);
  }
  end_bytes_ = std::max(end_bytes_, static_cast<uint32_t>(offset + bytes.size()));
  FindGap();
  return true;
}

void StreamBuffer::FindGap() {
  size_t at = ordered_bytes_;
  while (at < end_bytes_) {
    const unsigned shift = at % kWordBits;
    const auto run = static_cast<size_t>(std::countr_one(present_[at / kWordBits] >> shift));
    at += std::min(run, kWordBits - shift);
    if (run < kWordBits - shift) break;
  }
  ordered_bytes_ = static_cast<uint32_t>(at);
}

void StreamBuffer::Discard(size_t count) {
  if (count == 0) return;
  const size_t left = end_bytes_ - count;
  std::memmove(bytes_.data(), bytes_.data() + count, left);
  std::array<uint64_t, kStreamBytesMax / kWordBits> moved{};
  for (size_t i = 0; i < left; ++i) {
    if (Has(i + count)) moved[i / kWordBits] |= uint64_t{1} << (i % kWordBits);
  }
  present_ = moved;
  ordered_bytes_ -= static_cast<uint32_t>(count);
  end_bytes_ = static_cast<uint32_t>(left);
}

BufferIndex BufferPool::Take() {
  if (free_head_ == kNoBuffer && fresh_ == buffers_.size()) {
    ++refused_;
    return kNoBuffer;
  }
  const BufferIndex index = free_head_ != kNoBuffer ? free_head_ : fresh_++;
  if (free_head_ != kNoBuffer) free_head_ = buffers_[index].next_free_;
  buffers_[index].Clear();
  ++in_use_;
  return index;
}

void BufferPool::Give(BufferIndex index) {
  if (index == kNoBuffer) return;
  buffers_[index].next_free_ = free_head_;
  free_head_ = index;
  --in_use_;
}

}  // namespace weir::stream

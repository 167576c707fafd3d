#include "dataplane/stream/buffer_pool.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace weir::stream {

void StreamBuffer::Clear() {
  const auto used = std::min((end_bytes_ + kWordBits - 1) / kWordBits, present_.size());
  std::fill_n(present_.begin(), used, uint64_t{0});
  end_bytes_ = 0;
}

void StreamBuffer::Mark(size_t from, size_t to) {
  while (from < to) {
    const size_t shift = from % kWordBits;
    const size_t bits = std::min(kWordBits - shift, to - from);
    const uint64_t ones = bits == kWordBits ? ~uint64_t{0} : (uint64_t{1} << bits) - 1;
    present_[from / kWordBits] |= ones << shift;
    from += bits;
  }
}

size_t StreamBuffer::FirstGap(size_t from, size_t to) const {
  while (from < to) {
    const size_t shift = from % kWordBits;
    const auto run = static_cast<size_t>(std::countr_one(present_[from / kWordBits] >> shift));
    from += std::min(run, kWordBits - shift);
    if (run < kWordBits - shift) break;
  }
  return std::min(from, to);
}

bool StreamBuffer::Contradicts(size_t offset, std::span<const uint8_t> bytes) const {
  if (offset >= end_bytes_) return false;
  const size_t end = std::min<size_t>(offset + bytes.size(), end_bytes_);
  size_t at = offset;
  while (at < end) {
    const size_t run_end = FirstGap(at, end);
    if (!std::equal(bytes_.data() + at, bytes_.data() + run_end, bytes.data() + (at - offset))) {
      return true;
    }
    at = run_end;
    while (at < end && !Has(at)) ++at;
  }
  return false;
}

void StreamBuffer::Write(size_t offset, std::span<const uint8_t> bytes) {
  const size_t end = offset + bytes.size();
  size_t at = offset;
  while (at < end) {
    if (at < end_bytes_ && Has(at)) {
      at = FirstGap(at, end);
      continue;
    }
    size_t gap_end = at + 1;
    if (at >= end_bytes_) gap_end = end;
    while (gap_end < end && !Has(gap_end)) ++gap_end;
    std::copy_n(bytes.data() + (at - offset), gap_end - at, bytes_.data() + at);
    Mark(at, gap_end);
    at = gap_end;
  }
  end_bytes_ = std::max(end_bytes_, static_cast<uint32_t>(end));
}

std::span<const uint8_t> StreamBuffer::RunFrom(size_t offset) const {
  if (offset >= end_bytes_) return {};
  return {bytes_.data() + offset, FirstGap(offset, end_bytes_) - offset};
}

void StreamBuffer::Discard(size_t count) {
  if (count >= end_bytes_) {
    Clear();
    return;
  }
  const size_t words = (end_bytes_ + kWordBits - 1) / kWordBits;
  const size_t skip = count / kWordBits;
  const unsigned shift = count % kWordBits;
  for (size_t i = 0; i < words; ++i) {
    const uint64_t here = i + skip < words ? present_[i + skip] : 0;
    const uint64_t next = i + skip + 1 < words ? present_[i + skip + 1] : 0;
    present_[i] = shift == 0 ? here : here >> shift | next << (kWordBits - shift);
  }
  end_bytes_ -= static_cast<uint32_t>(count);
  std::memmove(bytes_.data(), bytes_.data() + count, end_bytes_);
}

void StreamBuffer::MoveBack(size_t count) {
  std::memmove(bytes_.data() + count, bytes_.data(), end_bytes_);
  end_bytes_ += static_cast<uint32_t>(count);
  const size_t words = (end_bytes_ + kWordBits - 1) / kWordBits;
  const size_t skip = count / kWordBits;
  const unsigned shift = count % kWordBits;
  for (size_t i = words; i-- > 0;) {
    const uint64_t here = i >= skip ? present_[i - skip] : 0;
    const uint64_t before = i > skip ? present_[i - skip - 1] : 0;
    present_[i] = shift == 0 ? here : here << shift | before >> (kWordBits - shift);
  }
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

// Fixed buffers for the bytes of streams that are not in order, or not yet understood.
//
// One pool a worker, made at start; its thread only.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/base/huge_array.h"

namespace weir::stream {

using BufferIndex = uint32_t;
inline constexpr BufferIndex kNoBuffer = 0xffffffff;
inline constexpr size_t kStreamBytesMax = 16384;  // kept of one stream at a time

// A window of a stream and a bit for each byte that has arrived.
class StreamBuffer {
 public:
  void Clear();

  // Writes the bytes that were not there yet. False when the piece does not fit: nothing is
  // written.
  bool Write(size_t offset, std::span<const uint8_t> bytes);

  // From the window's start to the first gap.
  std::span<const uint8_t> Ordered() const { return {bytes_.data(), ordered_bytes_}; }

  // Moves the window on; `count` is at most Ordered().size().
  void Discard(size_t count);

  bool empty() const { return end_bytes_ == 0; }

 private:
  static constexpr size_t kWordBits = 64;

  bool Has(size_t at) const { return (present_[at / kWordBits] >> (at % kWordBits) & 1) != 0; }
  void FindGap();

  std::array<uint8_t, kStreamBytesMax> bytes_;
  std::array<uint64_t, kStreamBytesMax / kWordBits> present_;
  uint32_t ordered_bytes_;
  uint32_t end_bytes_;  // behind the last byte that has arrived
  uint32_t next_free_;

  friend class BufferPool;
};

class BufferPool {
 public:
  // Throws std::bad_alloc.
  explicit BufferPool(uint32_t buffers_max) : buffers_(buffers_max) {}

  BufferIndex Take();  // kNoBuffer when all are in use, which is counted
  void Give(BufferIndex index);
  StreamBuffer& at(BufferIndex index) { return buffers_[index]; }

  uint32_t in_use() const { return in_use_; }
  uint64_t refused() const { return refused_; }

 private:
  base::HugeArray<StreamBuffer> buffers_;
  BufferIndex free_head_ = kNoBuffer;
  uint32_t fresh_ = 0;
  uint32_t in_use_ = 0;
  uint64_t refused_ = 0;
};

}  // namespace weir::stream

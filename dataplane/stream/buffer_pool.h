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

// A window of a stream, and a bit for each byte of it that has arrived. Offsets are from the
// window's start; what lies outside of it is the caller's to refuse with Fits().
class StreamBuffer {
 public:
  void Clear();

  static bool Fits(size_t offset, size_t bytes) {
    return offset <= kStreamBytesMax && bytes <= kStreamBytesMax - offset;
  }

  // True when a byte that is here already is another than the one offered. Bytes beyond the window
  // contradict nothing.
  bool Contradicts(size_t offset, std::span<const uint8_t> bytes) const;

  // Writes the bytes that were not there yet.
  void Write(size_t offset, std::span<const uint8_t> bytes);

  // From `offset` to the first gap.
  std::span<const uint8_t> RunFrom(size_t offset) const;

  // Moves the window on, over gaps as well.
  void Discard(size_t count);

  // Moves the window back: what is here lies `count` bytes further behind. The caller has made
  // sure that it fits.
  void MoveBack(size_t count);

  size_t end() const { return end_bytes_; }  // behind the last byte that has arrived

 private:
  static constexpr size_t kWordBits = 64;

  bool Has(size_t at) const { return (present_[at / kWordBits] >> (at % kWordBits) & 1) != 0; }
  void Mark(size_t from, size_t to);
  size_t FirstGap(size_t from, size_t to) const;

  std::array<uint8_t, kStreamBytesMax> bytes_;
  std::array<uint64_t, kStreamBytesMax / kWordBits> present_;
  uint32_t end_bytes_;
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

// The bytes of unfinished datagrams, in pieces of 2 KB, with a bit for each 8 bytes that arrived.
//
// Fragments end on multiples of 8 (RFC 791 §2.3, RFC 8200 §4.5), so such bits say exactly what is
// there, however many fragments there are and in whatever order. One pool a worker, made at start.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/base/huge_array.h"

namespace weir::fragments {

using ChunkIndex = uint32_t;
inline constexpr ChunkIndex kNoChunk = 0xffffffff;
inline constexpr size_t kChunkBytes = 2048;
inline constexpr size_t kUnitBytes = 8;

enum class Present : uint8_t { kNone, kSame, kOther };  // kOther: in part, or not the same bytes

class Chunk {
 public:
  // `at` is a multiple of kUnitBytes; the bytes must not reach beyond the chunk, nor be none.
  Present Compare(size_t at, std::span<const uint8_t> bytes) const;
  void Write(size_t at, std::span<const uint8_t> bytes);
  std::span<const uint8_t> bytes() const { return bytes_; }

 private:
  static constexpr size_t kWordBits = 64;
  static constexpr size_t kUnits = kChunkBytes / kUnitBytes;

  std::array<uint8_t, kChunkBytes> bytes_;
  std::array<uint64_t, kUnits / kWordBits> present_;
  ChunkIndex next_free_;

  friend class ChunkPool;
};

class ChunkPool {
 public:
  // Throws std::bad_alloc.
  explicit ChunkPool(uint32_t chunks_max) : chunks_(chunks_max) {}

  ChunkIndex Take();  // empty; kNoChunk when all are in use
  void Give(ChunkIndex index);
  Chunk& at(ChunkIndex index) { return chunks_[index]; }
  const Chunk& at(ChunkIndex index) const { return chunks_[index]; }

  size_t left() const { return chunks_.size() - in_use_; }
  size_t in_use() const { return in_use_; }

 private:
  base::HugeArray<Chunk> chunks_;
  ChunkIndex free_head_ = kNoChunk;
  ChunkIndex fresh_ = 0;  // chunks from here on were never used
  size_t in_use_ = 0;
};

}  // namespace weir::fragments

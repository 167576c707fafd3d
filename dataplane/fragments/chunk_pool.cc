#include "dataplane/fragments/chunk_pool.h"

#include <cstring>

namespace weir::fragments {

Present Chunk::Compare(size_t at, std::span<const uint8_t> bytes) const {
  const size_t first = at / kUnitBytes;
  const size_t end = (at + bytes.size() + kUnitBytes - 1) / kUnitBytes;
  size_t there = 0;
  for (size_t unit = first; unit < end; ++unit) {
    there += present_[unit / kWordBits] >> (unit % kWordBits) & 1U;
  }
  if (there == 0) return Present::kNone;
  const bool same =
      there == end - first && std::memcmp(bytes_.data() + at, bytes.data(), bytes.size()) == 0;
  return same ? Present::kSame : Present::kOther;
}

void Chunk::Write(size_t at, std::span<const uint8_t> bytes) {
  std::memcpy(bytes_.data() + at, bytes.data(), bytes.size());
  const size_t end = (at + bytes.size() + kUnitBytes - 1) / kUnitBytes;
  for (size_t unit = at / kUnitBytes; unit < end; ++unit) {
    present_[unit / kWordBits] |= uint64_t{1} << (unit % kWordBits);
  }
}

ChunkIndex ChunkPool::Take() {
  if (free_head_ == kNoChunk && fresh_ == chunks_.size()) return kNoChunk;
  const ChunkIndex index = free_head_ != kNoChunk ? free_head_ : fresh_++;
  if (free_head_ != kNoChunk) free_head_ = chunks_[index].next_free_;
  chunks_[index].present_.fill(0);
  ++in_use_;
  return index;
}

void ChunkPool::Give(ChunkIndex index) {
  if (index == kNoChunk) return;
  chunks_[index].next_free_ = free_head_;
  free_head_ = index;
  --in_use_;
}

}  // namespace weir::fragments

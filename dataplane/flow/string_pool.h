// Strings that flows share: host names and rule ids, each kept once, counted, in fixed memory.
//
// A string takes one 64-byte block for its first 48 bytes and one for each further 56. One worker's
// thread. Host names of up to 255 bytes, so five blocks at most.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "dataplane/base/huge_array.h"
#include "dataplane/base/siphash.h"
#include "dataplane/flow/flow.h"

namespace weir::flow {

class StringPool {
 public:
  static constexpr size_t kStringBytesMax = 255;

  // `blocks_max` blocks of 64 bytes. Throws std::bad_alloc.
  StringPool(uint32_t blocks_max, const base::HashKey& secret);

  // The string's place, with one more user. kNone when it is empty, over 255 bytes, or the pool is
  // full.
  PoolIndex Acquire(std::string_view text);
  void AddUser(PoolIndex index);
  void Release(PoolIndex index);  // kNone is fine

  // Writes the string into `out` and returns a view of it; "" for kNone.
  std::string_view Read(PoolIndex index, std::span<char, kStringBytesMax> out) const;

  uint32_t blocks_used() const { return blocks_used_; }
  uint32_t blocks_max() const { return static_cast<uint32_t>(blocks_.size()); }
  uint64_t refused() const { return refused_; }  // for want of room

 private:
  static constexpr size_t kHeadBytes = 48;
  static constexpr size_t kMoreBytes = 56;

  struct alignas(64) Block {
    PoolIndex next_block;  // of this string, or of the free list
    uint32_t users;        // head blocks only from here on
    PoolIndex next_in_chain;
    uint16_t bytes;
    uint16_t unused;
    std::array<char, kHeadBytes> text;

    // A further block has text from `users` on.
    char* more_text() { return static_cast<char*>(static_cast<void*>(this)) + 8; }
    const char* more_text() const {
      return static_cast<const char*>(static_cast<const void*>(this)) + 8;
    }
  };
  static_assert(sizeof(Block) == 64);

  static size_t BlocksFor(size_t bytes);
  size_t ChainOf(std::string_view text) const;
  bool Equals(PoolIndex index, std::string_view text) const;
  PoolIndex TakeBlock();
  void Store(PoolIndex head, std::string_view text);

  base::HashKey secret_;
  base::HugeArray<Block> blocks_;
  base::HugeArray<PoolIndex> chains_;  // index + 1, so that zeroed memory means empty
  PoolIndex free_head_ = kNone;
  PoolIndex fresh_ = 0;
  uint32_t blocks_used_ = 0;
  uint64_t refused_ = 0;
};

}  // namespace weir::flow

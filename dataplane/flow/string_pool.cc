#include "dataplane/flow/string_pool.h"

#include <algorithm>
#include <cstring>

namespace weir::flow {

StringPool::StringPool(uint32_t blocks_max, const base::HashKey& secret)
    : secret_(secret), blocks_(blocks_max), chains_(std::max<uint32_t>(1, blocks_max / 2)) {}

size_t StringPool::BlocksFor(size_t bytes) {
  return bytes <= kHeadBytes ? 1 : 1 + (bytes - kHeadBytes + kMoreBytes - 1) / kMoreBytes;
}

size_t StringPool::ChainOf(std::string_view text) const {
  const auto* bytes = static_cast<const uint8_t*>(static_cast<const void*>(text.data()));
  return base::KeyedHash(secret_, {bytes, text.size()}) % chains_.size();
}

bool StringPool::Equals(PoolIndex index, std::string_view text) const {
  if (blocks_[index].bytes != text.size()) return false;
  std::array<char, kStringBytesMax> buffer;
  return Read(index, buffer) == text;
}

PoolIndex StringPool::TakeBlock() {
  ++blocks_used_;
  if (free_head_ == kNone) return fresh_++;
  const PoolIndex index = free_head_;
  free_head_ = blocks_[index].next_block;
  return index;
}

void StringPool::Store(PoolIndex head, std::string_view text) {
  Block& first = blocks_[head];
  first.next_block = kNone;
  first.bytes = static_cast<uint16_t>(text.size());
  size_t done = std::min(text.size(), kHeadBytes);
  std::memcpy(first.text.data(), text.data(), done);
  PoolIndex last = head;
  while (done < text.size()) {
    const PoolIndex index = TakeBlock();
    blocks_[index].next_block = kNone;
    const size_t piece = std::min(text.size() - done, kMoreBytes);
    std::memcpy(blocks_[index].more_text(), text.data() + done, piece);
    done += piece;
    blocks_[last].next_block = index;
    last = index;
  }
}

PoolIndex StringPool::Acquire(std::string_view text) {
  if (text.empty() || text.size() > kStringBytesMax) return kNone;
  const size_t chain = ChainOf(text);
  for (PoolIndex link = chains_[chain]; link != 0; link = blocks_[link - 1].next_in_chain) {
    if (!Equals(link - 1, text)) continue;
    ++blocks_[link - 1].users;
    return link - 1;
  }
  if (blocks_.size() - blocks_used_ < BlocksFor(text.size())) {
    ++refused_;
    return kNone;
  }
  const PoolIndex head = TakeBlock();
  Store(head, text);
  blocks_[head].users = 1;
  blocks_[head].next_in_chain = chains_[chain];
  chains_[chain] = head + 1;
  return head;
}

void StringPool::AddUser(PoolIndex index) {
  if (index != kNone) ++blocks_[index].users;
}

void StringPool::Release(PoolIndex index) {
  if (index == kNone || --blocks_[index].users > 0) return;
  std::array<char, kStringBytesMax> buffer;
  PoolIndex* link = &chains_[ChainOf(Read(index, buffer))];
  while (*link != index + 1) link = &blocks_[*link - 1].next_in_chain;
  *link = blocks_[index].next_in_chain;
  for (PoolIndex block = index; block != kNone;) {
    const PoolIndex next = blocks_[block].next_block;
    blocks_[block].next_block = free_head_;
    free_head_ = block;
    --blocks_used_;
    block = next;
  }
}

std::string_view StringPool::Read(PoolIndex index, std::span<char, kStringBytesMax> out) const {
  if (index == kNone) return {};
  const Block& head = blocks_[index];
  const size_t bytes = head.bytes;
  size_t done = std::min(bytes, kHeadBytes);
  std::memcpy(out.data(), head.text.data(), done);
  for (PoolIndex block = head.next_block; block != kNone && done < bytes;
       block = blocks_[block].next_block) {
    const size_t piece = std::min(bytes - done, kMoreBytes);
    std::memcpy(out.data() + done, blocks_[block].more_text(), piece);
    done += piece;
  }
  return {out.data(), bytes};
}

}  // namespace weir::flow

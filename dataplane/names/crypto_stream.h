// Bytes of a stream put together from pieces in any order: what came first for a place stands.
//
// Owned by one QuicInitial. 18 KB, no allocation; a bit for each byte tells what is there, so that
// any number of gaps costs the same.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace weir::names {

class CryptoStream {
 public:
  static constexpr size_t kBytesMax = 16384;

  // Forgets everything. Costs what was used.
  void Reset();
  void CopyFrom(const CryptoStream& other);

  // Puts a piece in its place; what lies beyond kBytesMax is cut off. False when a byte differs
  // from one that is there already: an honest client never sends that.
  bool Add(uint64_t offset, std::span<const uint8_t> piece);

  // Would Add() return true?
  bool Agrees(uint64_t offset, std::span<const uint8_t> piece) const;

  // What is there from the beginning without a gap.
  std::span<const uint8_t> prefix() const { return std::span(bytes_).first(prefix_bytes_); }
  // Is nothing there behind the first gap?
  bool gapless() const { return prefix_bytes_ == high_; }

 private:
  bool Has(size_t at) const { return (present_[at / 64] >> (at % 64) & 1) != 0; }
  void AdvancePrefix();

  uint32_t prefix_bytes_ = 0;
  uint32_t high_ = 0;  // no byte at or beyond it is there
  std::array<uint64_t, kBytesMax / 64> present_{};
  std::array<uint8_t, kBytesMax> bytes_;
};

}  // namespace weir::names

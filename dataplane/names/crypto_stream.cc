#include "dataplane/names/crypto_stream.h"

#include <algorithm>
#include <bit>

namespace weir::names {
namespace {

size_t WordsFor(size_t bytes) { return (bytes + 63) / 64; }

}  // namespace

void CryptoStream::Reset() {
  std::fill_n(present_.begin(), WordsFor(high_), 0);
  prefix_bytes_ = 0;
  high_ = 0;
}

void CryptoStream::CopyFrom(const CryptoStream& other) {
  Reset();
  prefix_bytes_ = other.prefix_bytes_;
  high_ = other.high_;
  std::copy_n(other.present_.begin(), WordsFor(high_), present_.begin());
  std::copy_n(other.bytes_.begin(), high_, bytes_.begin());
}

bool CryptoStream::Add(uint64_t offset, std::span<const uint8_t> piece) {
  if (offset >= kBytesMax) return true;
  piece = piece.first(std::min<size_t>(piece.size(), kBytesMax - offset));
  const auto begin = static_cast<size_t>(offset);
  const size_t end = begin + piece.size();
  bool agrees = true;
  for (size_t at = begin; at < std::min<size_t>(end, high_); ++at) {
    if (!Has(at)) {
      bytes_[at] = piece[at - begin];
    } else {
      agrees = agrees && bytes_[at] == piece[at - begin];
    }
  }
  const size_t fresh = std::max<size_t>(begin, high_);
  if (fresh < end) {
    std::copy_n(piece.begin() + static_cast<ptrdiff_t>(fresh - begin), end - fresh,
                bytes_.begin() + static_cast<ptrdiff_t>(fresh));
    high_ = static_cast<uint32_t>(end);
  }
  for (size_t at = begin; at < end;) {
    const size_t bits = std::min<size_t>(64 - at % 64, end - at);
    const uint64_t ones = bits == 64 ? ~uint64_t{0} : (uint64_t{1} << bits) - 1;
    present_[at / 64] |= ones << (at % 64);
    at += bits;
  }
  AdvancePrefix();
  return agrees;
}

bool CryptoStream::Agrees(uint64_t offset, std::span<const uint8_t> piece) const {
  for (uint64_t at = offset; at < high_ && at - offset < piece.size(); ++at) {
    if (Has(at) && bytes_[at] != piece[at - offset]) return false;
  }
  return true;
}

void CryptoStream::AdvancePrefix() {
  while (prefix_bytes_ < high_) {
    const uint64_t missing = ~present_[prefix_bytes_ / 64] >> (prefix_bytes_ % 64);
    const uint32_t run = std::min<uint32_t>(static_cast<uint32_t>(std::countr_zero(missing)),
                                            64 - prefix_bytes_ % 64);
    prefix_bytes_ += run;
    if (run == 0 || prefix_bytes_ % 64 != 0) break;
  }
}

}  // namespace weir::names

// The lengths that some prefixes have: each is one more place to look for an address.
//
// Of each family by itself, as a delegated /56 is nothing to an IPv4 address. Values; any thread.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <optional>

#include "dataplane/base/ip_address.h"

namespace weir::identity {

// In the 128-bit form; a host prefix, which is an address, is none of them.
class LengthSet {
 public:
  bool empty() const { return (words_[0] | words_[1]) == 0; }
  bool Contains(unsigned length_bits) const {
    return (words_[length_bits / 64] >> (length_bits % 64) & 1) != 0;
  }
  unsigned size() const {
    return static_cast<unsigned>(std::popcount(words_[0]) + std::popcount(words_[1]));
  }
  void Add(unsigned length_bits) { words_[length_bits / 64] |= uint64_t{1} << (length_bits % 64); }
  void Add(const LengthSet& more) {
    for (size_t i = 0; i < words_.size(); ++i) words_[i] |= more.words_[i];
  }

  // The longest of those below `end_bits` (up to 128).
  std::optional<unsigned> LongestBelow(unsigned end_bits) const {
    for (unsigned word = 2; word-- > 0;) {
      if (end_bits <= word * 64) continue;
      const unsigned of_word = end_bits - word * 64;
      const uint64_t below =
          of_word >= 64 ? words_[word] : words_[word] & ((uint64_t{1} << of_word) - 1);
      if (below != 0) return word * 64 + 63 - static_cast<unsigned>(std::countl_zero(below));
    }
    return std::nullopt;
  }

 private:
  std::array<uint64_t, 2> words_{};
};

class PrefixLengths {
 public:
  bool empty() const { return v4_.empty() && v6_.empty(); }

  // Those at which a prefix may hold the address. An IPv6 prefix holds no IPv4 address.
  const LengthSet& Of(const base::IpAddress& ip) const { return ip.is_v4() ? v4_ : v6_; }

  // Nothing where it is a host prefix.
  void Add(const base::IpPrefix& prefix) {
    if (!prefix.is_one_address()) OfFamily(prefix.address()).Add(prefix.length_bits());
  }
  void Add(const PrefixLengths& more) {
    v4_.Add(more.v4_);
    v6_.Add(more.v6_);
  }

  // The most lengths that a family has.
  unsigned most() const { return std::max(v4_.size(), v6_.size()); }

 private:
  LengthSet& OfFamily(const base::IpAddress& ip) { return ip.is_v4() ? v4_ : v6_; }

  LengthSet v4_;
  LengthSet v6_;
};

}  // namespace weir::identity

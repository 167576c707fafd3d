// The keyed hash of a name and of each of its parents, all in one pass over the name.
//
// Theory of operation. A name is read from its end, so that "com", "example.com" and
// "www.example.com" are three states of one pass. The bytes of a label fill words of up to 7 bytes,
// each with how many it holds and whether its label begins in it: no two names give the same words.
// The words are the coefficients of a polynomial, taken at two secret points over the field of
// 2^61 - 1 (Carter and Wegman, "New hash functions and their use in authentication and set
// equality", 1981; Bernstein, "Polynomial evaluation and message authentication", 2007). Two given
// names of up to n words meet in all 122 bits with a probability of (n / 2^61)^2 over the choice of
// the secret, whatever they are; n is 2 to 5 for most names and 128 for the longest.
//
// A pure function of its arguments; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "dataplane/base/siphash.h"

namespace weir::rules {

struct NameHash {
  uint64_t first = 0;   // 61 bits
  uint64_t second = 0;  // 61 bits

  auto operator<=>(const NameHash&) const = default;
};

class NameHashKey {
 public:
  explicit NameHashKey(const base::HashKey& secret) {
    for (size_t i = 0; i < 4; ++i) {
      base::SipHash13 word(secret);
      word.Add(i);
      words_[i] = word.Finish();
    }
    words_[0] %= kPrime;
    words_[1] %= kPrime;
  }

  NameHash Add(const NameHash& state, uint64_t word) const {
    return {Step(state.first, words_[0], word), Step(state.second, words_[1], word)};
  }

  // 64 bits for places in tables, of which any may be used.
  uint64_t PlaceOf(const NameHash& hash) const {
    const Wide product = static_cast<Wide>(hash.first ^ words_[2]) * (hash.second ^ words_[3]);
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
  }

 private:
  __extension__ using Wide = unsigned __int128;
  static constexpr uint64_t kPrime = (uint64_t{1} << 61) - 1;

  static uint64_t Step(uint64_t state, uint64_t point, uint64_t word) {
    const Wide value = static_cast<Wide>(state) * point + word;
    const uint64_t folded =
        (static_cast<uint64_t>(value) & kPrime) + static_cast<uint64_t>(value >> 61);  // < 2^62
    return folded >= kPrime ? folded - kPrime : folded;
  }

  uint64_t words_[4];
};

// The name's last label, then its last two, and so on to the whole of it.
class ParentWalk {
 public:
  ParentWalk(const NameHashKey& key, std::string_view name)
      : key_(key), name_(name), rest_bytes_(name.size()) {}

  // Goes on by one label; false when the whole name has been read.
  bool Next() {
    if (whole_) return false;
    if (labels_ > 0) --rest_bytes_;  // the dot
    uint64_t word = 0;
    uint64_t bytes = 0;
    while (rest_bytes_ > 0 && name_[rest_bytes_ - 1] != '.') {
      if (bytes == kWordBytes) {
        hash_ = key_.Add(hash_, word | bytes << kLengthShift);
        word = bytes = 0;
      }
      word = word << 8 | static_cast<uint8_t>(name_[--rest_bytes_]);
      ++bytes;
    }
    hash_ = key_.Add(hash_, word | bytes << kLengthShift | kLabelBegins);
    ++labels_;
    whole_ = rest_bytes_ == 0;
    return true;
  }

  size_t labels() const { return labels_; }
  bool whole() const { return whole_; }
  const NameHash& hash() const { return hash_; }

 private:
  static constexpr uint64_t kWordBytes = 7;
  static constexpr unsigned kLengthShift = 56;  // 3 bits
  static constexpr uint64_t kLabelBegins = uint64_t{1} << 59;

  const NameHashKey& key_;
  std::string_view name_;
  size_t rest_bytes_;  // in front of what has been read
  size_t labels_ = 0;
  bool whole_ = false;
  NameHash hash_{1, 1};  // not 0: else leading words of zero would not count
};

}  // namespace weir::rules

// The flow table's hash: keyed, so that who does not know the key cannot choose flows that collide,
// and short, because every packet pays for it.
//
// Theory of operation. NH (Black, Halevi, Krawczyk, Krovetz and Rogaway, "UMAC", 1999) over the
// key's five words: each is added to a secret word and the sums are multiplied in pairs to 128
// bits. Two different keys meet with a probability of 2^-64 over the choice of the secret, whatever
// they are. The 128 bits are then mixed with two more secret words, so that any bits of the result
// may be used. The table never shows a hash to anybody.
//
// Made once; Hash() is a pure function, for any thread.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "dataplane/base/siphash.h"
#include "dataplane/flow/flow_key.h"

namespace weir::flow {

class FlowHash {
 public:
  explicit FlowHash(const base::HashKey& secret) {
    for (size_t i = 0; i < words_.size(); ++i) {
      base::SipHash13 word(secret);
      word.Add(i);
      words_[i] = word.Finish();
    }
    ipv4_firsts_ = Product(words_[0], words_[1]);
  }

  uint64_t Hash(const FlowKey& key) const { return Hash(KeyWords(key), false); }
  // `is_ipv4`: known to be, where the compiler sees it: then a product less.
  [[gnu::always_inline]] uint64_t Hash(const KeyWords& key, bool is_ipv4) const {
    const Wide firsts =
        is_ipv4 ? ipv4_firsts_ : Product(key.low_first + words_[0], key.high_first + words_[1]);
    const Wide sum = firsts + Product(key.low_second + words_[2], key.high_second + words_[3]) +
                     Product(key.rest + words_[4], words_[5]);
    const Wide mixed = Product(static_cast<uint64_t>(sum) ^ words_[6],
                               static_cast<uint64_t>(sum >> 64) ^ words_[7]);
    return static_cast<uint64_t>(mixed) ^ static_cast<uint64_t>(mixed >> 64);
  }

 private:
  __extension__ using Wide = unsigned __int128;
  static Wide Product(uint64_t a, uint64_t b) { return static_cast<Wide>(a) * b; }

  std::array<uint64_t, 8> words_{};
  Wide ipv4_firsts_;  // what the first halves come to that are 0
};

}  // namespace weir::flow

// SipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast short-input PRF") over whole 8-byte words.
//
// A keyed hash: who does not know the key cannot choose flows or names that collide. One
// compression and three finalisation rounds, as several language runtimes use it for their tables.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <span>

#include "dataplane/base/byte_order.h"

namespace weir::base {

struct HashKey {
  uint64_t low = 0;
  uint64_t high = 0;

  static HashKey FromBytes(const std::array<uint8_t, 16>& bytes) {
    HashKey key;
    std::memcpy(&key.low, bytes.data(), 8);
    std::memcpy(&key.high, bytes.data() + 8, 8);
    return key;
  }
};

class SipHash13 {
 public:
  explicit SipHash13(const HashKey& key)
      : v0_(key.low ^ 0x736f6d6570736575),
        v1_(key.high ^ 0x646f72616e646f6d),
        v2_(key.low ^ 0x6c7967656e657261),
        v3_(key.high ^ 0x7465646279746573) {}

  void Add(uint64_t word) {
    v3_ ^= word;
    Round();
    v0_ ^= word;
    length_bytes_ += 8;
  }

  // `tail`: up to 7 bytes that did not fill a word, lowest first.
  uint64_t Finish(uint64_t tail = 0, unsigned tail_bytes = 0) {
    const uint64_t last = tail | (length_bytes_ + tail_bytes) << 56;
    v3_ ^= last;
    Round();
    v0_ ^= last;
    v2_ ^= 0xff;
    Round();
    Round();
    Round();
    return v0_ ^ v1_ ^ v2_ ^ v3_;
  }

 private:
  void Round() {
    v0_ += v1_;
    v1_ = std::rotl(v1_, 13) ^ v0_;
    v0_ = std::rotl(v0_, 32);
    v2_ += v3_;
    v3_ = std::rotl(v3_, 16) ^ v2_;
    v0_ += v3_;
    v3_ = std::rotl(v3_, 21) ^ v0_;
    v2_ += v1_;
    v1_ = std::rotl(v1_, 17) ^ v2_;
    v2_ = std::rotl(v2_, 32);
  }

  uint64_t v0_, v1_, v2_, v3_;
  uint64_t length_bytes_ = 0;
};

inline uint64_t KeyedHash(const HashKey& key, std::span<const uint8_t> bytes) {
  SipHash13 hash(key);
  while (bytes.size() >= 8) {
    uint64_t word;
    std::memcpy(&word, bytes.data(), 8);
    hash.Add(word);
    bytes = bytes.subspan(8);
  }
  uint64_t tail = 0;
  std::memcpy(&tail, bytes.data(), bytes.size());
  return hash.Finish(tail, static_cast<unsigned>(bytes.size()));
}

}  // namespace weir::base

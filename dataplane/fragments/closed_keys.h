// Keys of datagrams of which nothing more may pass, each for its time.
//
// Sets of eight in memory fixed at the start, found by a keyed hash of the key; the hash stands for
// the key, so that one costs 24 bytes. A full set forgets the key whose time ends first. Worker's
// thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "dataplane/base/huge_array.h"
#include "dataplane/base/time.h"

namespace weir::fragments {

struct Ports {
  uint16_t src = 0;
  uint16_t dst = 0;
};

struct ClosedKey {
  Ports ports;  // of the flow that the datagram belonged to, 0 where it was never known
  uint8_t ip_protocol = 0;
  bool waved = false;  // not to be dropped: there was no room to look into it
};

class ClosedKeys {
 public:
  // Throws std::bad_alloc. `keys_max` is rounded up to a multiple of eight.
  explicit ClosedKeys(uint32_t keys_max) : sets_((keys_max + kSetKeys - 1) / kSetKeys) {}

  std::optional<ClosedKey> Find(uint64_t hash, base::MonoTime now) const;

  // Closes until `until`, anew if it was closed already. True when another key had to be forgotten
  // for it.
  bool Put(uint64_t hash, const ClosedKey& key, base::MonoTime now, base::MonoTime until);

  void Clear();

 private:
  static constexpr size_t kSetKeys = 8;

  struct Record {
    uint64_t hash;
    int64_t until_ns;  // 0: never used
    ClosedKey key;
  };
  static_assert(sizeof(Record) == 24);
  using Set = std::array<Record, kSetKeys>;

  size_t SetOf(uint64_t hash) const { return ((hash >> 32) * sets_.size()) >> 32; }

  base::HugeArray<Set> sets_;
};

}  // namespace weir::fragments

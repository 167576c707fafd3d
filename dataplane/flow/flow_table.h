// The flows of one worker: found by key in one or two cache lines, in memory fixed at the start.
//
// Theory of operation. An index of 64-byte buckets holds ten 16-bit tags and ten flow numbers each.
// A flow lives in the bucket of its first hash half while that has room, else in the one of its
// second; a bucket counts how many of its flows went to their second, so that a look-up of the
// others ends after one line. The hash is keyed with a secret made at start, so collisions cannot
// be chosen from outside. At 85 % load the index takes 7.5 bytes a flow, the flow itself 128.
//
// The table knows nothing of records: who inserts asks for a victim first when it is full, closes
// that flow's session, and erases it.
#pragma once

#include <emmintrin.h>

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "dataplane/base/counter.h"
#include "dataplane/base/huge_array.h"
#include "dataplane/flow/flow.h"
#include "dataplane/flow/flow_hash.h"
#include "dataplane/flow/limits.h"

namespace weir::flow {

struct TableCounters {
  base::Counter entries;
  base::Counter embryonic;
  base::Counter created;
  base::Counter expired;  // idle or closed, taken out in their time
  base::Counter evicted;  // taken out early for want of room
};

class FlowTable {
 public:
  // Throws std::bad_alloc when the memory cannot be had.
  FlowTable(const Limits& limits, const base::HashKey& secret);

  uint64_t Hash(const FlowKey& key) const { return hash_.Hash(key); }
  [[gnu::always_inline]] uint64_t Hash(const KeyWords& key, bool is_ipv4) const {
    return hash_.Hash(key, is_ipv4);
  }

  class Batch;
  Batch batch() const;

  // kNone when there is no such flow. `likely`: what Batch::PrefetchFlow() said, of whatever age.
  FlowIndex Find(const FlowKey& key, uint64_t hash, FlowIndex likely) const {
    const bool is_it = likely != kNone && hot_[likely].key == key && live(likely);
    return is_it ? likely : Find(key, hash);
  }
  FlowIndex Find(const FlowKey& key, uint64_t hash) const;

  // A zeroed flow with its key set, embryonic. kNone when the table or both of its buckets are
  // full, or the embryonic quota is used up: Victim() then names the flow to give up.
  FlowIndex Insert(const FlowKey& key, uint64_t hash);
  FlowIndex Victim(uint64_t hash);

  void Erase(FlowIndex index);

  // The flow has shown payload: it no longer counts against the embryonic quota.
  void Mature(FlowIndex index);

  // The next live flow at or after `*cursor` within `budget` places, or kNone; moves the cursor
  // past it and lowers the budget. Goes round the table for ever.
  FlowIndex Sweep(uint32_t& cursor, uint32_t& budget) const;

  HotFlow* hot_flows() { return &hot_[0]; }
  HotFlow& hot(FlowIndex index) { return hot_[index]; }
  const HotFlow& hot(FlowIndex index) const { return hot_[index]; }
  ColdFlow& cold(FlowIndex index) { return cold_[index]; }
  const ColdFlow& cold(FlowIndex index) const { return cold_[index]; }
  bool live(FlowIndex index) const { return hot_[index].last_seen_us != kFree; }

  // So many places, from the first, have ever held a flow: one round of Sweep() from 0.
  uint32_t places_used() const { return fresh_; }
  uint32_t capacity() const { return limits_.flows_max; }
  const Limits& limits() const { return limits_; }
  // No flow is over sooner than this.
  uint64_t soonest_timeout_us() const { return soonest_timeout_us_; }
  // How long the flow may be silent before it is over.
  uint64_t TimeoutUs(const HotFlow& hot) const;
  size_t memory_bytes() const { return hot_.bytes() + cold_.bytes() + buckets_.bytes(); }

  const TableCounters& counters() const { return counters_; }
  TableCounters& mutable_counters() { return counters_; }

 private:
  static constexpr size_t kBucketFlows = 10;
  static constexpr size_t kPrimaryFlowsMax = 8;  // then the emptier of the two buckets is taken
  static constexpr uint64_t kFree = (uint64_t{1} << 48) - 1;
  static constexpr uint16_t kFreeEpoch = 0xffff;

  struct alignas(64) Bucket {
    std::array<uint16_t, kBucketFlows> tags;  // 0: the place is free
    uint16_t displaced;                       // flows of this bucket that live in their second one
    uint16_t unused;
    std::array<FlowIndex, kBucketFlows> flows;
  };
  static_assert(sizeof(Bucket) == 64);

  static size_t BucketOf(uint32_t half, uint64_t buckets) { return (half * buckets) >> 32; }
  size_t Primary(uint64_t hash) const {
    return BucketOf(static_cast<uint32_t>(hash >> 32), buckets_.size());
  }
  size_t Secondary(uint64_t hash) const { return Secondary(hash, buckets_.size()); }
  static size_t Secondary(uint64_t hash, uint64_t buckets) {
    const size_t first = BucketOf(static_cast<uint32_t>(hash >> 32), buckets);
    const size_t second = BucketOf(static_cast<uint32_t>(hash), buckets);
    return second != first ? second : (second + 1) % buckets;
  }
  // The low bits: the buckets are chosen by the high bits of each half. Never 0.
  static uint16_t Tag(uint64_t hash) { return static_cast<uint16_t>(hash | 1); }
  static unsigned Count(const Bucket& bucket);
  // A bit for each place of the bucket, two apart, that has the tag.
  static uint32_t PlacesWith(const Bucket& bucket, uint16_t tag) {
    // Two overlapping loads of eight tags cover all ten.
    const auto load = [&](size_t from) {
      __m128i tags;
      std::memcpy(&tags, bucket.tags.data() + from, sizeof tags);
      return tags;
    };
    const __m128i wanted = _mm_set1_epi16(static_cast<int16_t>(tag));
    const auto low = static_cast<uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi16(load(0), wanted)));
    const auto high = static_cast<uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi16(load(2), wanted)));
    return (low | high << 4) & 0x55555;  // one bit of each pair
  }
  // In the first of those places: its bit is at half of its offset in bytes.
  static FlowIndex FlowAt(const Bucket& bucket, uint32_t hits) {
    const auto* const flows =
        static_cast<const std::byte*>(static_cast<const void*>(bucket.flows.data()));
    FlowIndex index;
    std::memcpy(&index, flows + size_t{2} * static_cast<unsigned>(std::countr_zero(hits)),
                sizeof index);
    return index;
  }
  FlowIndex FindIn(const Bucket& bucket, uint16_t tag, const FlowKey& key) const;
  static bool Remove(Bucket& bucket, FlowIndex index);
  static void Put(Bucket& bucket, uint16_t tag, FlowIndex index);
  Bucket* PlaceFor(uint64_t hash);
  bool MoveOneOut(Bucket& bucket);  // of a full bucket, to its other one
  bool EmbryonicFull() const { return counters_.embryonic.value() >= embryonic_max_; }

  Limits limits_;
  FlowHash hash_;
  uint32_t embryonic_max_;
  uint64_t soonest_timeout_us_;
  base::HugeArray<HotFlow> hot_;
  base::HugeArray<ColdFlow> cold_;
  base::HugeArray<Bucket> buckets_;
  FlowIndex free_head_ = kNone;  // a list through HotFlow::bytes[0]
  FlowIndex fresh_ = 0;          // flows from here on were never used
  uint32_t victim_cursor_ = 0;
  TableCounters counters_;
};

// Look-ups ahead, for a whole batch of keys in steps, so that the memory of all is on its way at
// once. Copies of what they need of the table: they stay in registers, whatever is written between.
class FlowTable::Batch {
 public:
  explicit Batch(const FlowTable& table)
      : buckets_(table.buckets_.data()),
        bucket_count_(table.buckets_.size()),
        hot_(table.hot_.data()) {}

  // First.
  void PrefetchBucket(uint64_t hash) const { __builtin_prefetch(&Primary(hash)); }

  // Then: the flow that has the key most likely, by its tag alone, on its way into the cache. False
  // and kNone when there is none in the key's first bucket; if it may live in its second one, that
  // is on its way.
  [[gnu::always_inline]] bool PrefetchFlow(uint64_t hash, FlowIndex& likely) const {
    const Bucket& bucket = Primary(hash);
    const uint32_t hits = PlacesWith(bucket, Tag(hash));
    if (hits == 0) [[unlikely]] {
      if (bucket.displaced != 0) __builtin_prefetch(&Secondary(hash));
      likely = kNone;
      return false;
    }
    likely = FlowAt(bucket, hits);
    __builtin_prefetch(hot_ + likely, 1);
    return true;
  }

  // Then, for those that the first bucket did not have.
  FlowIndex PrefetchDisplaced(uint64_t hash) const {
    if (Primary(hash).displaced == 0) return kNone;
    const Bucket& bucket = Secondary(hash);
    const uint32_t hits = PlacesWith(bucket, Tag(hash));
    if (hits == 0) return kNone;
    const FlowIndex index = FlowAt(bucket, hits);
    __builtin_prefetch(hot_ + index, 1);
    return index;
  }

 private:
  const Bucket& Primary(uint64_t hash) const {
    return buckets_[BucketOf(static_cast<uint32_t>(hash >> 32), bucket_count_)];
  }
  const Bucket& Secondary(uint64_t hash) const {
    return buckets_[FlowTable::Secondary(hash, bucket_count_)];
  }

  const Bucket* buckets_;
  uint64_t bucket_count_;
  const HotFlow* hot_;
};

inline FlowTable::Batch FlowTable::batch() const { return Batch(*this); }

}  // namespace weir::flow

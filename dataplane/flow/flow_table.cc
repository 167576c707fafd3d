#include "dataplane/flow/flow_table.h"

#include <algorithm>
#include <bit>

namespace weir::flow {
namespace {

constexpr uint64_t kUsPerSecond = 1'000'000;
// A sender sends a dropped segment again after 120 s at the latest (RFC 6298 §2.5 sets no upper
// bound below 60 s; Linux waits up to 120). Were the flow forgotten before, that segment would
// begin a new one, of which nothing is known.
constexpr uint64_t kBlockedSeconds = 180;
constexpr uint32_t kVictimsLookedAt = 32;
constexpr uint32_t kSweepAhead = 48;

// Reset, with a name still being found out: an RST that the server never got must not make Weir
// forget the half that was read.
bool IsUnfinished(const HotFlow& hot) {
  return hot.Has(kReset) && hot.Has(kLearning) && !hot.Has(kEmbryonic);
}

uint64_t SoonestSeconds(const Limits& limits) {
  return std::min<uint64_t>({limits.tcp_established_s, limits.tcp_embryonic_s, limits.tcp_closed_s,
                             limits.udp_s, limits.icmp_s, limits.other_s, kBlockedSeconds});
}

// Buckets for `flows` at 85 % load.
size_t BucketsFor(uint32_t flows) { return (uint64_t{flows} * 100 + 849) / 850 + 1; }

}  // namespace

FlowTable::FlowTable(const Limits& limits, const base::HashKey& secret)
    : limits_(limits),
      hash_(secret),
      embryonic_max_(static_cast<uint32_t>(
          std::max<uint64_t>(1, uint64_t{limits.flows_max} * limits.embryonic_percent / 100))),
      soonest_timeout_us_(SoonestSeconds(limits) * kUsPerSecond),
      hot_(limits.flows_max),
      cold_(limits.flows_max),
      buckets_(BucketsFor(limits.flows_max)) {}

unsigned FlowTable::Count(const Bucket& bucket) {
  return static_cast<unsigned>(
      std::ranges::count_if(bucket.tags, [](uint16_t t) { return t != 0; }));
}

FlowIndex FlowTable::FindIn(const Bucket& bucket, uint16_t tag, const FlowKey& key) const {
  for (uint32_t hits = PlacesWith(bucket, tag); hits != 0; hits &= hits - 1) {
    const FlowIndex index = FlowAt(bucket, hits);
    if (hot_[index].key == key) return index;
  }
  return kNone;
}

FlowIndex FlowTable::Find(const FlowKey& key, uint64_t hash) const {
  const Bucket& primary = buckets_[Primary(hash)];
  const uint16_t tag = Tag(hash);
  const FlowIndex found = FindIn(primary, tag, key);
  if (found != kNone || primary.displaced == 0) return found;
  return FindIn(buckets_[Secondary(hash)], tag, key);
}

FlowTable::Bucket* FlowTable::PlaceFor(uint64_t hash) {
  Bucket& primary = buckets_[Primary(hash)];
  const unsigned in_primary = Count(primary);
  if (in_primary < kPrimaryFlowsMax) return &primary;
  Bucket& secondary = buckets_[Secondary(hash)];
  const unsigned in_secondary = Count(secondary);
  if (in_primary <= in_secondary) {
    if (in_primary < kBucketFlows || MoveOneOut(primary)) return &primary;
    if (!MoveOneOut(secondary)) return nullptr;
  }
  ++primary.displaced;
  return &secondary;
}

bool FlowTable::MoveOneOut(Bucket& bucket) {
  for (size_t i = 0; i < kBucketFlows; ++i) {
    const uint64_t hash = Hash(hot_[bucket.flows[i]].key);
    Bucket& primary = buckets_[Primary(hash)];
    const bool was_displaced = &primary != &bucket;
    Bucket& other = was_displaced ? primary : buckets_[Secondary(hash)];
    if (Count(other) == kBucketFlows) continue;
    Put(other, bucket.tags[i], bucket.flows[i]);
    bucket.tags[i] = 0;
    primary.displaced = static_cast<uint16_t>(primary.displaced + (was_displaced ? -1 : 1));
    return true;
  }
  return false;
}

void FlowTable::Put(Bucket& bucket, uint16_t tag, FlowIndex index) {
  const auto place = static_cast<size_t>(std::ranges::find(bucket.tags, 0) - bucket.tags.begin());
  bucket.tags[place] = tag;
  bucket.flows[place] = index;
}

FlowIndex FlowTable::Insert(const FlowKey& key, uint64_t hash) {
  if (EmbryonicFull()) return kNone;
  if (free_head_ == kNone && fresh_ == limits_.flows_max) return kNone;
  Bucket* bucket = PlaceFor(hash);
  if (bucket == nullptr) return kNone;
  const FlowIndex index = free_head_ != kNone ? free_head_ : fresh_++;
  if (free_head_ != kNone) free_head_ = hot_[index].bytes[0];

  Put(*bucket, Tag(hash), index);

  HotFlow& hot = hot_[index];
  hot = HotFlow{};
  hot.key = key;
  hot.Set(kEmbryonic);
  ColdFlow& cold = cold_[index];
  cold = ColdFlow{};
  cold.name = cold.rule = cold.learning = kNone;
  counters_.entries.Add();
  counters_.embryonic.Add();
  counters_.created.Add();
  return index;
}

FlowIndex FlowTable::Victim(uint64_t hash) {
  // Buckets full beyond help are rare; then one of their flows must go.
  const bool room = counters_.entries.value() < limits_.flows_max;
  if (room && !EmbryonicFull()) {
    const Bucket& bucket = buckets_[Primary(hash)];
    return *std::ranges::min_element(bucket.flows, {},
                                     [&](FlowIndex i) -> uint64_t { return hot_[i].last_seen_us; });
  }
  FlowIndex best = kNone;
  for (uint32_t looked_at = 0; looked_at < kVictimsLookedAt;) {
    uint32_t budget = limits_.flows_max;
    const FlowIndex index = Sweep(victim_cursor_, budget);
    ++looked_at;
    if (index == kNone) break;
    if (best == kNone) {
      best = index;
      continue;
    }
    const HotFlow& candidate = hot_[index];
    const HotFlow& so_far = hot_[best];
    const bool embryonic = candidate.Has(kEmbryonic);
    if (embryonic != so_far.Has(kEmbryonic) ? embryonic
                                            : candidate.last_seen_us < so_far.last_seen_us) {
      best = index;
    }
  }
  return best;
}

bool FlowTable::Remove(Bucket& bucket, FlowIndex index) {
  for (size_t i = 0; i < kBucketFlows; ++i) {
    if (bucket.tags[i] == 0 || bucket.flows[i] != index) continue;
    bucket.tags[i] = 0;
    return true;
  }
  return false;
}

void FlowTable::Erase(FlowIndex index) {
  HotFlow& hot = hot_[index];
  const uint64_t hash = Hash(hot.key);
  Bucket& primary = buckets_[Primary(hash)];
  if (!Remove(primary, index)) {
    Remove(buckets_[Secondary(hash)], index);
    --primary.displaced;
  }
  if (hot.Has(kEmbryonic)) counters_.embryonic.Subtract();
  counters_.entries.Subtract();
  hot.last_seen_us = kFree;
  hot.policy_epoch = kFreeEpoch;
  hot.bytes[0] = free_head_;
  free_head_ = index;
}

void FlowTable::Mature(FlowIndex index) {
  HotFlow& hot = hot_[index];
  if (!hot.Has(kEmbryonic)) return;
  hot.Clear(kEmbryonic);
  counters_.embryonic.Subtract();
}

FlowIndex FlowTable::Sweep(uint32_t& cursor, uint32_t& budget) const {
  while (budget > 0 && counters_.entries.value() > 0) {
    --budget;
    if (cursor >= fresh_) cursor = 0;
    const FlowIndex index = cursor++;
    // A call soon after this one will want it; beyond the end nothing comes of it.
    __builtin_prefetch(hot_.data() + index + kSweepAhead);
    if (live(index)) return index;
  }
  return kNone;
}

uint64_t FlowTable::TimeoutUs(const HotFlow& hot) const {
  uint64_t seconds = limits_.other_s;
  const bool reset_by_weir = hot.Has(kReset) && hot.fin_both();
  if (hot.Has(kDrops) && !reset_by_weir) return kBlockedSeconds * kUsPerSecond;
  if (hot.key.protocol == packet::ip_protocol::kTcp) {
    const bool closed = hot.Has(kReset) || hot.fin_both();
    if (IsUnfinished(hot)) return kUnfinishedUs;
    seconds = closed                ? limits_.tcp_closed_s
              : hot.Has(kEmbryonic) ? limits_.tcp_embryonic_s
                                    : limits_.tcp_established_s;
  } else if (hot.key.protocol == packet::ip_protocol::kUdp) {
    seconds = limits_.udp_s;
  } else if (hot.key.protocol == packet::ip_protocol::kIcmp ||
             hot.key.protocol == packet::ip_protocol::kIcmp6) {
    seconds = limits_.icmp_s;
  }
  return seconds * kUsPerSecond;
}

}  // namespace weir::flow

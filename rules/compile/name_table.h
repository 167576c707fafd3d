// Every name that a policy asks about, in one table: for a flow's name, the conditions that hold.
//
// Theory of operation. A name is not kept: 80 bits of its keyed hash and its bucket stand for it
// (docs/decisions/0012). A bucket is one cache line of four entries, and a name is in one of two
// buckets (cuckoo hashing), so a look-up touches at most two lines whatever was asked. Before that
// come a bit for each number of labels that any name here has, and a filter of 12 bits a name of
// which a look-up reads one word: a name that is in no list mostly costs no line of the table.
//
// Conditions are numbered by who compiles, `host` and `domain` apart. Names in the same conditions
// share one group of their numbers, ascending.
//
// Immutable after it is made: any thread may ask, without allocation or lock.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "dataplane/base/huge_array.h"
#include "rules/compile/name_hash.h"

namespace weir::rules {

// Different names in one policy; also what 24 bits for groups and lines have room for.
inline constexpr size_t kNamesMax = 16'000'000;

class NameTable {
 public:
  static constexpr size_t kLabelsMax = 128;  // 255 bytes in all: RFC 1035 §2.3.4

  // The conditions that a name or one of its parents is in.
  struct Group {
    std::span<const uint32_t> hosts;    // hold for exactly this name
    std::span<const uint32_t> domains;  // and for all below it
    uint32_t list_line = 0;             // of the list that the name came from; 0: none
  };

  class Builder;

  NameTable() : key_(base::HashKey{}) {}

  // Calls `visit(group, whole)` for `name`, with whole = true, and for each of its parents that is
  // in the table.
  template <typename Visit>
  void ForEach(std::string_view name, Visit visit) const {
    if (size_ == 0) return;
    ParentWalk walk(key_, name);
    while (walk.labels() < labels_max_ && walk.Next()) {
      if (!(walk.whole() ? whole_labels_ : domain_labels_)[walk.labels()]) continue;
      const uint64_t place = key_.PlaceOf(walk.hash());
      if (!MayHold(place)) continue;
      if (const Entry* entry = Find(walk.hash(), place)) visit(GroupOf(*entry), walk.whole());
    }
  }

  size_t size() const { return size_; }
  size_t memory_bytes() const;

 private:
  // 80 bits of the hash; 24 of the group, counted from 1, 0: empty; 24 of the line.
  struct Entry {
    uint64_t print = 0;
    uint64_t rest = 0;
  };
  static constexpr size_t kBucketEntries = 4;
  struct alignas(64) Bucket {
    std::array<Entry, kBucketEntries> entries;
  };
  struct GroupPlace {
    uint32_t first = 0;  // into ids_: hosts, then domains
    uint32_t host_count = 0;
    uint32_t domain_count = 0;
  };

  static constexpr unsigned kPrintBits = 61;  // of the first hash; then 19 of the second
  static constexpr uint64_t kRestPrintMask = 0xffff;
  static constexpr unsigned kGroupShift = 16;
  static constexpr unsigned kLineShift = 40;
  static constexpr uint64_t kGroupMask = 0xffffff;

  static uint64_t PrintOf(const NameHash& hash) { return hash.first | hash.second << kPrintBits; }
  static uint64_t RestOf(const NameHash& hash) {
    return (hash.second >> (64 - kPrintBits)) & kRestPrintMask;
  }

  // Where one of `count` places lies, by 32 evenly spread bits.
  static size_t Spread(uint64_t bits32, size_t count) {
    return static_cast<size_t>((bits32 & 0xffffffff) * count >> 32);
  }
  size_t FirstBucket(uint64_t place) const { return Spread(place >> 32, buckets_.size()); }
  size_t SecondBucket(uint64_t place) const { return Spread(place, buckets_.size()); }

  // The filter's word, and its four bits.
  size_t FilterWord(uint64_t place) const {
    return Spread(FilterHash(place) >> 32, filter_.size());
  }
  static uint64_t FilterHash(uint64_t place) { return place * 0x9e3779b97f4a7c15; }
  static uint64_t FilterBits(uint64_t place) {
    const uint64_t hash = FilterHash(place);
    return uint64_t{1} << (hash & 63) | uint64_t{1} << (hash >> 6 & 63) |
           uint64_t{1} << (hash >> 12 & 63) | uint64_t{1} << (hash >> 18 & 63);
  }
  bool MayHold(uint64_t place) const {
    return (~filter_[FilterWord(place)] & FilterBits(place)) == 0;
  }

  const Entry* Find(const NameHash& hash, uint64_t place) const {
    const uint64_t print = PrintOf(hash);
    const uint64_t rest = RestOf(hash);
    const Bucket& second = buckets_[SecondBucket(place)];
    __builtin_prefetch(&second);
    for (const Bucket* bucket : {&buckets_[FirstBucket(place)], &second}) {
      for (const Entry& entry : bucket->entries) {
        const bool same = entry.print == print && (entry.rest & kRestPrintMask) == rest;
        if (same && (entry.rest >> kGroupShift & kGroupMask) != 0) return &entry;
      }
    }
    return nullptr;
  }

  Group GroupOf(const Entry& entry) const {
    const GroupPlace& place = groups_[(entry.rest >> kGroupShift & kGroupMask) - 1];
    const std::span ids(ids_);
    return {ids.subspan(place.first, place.host_count),
            ids.subspan(place.first + place.host_count, place.domain_count),
            static_cast<uint32_t>(entry.rest >> kLineShift)};
  }

  NameHashKey key_;
  size_t size_ = 0;
  size_t labels_max_ = 0;
  std::bitset<kLabelsMax + 1> whole_labels_;   // numbers of labels that any name here has
  std::bitset<kLabelsMax + 1> domain_labels_;  // that a name of a `domain` has
  base::HugeArray<uint64_t> filter_;
  base::HugeArray<Bucket> buckets_;
  std::vector<GroupPlace> groups_;
  std::vector<uint32_t> ids_;
};

// Gathers names, then makes the table. Of no use afterwards.
class NameTable::Builder {
 public:
  explicit Builder(const base::HashKey& secret) : key_(secret) {}

  // `line` tells which line of a list it was; the lowest condition's is kept.
  void Add(std::string_view name, uint32_t condition, bool is_domain, uint32_t line = 0);
  void Reserve(size_t names) { records_.reserve(names); }

  // As many different names as Build() will hold. Sorts.
  size_t Count();

  // At most kNamesMax names.
  NameTable Build();

 private:
  struct Record {
    NameHash hash;
    uint32_t condition;  // * 2 + is_domain
    uint32_t line;
    auto operator<=>(const Record&) const = default;
  };
  struct Name {
    NameHash hash;
    uint64_t value;  // Entry::rest without the print
  };
  class Placement;

  void SetGroups(NameTable& table, std::vector<Name>& names);

  NameHashKey key_;
  std::vector<Record> records_;
  std::bitset<kLabelsMax + 1> whole_labels_;
  std::bitset<kLabelsMax + 1> domain_labels_;
  bool sorted_ = false;
};

}  // namespace weir::rules

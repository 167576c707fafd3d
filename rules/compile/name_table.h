// Every name that a policy asks about, in one table: for a flow's name, the conditions that hold.
//
// Theory of operation. A name is not kept: 80 bits of its keyed hash and its bucket stand for it
// (docs/decisions/0012). A bucket is one cache line of four entries, and a name is in one of two
// buckets (cuckoo hashing), so a look-up touches at most two lines whatever was asked. Before that
// come a bit for each number of labels that any name here has, and a filter of 12 bits a name of
// which a look-up reads one word: a name that is in no list mostly costs no line of the table.
//
// Conditions are numbered by who compiles, `host` and `domain` apart, and so are lists. Names in
// the same conditions and list share one group of their numbers, ascending. The line that a name
// has in a list is kept with the name; only one that is in several lists has a group of its own,
// for the lines.
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
#include "rules/lists/list_content.h"

namespace weir::rules {

// Different names in one policy; also what 24 bits for groups and lines have room for.
inline constexpr size_t kNamesMax = 16'000'000;

class NameTable {
 public:
  static constexpr size_t kLabelsMax = 128;  // 255 bytes in all: RFC 1035 §2.3.4

  // How a name is in a list: the list's number, and what its entry is about. Of entries about one
  // name the last that applies decides.
  class ListPlace {
   public:
    ListPlace() = default;
    ListPlace(uint32_t list, NameReach reach, bool pass)
        : bits_(list << kListShift | OrderOf(reach, pass)) {}
    static ListPlace OfBits(uint32_t bits) { return ListPlace(bits); }

    uint32_t bits() const { return bits_; }
    uint32_t list() const { return bits_ >> kListShift; }
    bool pass() const { return (kPassOrders >> (bits_ & 7) & 1) != 0; }
    // Whether it is about a name of which it is the `whole`, or else a parent.
    bool AppliesTo(bool whole) const {
      return ((whole ? kWholeOrders : kParentOrders) >> (bits_ & 7) & 1) != 0;
    }

   private:
    enum Order : uint32_t { kDomain, kBelow, kDomainPass, kBelowPass, kExact, kExactPass };
    static constexpr unsigned kListShift = 3;
    static constexpr unsigned kPassOrders = 1U << kDomainPass | 1U << kBelowPass | 1U << kExactPass;
    static constexpr unsigned kWholeOrders =
        1U << kDomain | 1U << kDomainPass | 1U << kExact | 1U << kExactPass;
    static constexpr unsigned kParentOrders =
        1U << kDomain | 1U << kBelow | 1U << kDomainPass | 1U << kBelowPass;

    explicit ListPlace(uint32_t bits) : bits_(bits) {}
    static uint32_t OrderOf(NameReach reach, bool pass) {
      switch (reach) {
        case NameReach::kExact:
          return pass ? kExactPass : kExact;
        case NameReach::kDomain:
          return pass ? kDomainPass : kDomain;
        case NameReach::kBelow:
          break;
      }
      return pass ? kBelowPass : kBelow;
    }

    uint32_t bits_ = 0;
  };

  // What a name or one of its parents is in.
  struct Group {
    std::span<const uint32_t> hosts;        // conditions that hold for exactly this name
    std::span<const uint32_t> domains;      // and for all below it
    std::span<const uint32_t> list_places;  // bits of ListPlace, ascending
    std::span<const uint32_t> list_lines;   // of each of several places
    uint32_t list_line = 0;                 // of the only one

    uint32_t LineOf(size_t place) const {
      return list_lines.empty() ? list_line : list_lines[place];
    }
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
    uint32_t first = 0;  // into ids_: hosts, domains, list places, and the lines of several
    uint32_t host_count = 0;
    uint32_t domain_count = 0;
    uint32_t list_count = 0;
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
    const auto ids = std::span(ids_).subspan(place.first);
    const size_t lists = size_t{place.host_count} + place.domain_count;
    return {ids.first(place.host_count), ids.subspan(place.host_count, place.domain_count),
            ids.subspan(lists, place.list_count),
            ids.subspan(lists + place.list_count, place.list_count > 1 ? place.list_count : 0),
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

  void Add(std::string_view name, uint32_t condition, bool is_domain);
  // Of equal entries of one list the first line is kept.
  void AddListed(const ListName& name, uint32_t list);

  // As many different names as Build() will hold. Sorts.
  size_t Count();

  // At most kNamesMax names.
  NameTable Build();

 private:
  enum class Kind : uint8_t { kHost, kDomain, kList };
  struct Record {
    NameHash hash;
    uint64_t place;  // 8 bits Kind; 32 the condition, or bits of a ListPlace; 24 the line
    auto operator<=>(const Record&) const = default;

    Kind kind() const { return static_cast<Kind>(place >> 56); }
    uint32_t number() const { return static_cast<uint32_t>(place >> 24); }
    uint32_t line() const { return static_cast<uint32_t>(place) & kListLinesMax; }
    bool SamePlace(const Record& other) const { return place >> 24 == other.place >> 24; }
  };
  struct Name {
    NameHash hash;
    uint64_t value;  // Entry::rest without the print
  };
  class Placement;
  class Groups;

  void AddRecord(std::string_view name, Kind kind, uint32_t number, uint32_t line, bool has_below);

  NameHashKey key_;
  std::vector<Record> records_;
  std::bitset<kLabelsMax + 1> whole_labels_;
  std::bitset<kLabelsMax + 1> domain_labels_;
  bool sorted_ = false;
};

}  // namespace weir::rules

// The numbered sets (of addresses, ports, applications, names) that one flow lies in, aspect by
// aspect. Made anew for each decision, on the stack; a condition is then a number that is among
// those found or is not.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "rules/compile/keyword_hits.h"
#include "rules/compile/list_tables.h"
#include "rules/compile/name_table.h"
#include "rules/compile/range_map.h"

namespace weir::rules {

// What a condition can be about. Those that may be open come last: RuleIndex asks in this order.
enum class Aspect : uint8_t {
  kIp,  // either address
  kFrom,
  kTo,
  kMac,      // either address of the link
  kVlan,     // either of the first two tags
  kAccount,  // of either address
  kGroup,    // either address, or its account
  kPort,
  kSourcePort,
  kApp,
  kCategory,
  kHost,
  kDomain,
  kList,     // an address, one of them with its port, or the name
  kKeyword,  // in the name, or in the request
};
inline constexpr size_t kAspects = 15;
constexpr bool MayBeOpen(Aspect aspect) { return aspect >= Aspect::kPort; }

using PortMap = RangeMap<uint32_t, 24>;  // protocol and port
using AppMap = RangeMap<uint32_t, 16>;
using MacMap = RangeMap<uint64_t, 48>;
using VlanMap = RangeMap<uint32_t, 12>;

class FoundSets {
 public:
  // Ascending numbers. Not a span: those are born empty, and most of the runs are never used.
  struct Run {
    const uint32_t* first;
    const uint32_t* last;

    const uint32_t* begin() const { return first; }
    const uint32_t* end() const { return last; }
    size_t size() const { return static_cast<size_t>(last - first); }
  };

  FoundSets() {}                         // leaves the runs as they are
  FoundSets(const FoundSets&) = delete;  // some runs lie within
  FoundSets& operator=(const FoundSets&) = delete;

  void Clear(Aspect aspect) {
    counts_[Index(aspect)] = 0;
    open_[Index(aspect)] = false;
  }
  // Up to kRunsMax of the aspect, which is what the tables can find.
  void Add(Aspect aspect, std::span<const uint32_t> run) {
    if (run.empty()) return;
    runs_[kFirstRun[Index(aspect)] + counts_[Index(aspect)]++] = {run.data(),
                                                                  run.data() + run.size()};
  }
  // The lists, as they are found. By address once for a flow, by name anew for each name.
  ListHits& address_lists() { return address_lists_; }
  ListHits& name_lists() { return name_lists_; }
  uint32_t LineIn(uint32_t list) const {  // 0: it is not in the list
    const uint32_t line = address_lists_.LineOf(list);
    return line != 0 ? line : name_lists_.LineOf(list);
  }

  // The conditions about keywords that hold, as they are found; anew for each name.
  KeywordSets& keyword_sets() { return keyword_sets_; }

  // It may still become known: every condition of this aspect is open, but of kList and
  // kKeyword those that hold already, or ask for nothing that is open.
  void SetOpen(Aspect aspect) { open_[Index(aspect)] = true; }

  bool open(Aspect aspect) const { return open_[Index(aspect)]; }
  bool empty(Aspect aspect) const { return counts_[Index(aspect)] == 0; }
  std::span<const Run> runs(Aspect aspect) const {
    return {&runs_[kFirstRun[Index(aspect)]], counts_[Index(aspect)]};
  }
  bool Contains(Aspect aspect, uint32_t set) const {
    for (const Run& run : runs(aspect)) {
      if (std::binary_search(run.begin(), run.end(), set)) return true;
    }
    return false;
  }

 private:
  static constexpr size_t Index(Aspect aspect) { return static_cast<size_t>(aspect); }

  // An address under all lengths of prefix, and its side; two addresses of the link, two tags;
  // two accounts, or one and that the other end's address is nobody's; for each end its account's
  // groups and those around its address; master and sub of an application; a name and all its
  // parents; lists by address and by name; keywords together.
  static constexpr std::array<size_t, kAspects> kRunsMax = {2 * AddressMapV6::kRunsMax,
                                                            1 + AddressMapV6::kRunsMax,
                                                            1 + AddressMapV6::kRunsMax,
                                                            2 * MacMap::kRunsMax,
                                                            2 * VlanMap::kRunsMax,
                                                            3,
                                                            2 + 2 * AddressMapV6::kRunsMax,
                                                            PortMap::kRunsMax,
                                                            PortMap::kRunsMax,
                                                            2 * AppMap::kRunsMax,
                                                            AppMap::kRunsMax,
                                                            1,
                                                            NameTable::kLabelsMax,
                                                            2,
                                                            1};
  static constexpr auto kFirstRun = [] {
    std::array<size_t, kAspects + 1> first{};
    for (size_t i = 0; i < kAspects; ++i) first[i + 1] = first[i] + kRunsMax[i];
    return first;
  }();

  std::array<uint16_t, kAspects> counts_{};
  std::array<bool, kAspects> open_{};
  std::array<Run, kFirstRun[kAspects]> runs_;
  ListHits address_lists_;
  ListHits name_lists_;
  KeywordSets keyword_sets_;
};

}  // namespace weir::rules

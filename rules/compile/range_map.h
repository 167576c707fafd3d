// Which numbered sets a key lies in: addresses, ports, applications. For every key of a kind one
// search, whatever the number of sets.
//
// Theory of operation. Each range of a set is cut into the largest prefixes that fill it; equal
// prefixes of several sets are one node with their numbers, ascending, and each node knows the next
// wider one around it. The nodes cut the keys into intervals, each with its innermost node: a key
// is found among the intervals' starts, and from its node up the parents tell all sets. So memory
// grows with the ranges, not with how often they overlap, and a search visits at most kBits + 1
// nodes. An index by the keys' first bits leaves few starts to search.
//
// Immutable after it is made: any thread may ask, without allocation or lock.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>
#include <vector>

namespace weir::rules {

template <typename Key, unsigned kBits>
class RangeMap {
 public:
  static constexpr size_t kRunsMax = kBits + 1;  // for one key

  struct Range {
    Key first;
    Key last;
    uint32_t set;
  };

  RangeMap() = default;
  // The ranges of one set are disjoint and do not touch.
  explicit RangeMap(const std::vector<Range>& ranges) {
    if (ranges.empty()) return;
    std::vector<Range> prefixes;
    prefixes.reserve(ranges.size());
    for (const Range& range : ranges) Cut(range, prefixes);
    std::sort(prefixes.begin(), prefixes.end(), [](const Range& a, const Range& b) {
      if (a.first != b.first) return a.first < b.first;
      return a.last != b.last ? a.last > b.last : a.set < b.set;
    });
    MakeIntervals(prefixes);
    MakeIndex();
    starts_.shrink_to_fit();
    node_at_.shrink_to_fit();
    nodes_.shrink_to_fit();
    sets_.shrink_to_fit();
  }

  bool empty() const { return starts_.empty(); }

  // Calls `visit` with the numbers of sets that the key is in, ascending runs of them; a set may be
  // in several.
  template <typename Visit>
  void ForEach(Key key, Visit visit) const {
    if (starts_.empty()) return;
    for (uint32_t at = node_at_[IntervalOf(key)]; at != kNone; at = nodes_[at].parent) {
      visit(std::span(sets_).subspan(nodes_[at].first_set, nodes_[at].set_count));
    }
  }

  size_t memory_bytes() const {
    return starts_.capacity() * sizeof(Key) + node_at_.capacity() * sizeof(uint32_t) +
           nodes_.capacity() * sizeof(Node) + sets_.capacity() * sizeof(uint32_t) +
           index_.capacity() * sizeof(uint32_t);
  }

 private:
  static constexpr uint32_t kNone = 0xffffffff;
  static constexpr unsigned kIndexBitsMax = std::min(16U, kBits);

  struct Node {
    uint32_t parent;
    uint32_t first_set;
    uint32_t set_count;
  };

  static Key LastOf(Key first, unsigned free_bits) {
    constexpr Key kAll = static_cast<Key>(~Key{0}) >> (sizeof(Key) * 8 - kBits);
    return first | (free_bits == 0 ? Key{0} : kAll >> (kBits - free_bits));
  }

  static void Cut(const Range& range, std::vector<Range>& out) {
    Key first = range.first;
    for (;;) {
      unsigned free_bits = 0;
      while (free_bits < kBits && LastOf(first, free_bits + 1) <= range.last &&
             (first & LastOf(0, free_bits + 1)) == 0) {
        ++free_bits;
      }
      const Key last = LastOf(first, free_bits);
      out.push_back({first, last, range.set});
      if (last == range.last) return;
      first = last + 1;
    }
  }

  void Begin(Key start, uint32_t node) {
    if (!starts_.empty() && starts_.back() == start) {
      node_at_.back() = node;
    } else {
      starts_.push_back(start);
      node_at_.push_back(node);
    }
  }

  // The sorted prefixes come as a walk of their tree: a wider one before what lies in it.
  void MakeIntervals(const std::vector<Range>& prefixes) {
    struct Open {
      Key last;
      uint32_t node;
    };
    std::vector<Open> around;
    const auto close_before = [&](const Key* next) {
      while (!around.empty() && (next == nullptr || around.back().last < *next)) {
        const Key last = around.back().last;
        around.pop_back();
        if (last == LastOf(0, kBits)) continue;  // nothing lies behind it
        Begin(last + 1, around.empty() ? kNone : around.back().node);
      }
    };
    Begin(0, kNone);
    for (size_t i = 0; i < prefixes.size();) {
      const Range& prefix = prefixes[i];
      close_before(&prefix.first);
      const auto node = static_cast<uint32_t>(nodes_.size());
      Node made{around.empty() ? kNone : around.back().node, static_cast<uint32_t>(sets_.size()),
                0};
      for (; i < prefixes.size() && prefixes[i].first == prefix.first &&
             prefixes[i].last == prefix.last;
           ++i) {
        sets_.push_back(prefixes[i].set);
        ++made.set_count;
      }
      nodes_.push_back(made);
      Begin(prefix.first, node);
      around.push_back({prefix.last, node});
    }
    close_before(nullptr);
  }

  // index_[i]: the interval in which the first key that begins with the bits i lies.
  void MakeIndex() {
    const auto bits =
        std::min(kIndexBitsMax, static_cast<unsigned>(std::bit_width(starts_.size())));
    index_shift_ = kBits - bits;
    index_.reserve((size_t{1} << bits) + 1);
    size_t interval = 0;
    for (size_t i = 0; i < size_t{1} << bits; ++i) {
      const Key first = static_cast<Key>(i) << index_shift_;
      while (interval + 1 < starts_.size() && starts_[interval + 1] <= first) ++interval;
      index_.push_back(static_cast<uint32_t>(interval));
    }
    index_.push_back(static_cast<uint32_t>(starts_.size() - 1));
  }

  size_t IntervalOf(Key key) const {
    const auto block = static_cast<size_t>(key >> index_shift_);
    // The last start that is not above the key; the first of these surely is not.
    const Key* at = &starts_[index_[block]];
    for (size_t count = index_[block + 1] - index_[block] + size_t{1}; count > 1;) {
      const size_t half = count / 2;
      at = at[half] <= key ? at + half : at;
      count -= half;
    }
    return static_cast<size_t>(at - starts_.data());
  }

  std::vector<Key> starts_;  // of the intervals, ascending, from 0
  std::vector<uint32_t> node_at_;
  std::vector<Node> nodes_;
  std::vector<uint32_t> sets_;
  std::vector<uint32_t> index_;
  unsigned index_shift_ = 0;
};

}  // namespace weir::rules

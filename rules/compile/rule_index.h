// Finds, for the sets that a flow lies in, the first rule that they do not rule out: without
// looking at the others, however many rules have the same source, port or name.
//
// Theory of operation. Rules that have conditions about the same aspects have one shape ("from, to
// and port"). For each shape there is a tree with a level for each of its aspects, where a branch
// is a numbered set: a rule lies at the end of the branches of its own sets. A flow walks down by
// the few sets that it lies in, so what it meets at the end matches but for exceptions. Where an
// aspect is open every branch may hold: then all rules below are candidates, or, if a later aspect
// is known, all branches are walked. Every node knows the lowest rule below it, and a walk that
// cannot find a lower one than it has turns back.
//
// Rules that are not active are not in it.
//
// Everything found is a candidate: who asks says whether the rule matches. Every rule that can
// match, or be open, is found unless a lower one was accepted.
//
// Immutable; any thread; asking allocates nothing.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "rules/compile/found_sets.h"

namespace weir::rules {

struct PolicyParts;

class RuleIndex {
 public:
  static constexpr uint32_t kNone = 0xffffffff;

  RuleIndex() = default;
  explicit RuleIndex(const PolicyParts& parts);

  // The lowest rule that `accepts(rule)` takes, of those that may match; kNone: none.
  template <typename Accepts>
  uint32_t First(const FoundSets& found, Accepts accepts) const {
    uint32_t best = kNone;
    for (const Shape& shape : shapes_) {
      if (nodes_[shape.root].lowest_rule >= best) break;
      if (MayMatch(shape, found)) Walk(shape, 0, shape.root, found, accepts, best);
    }
    return best;
  }

  size_t memory_bytes() const;

 private:
  struct Node {
    uint32_t parent;
    uint32_t set;  // the branch that leads here
    uint32_t lowest_rule;
    uint32_t first_child;  // children lie together, by their sets
    uint32_t child_count;
    uint32_t first_rule;  // into rules_: all below, ascending; kept where the rest may be open
    uint32_t rule_count;
  };
  struct Shape {
    std::array<Aspect, kAspects> aspects{};
    uint8_t depth = 0;
    uint32_t root = 0;
  };
  class Builder;

  static bool MayMatch(const Shape& shape, const FoundSets& found) {
    for (size_t level = 0; level < shape.depth; ++level) {
      const Aspect aspect = shape.aspects[level];
      if (found.empty(aspect) && !found.open(aspect)) return false;
    }
    return true;
  }

  // Nothing below this level is known.
  static bool AllOpen(const Shape& shape, size_t level, const FoundSets& found) {
    for (; level < shape.depth; ++level) {
      if (!found.open(shape.aspects[level])) return false;
    }
    return true;
  }

  template <typename Accepts>
  void Walk(const Shape& shape, size_t level, uint32_t at, const FoundSets& found,
            const Accepts& accepts, uint32_t& best) const {
    const Node& node = nodes_[at];
    if (node.lowest_rule >= best) return;
    if (AllOpen(shape, level, found)) return Scan(node, accepts, best);
    const Aspect aspect = shape.aspects[level];
    const auto runs = found.runs(aspect);
    size_t sets = 0;
    for (const FoundSets::Run& run : runs) sets += run.size();
    if (found.open(aspect) || sets > node.child_count) {
      for (uint32_t child = 0; child < node.child_count; ++child) {
        const uint32_t next = node.first_child + child;
        if (found.open(aspect) || found.Contains(aspect, nodes_[next].set)) {
          Walk(shape, level + 1, next, found, accepts, best);
        }
      }
      return;
    }
    for (const FoundSets::Run& run : runs) {
      for (const uint32_t set : run) {
        const uint32_t next = ChildOf(at, set);
        if (next != kNone) Walk(shape, level + 1, next, found, accepts, best);
      }
    }
  }

  template <typename Accepts>
  void Scan(const Node& node, const Accepts& accepts, uint32_t& best) const {
    for (uint32_t i = node.first_rule; i < node.first_rule + node.rule_count; ++i) {
      if (rules_[i] >= best) return;
      if (!accepts(rules_[i])) continue;
      best = rules_[i];
      return;
    }
  }

  static size_t HashOf(uint32_t parent, uint32_t set) {
    const uint64_t mixed = (uint64_t{parent} << 32 | set) * 0x9e3779b97f4a7c15;
    return static_cast<size_t>(mixed >> 32);
  }

  uint32_t ChildOf(uint32_t parent, uint32_t set) const {
    const size_t mask = children_.size() - 1;
    for (size_t slot = HashOf(parent, set) & mask;; slot = (slot + 1) & mask) {
      const uint32_t child = children_[slot];
      if (child == kNone || (nodes_[child].parent == parent && nodes_[child].set == set)) {
        return child;
      }
    }
  }

  std::vector<Shape> shapes_;  // by the lowest rule of each
  std::vector<Node> nodes_;
  std::vector<uint32_t> rules_;
  std::vector<uint32_t> children_;  // hash table of nodes by parent and set, at most half full
};

}  // namespace weir::rules

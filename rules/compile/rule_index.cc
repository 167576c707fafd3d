#include "rules/compile/rule_index.h"

#include <algorithm>
#include <bit>
#include <map>
#include <unordered_set>
#include <vector>

#include "rules/compile/compiled_policy.h"

namespace weir::rules {

// Makes the tree of each shape, level by level, so that the children of a node lie together.
class RuleIndex::Builder {
 public:
  Builder(RuleIndex& index, const PolicyParts& parts) : index_(index), parts_(parts) {}

  void Run() {
    for (uint32_t rule = 0; rule < parts_.rules.size(); ++rule) {
      if (parts_.rules[rule].active) File(rule);
    }
    for (auto& [aspects, filings] : by_shape_) MakeTree(filings);
    std::sort(index_.shapes_.begin(), index_.shapes_.end(), [this](const Shape& a, const Shape& b) {
      return index_.nodes_[a.root].lowest_rule < index_.nodes_[b.root].lowest_rule;
    });
    MakeHashTable();
    index_.shapes_.shrink_to_fit();
    index_.nodes_.shrink_to_fit();
    index_.rules_.shrink_to_fit();
  }

 private:
  // One way down to a rule, by the numbers of its sets.
  struct Filing {
    std::array<uint32_t, kAspects> sets{};
    uint32_t rule = 0;
    auto operator<=>(const Filing&) const = default;
  };
  struct Filings {
    Shape shape;
    std::vector<Filing> all;
  };
  struct Pending {  // a node whose children are to be made
    uint32_t node;
    size_t level;
    std::span<const Filing> below;
  };

  void File(uint32_t rule) {
    const CompiledConjunction& match = parts_.rules[rule].match;
    auto conditions = std::vector<CompiledCondition>(
        parts_.conditions.begin() + match.first_condition,
        parts_.conditions.begin() + match.first_condition + match.condition_count);
    std::sort(conditions.begin(), conditions.end(),
              [](const auto& a, const auto& b) { return a.aspect < b.aspect; });
    uint32_t aspects = 0;
    for (const CompiledCondition& condition : conditions) {
      aspects |= 1U << static_cast<unsigned>(condition.aspect);
    }
    Filings& filings = by_shape_[aspects];
    filings.shape.depth = static_cast<uint8_t>(conditions.size());
    for (size_t i = 0; i < conditions.size(); ++i) {
      filings.shape.aspects[i] = conditions[i].aspect;
    }
    FileBelow(conditions, 0, Filing{{}, rule}, filings.all);
  }

  // Under the sides of a condition and under its values, and under each of several lists, as any
  // may hold.
  void FileBelow(std::span<const CompiledCondition> conditions, size_t level, Filing filing,
                 std::vector<Filing>& out) const {
    if (level == conditions.size()) {
      out.push_back(filing);
      return;
    }
    const CompiledCondition& condition = conditions[level];
    if (condition.aspect == Aspect::kList) {
      for (const uint32_t list : parts_.list_choices[condition.set].lists) {
        filing.sets[level] = list;
        FileBelow(conditions, level + 1, filing, out);
      }
      return;
    }
    if (condition.sides != 0) {
      filing.sets[level] = condition.sides;
      FileBelow(conditions, level + 1, filing, out);
    }
    if (condition.set != kNoSet) {
      filing.sets[level] = condition.set;
      FileBelow(conditions, level + 1, filing, out);
    }
  }

  void MakeTree(Filings& filings) {
    Shape& shape = filings.shape;
    PutWidestFirst(filings);
    std::sort(filings.all.begin(), filings.all.end());
    shape.root = MakeNode(kNone, 0, 0, shape, filings.all);
    index_.shapes_.push_back(shape);
    std::vector<Pending> pending = {{shape.root, 0, filings.all}};
    for (size_t i = 0; i < pending.size(); ++i) {
      const Pending at = pending[i];
      if (at.level < shape.depth) MakeChildren(at, shape, pending);
    }
  }

  // Of the aspects that are never open, the one with most different sets first: a flow lies in few
  // of many, so the first branches leave little to walk.
  static void PutWidestFirst(Filings& filings) {
    Shape& shape = filings.shape;
    const auto end =
        std::find_if(shape.aspects.begin(), shape.aspects.begin() + shape.depth, MayBeOpen);
    const auto closed = static_cast<size_t>(end - shape.aspects.begin());
    std::array<size_t, kAspects> sets_at{};
    std::array<size_t, kAspects> order{};
    for (size_t level = 0; level < closed; ++level) {
      std::unordered_set<uint32_t> sets;
      for (const Filing& filing : filings.all) sets.insert(filing.sets[level]);
      sets_at[level] = sets.size();
      order[level] = level;
    }
    std::stable_sort(order.begin(), order.begin() + static_cast<ptrdiff_t>(closed),
                     [&](size_t a, size_t b) { return sets_at[a] > sets_at[b]; });
    const auto aspects = shape.aspects;
    for (size_t level = 0; level < closed; ++level) shape.aspects[level] = aspects[order[level]];
    for (Filing& filing : filings.all) {
      const auto sets = filing.sets;
      for (size_t level = 0; level < closed; ++level) filing.sets[level] = sets[order[level]];
    }
  }

  void MakeChildren(const Pending& at, const Shape& shape, std::vector<Pending>& pending) {
    index_.nodes_[at.node].first_child = static_cast<uint32_t>(index_.nodes_.size());
    for (size_t begin = 0; begin < at.below.size();) {
      const uint32_t set = at.below[begin].sets[at.level];
      size_t end = begin;
      while (end < at.below.size() && at.below[end].sets[at.level] == set) ++end;
      const auto below = at.below.subspan(begin, end - begin);
      pending.push_back({MakeNode(at.node, set, at.level + 1, shape, below), at.level + 1, below});
      ++index_.nodes_[at.node].child_count;
      begin = end;
    }
  }

  uint32_t MakeNode(uint32_t parent, uint32_t set, size_t level, const Shape& shape,
                    std::span<const Filing> below) {
    std::vector<uint32_t> rules;
    for (const Filing& filing : below) rules.push_back(filing.rule);
    std::sort(rules.begin(), rules.end());
    rules.erase(std::unique(rules.begin(), rules.end()), rules.end());
    Node node{parent, set, rules.empty() ? kNone : rules.front(), 0, 0, 0, 0};
    if (std::all_of(shape.aspects.begin() + static_cast<ptrdiff_t>(level),
                    shape.aspects.begin() + shape.depth, MayBeOpen)) {
      node.first_rule = static_cast<uint32_t>(index_.rules_.size());
      node.rule_count = static_cast<uint32_t>(rules.size());
      index_.rules_.insert(index_.rules_.end(), rules.begin(), rules.end());
    }
    index_.nodes_.push_back(node);
    return static_cast<uint32_t>(index_.nodes_.size() - 1);
  }

  void MakeHashTable() {
    index_.children_.assign(std::bit_ceil(index_.nodes_.size() * 2 + 2), kNone);
    const size_t mask = index_.children_.size() - 1;
    for (uint32_t node = 0; node < index_.nodes_.size(); ++node) {
      const Node& known = index_.nodes_[node];
      if (known.parent == kNone) continue;
      size_t slot = HashOf(known.parent, known.set) & mask;
      while (index_.children_[slot] != kNone) slot = (slot + 1) & mask;
      index_.children_[slot] = node;
    }
  }

  RuleIndex& index_;
  const PolicyParts& parts_;
  std::map<uint32_t, Filings> by_shape_;
};

RuleIndex::RuleIndex(const PolicyParts& parts) { Builder(*this, parts).Run(); }

size_t RuleIndex::memory_bytes() const {
  return shapes_.capacity() * sizeof(Shape) + nodes_.capacity() * sizeof(Node) +
         rules_.capacity() * sizeof(uint32_t) + children_.capacity() * sizeof(uint32_t);
}

}  // namespace weir::rules

#include "rules/compile/name_table.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace weir::rules {
namespace {

constexpr size_t kFilterBitsEach = 12;
// Two choices of four entries can be filled to 0.97; below that hardly any entry has to move.
constexpr size_t kFillPercent = 92;
constexpr unsigned kMovesMax = 500;

struct NumbersHash {
  size_t operator()(const std::vector<uint32_t>& numbers) const {
    uint64_t hash = numbers.size();
    for (const uint32_t number : numbers) {
      hash = (hash ^ number) * 0x9e3779b97f4a7c15;
      hash ^= hash >> 29;
    }
    return hash;
  }
};

}  // namespace

size_t NameTable::memory_bytes() const {
  return filter_.bytes() + buckets_.bytes() + groups_.capacity() * sizeof(GroupPlace) +
         ids_.capacity() * sizeof(uint32_t);
}

void NameTable::Builder::Add(std::string_view name, uint32_t condition, bool is_domain,
                             uint32_t line) {
  ParentWalk walk(key_, name);
  while (walk.Next()) {
  }
  whole_labels_.set(walk.labels());
  if (is_domain) domain_labels_.set(walk.labels());
  records_.push_back({walk.hash(), condition * 2 + (is_domain ? 1 : 0), line});
  sorted_ = false;
}

size_t NameTable::Builder::Count() {
  if (!std::exchange(sorted_, true)) std::sort(records_.begin(), records_.end());
  size_t count = 0;
  for (size_t i = 0; i < records_.size(); ++i) {
    if (i == 0 || records_[i].hash != records_[i - 1].hash) ++count;
  }
  return count;
}

// Joins the records of each name, and gives equal sets of conditions one group.
void NameTable::Builder::SetGroups(NameTable& table, std::vector<Name>& names) {
  std::unordered_map<std::vector<uint32_t>, uint64_t, NumbersHash> known;
  std::vector<uint32_t> conditions;
  std::vector<uint32_t> last;
  uint64_t last_group = 0;
  for (size_t i = 0; i < records_.size();) {
    const Record& first = records_[i];
    conditions.clear();
    for (; i < records_.size() && records_[i].hash == first.hash; ++i) {
      const uint32_t condition = records_[i].condition;
      if (conditions.empty() || conditions.back() != condition) conditions.push_back(condition);
    }
    if (conditions != last) {
      const auto [group, is_new] = known.try_emplace(conditions, known.size() + 1);
      if (is_new) {
        const auto is_host = [](uint32_t condition) { return condition % 2 == 0; };
        const auto hosts = std::count_if(conditions.begin(), conditions.end(), is_host);
        table.groups_.push_back(
            {static_cast<uint32_t>(table.ids_.size()), static_cast<uint32_t>(hosts),
             static_cast<uint32_t>(conditions.size()) - static_cast<uint32_t>(hosts)});
        for (const bool host : {true, false}) {
          for (const uint32_t condition : conditions) {
            if (is_host(condition) == host) table.ids_.push_back(condition / 2);
          }
        }
      }
      last = conditions;
      last_group = group->second;
    }
    names.push_back({first.hash, last_group << kGroupShift | uint64_t{first.line} << kLineShift});
  }
}

// Which entry of which bucket each name goes to: cuckoo hashing, by the names' numbers.
class NameTable::Builder::Placement {
 public:
  Placement(const NameTable& table, const std::vector<Name>& names)
      : table_(table), names_(names), at_(table.buckets_.size() * kBucketEntries, kFree) {}

  // False: no room was found, and the placement is of no use.
  bool PlaceAll() {
    for (uint32_t name = 0; name < names_.size(); ++name) {
      if (!Place(name)) return false;
    }
    return true;
  }

  uint32_t at(size_t entry) const { return at_[entry]; }
  static constexpr uint32_t kFree = 0xffffffff;

 private:
  bool Place(uint32_t name) {
    for (unsigned moves = 0; moves < kMovesMax; ++moves) {
      const uint64_t place = table_.key_.PlaceOf(names_[name].hash);
      const size_t first = table_.FirstBucket(place);
      const size_t second = table_.SecondBucket(place);
      if (Take(first, name) || Take(second, name)) return true;
      // Another goes on to its other bucket. Any will do; the same ones again and again would not.
      random_ = random_ * 6364136223846793005 + 1442695040888963407;
      const size_t bucket = (random_ >> 63) == 0 ? first : second;
      std::swap(name, at_[bucket * kBucketEntries + (random_ >> 61 & 3)]);
    }
    return false;
  }

  bool Take(size_t bucket, uint32_t name) {
    for (size_t entry = bucket * kBucketEntries; entry < (bucket + 1) * kBucketEntries; ++entry) {
      if (at_[entry] != kFree) continue;
      at_[entry] = name;
      return true;
    }
    return false;
  }

  const NameTable& table_;
  const std::vector<Name>& names_;
  std::vector<uint32_t> at_;
  uint64_t random_ = 1;
};

NameTable NameTable::Builder::Build() {
  NameTable table;
  table.key_ = key_;
  table.size_ = Count();
  if (table.size_ == 0) return table;
  table.whole_labels_ = whole_labels_;
  table.domain_labels_ = domain_labels_;
  for (size_t labels = 1; labels <= kLabelsMax; ++labels) {
    if (whole_labels_[labels]) table.labels_max_ = labels;
  }
  std::vector<Name> names;
  names.reserve(table.size_);
  SetGroups(table, names);
  std::vector<Record>().swap(records_);
  table.groups_.shrink_to_fit();
  table.ids_.shrink_to_fit();
  table.filter_ = base::HugeArray<uint64_t>(table.size_ * kFilterBitsEach / 64 + 1);
  for (const Name& name : names) {
    const uint64_t place = key_.PlaceOf(name.hash);
    table.filter_[table.FilterWord(place)] |= FilterBits(place);
  }
  // Each time with more room, so this ends.
  for (size_t buckets = table.size_ * 100 / kFillPercent / kBucketEntries + 1;;
       buckets += buckets / 16 + 1) {
    table.buckets_ = base::HugeArray<Bucket>(buckets);
    Placement placement(table, names);
    if (!placement.PlaceAll()) continue;
    for (size_t i = 0; i < buckets * kBucketEntries; ++i) {
      if (placement.at(i) == Placement::kFree) continue;
      const Name& name = names[placement.at(i)];
      table.buckets_[i / kBucketEntries].entries[i % kBucketEntries] = {
          PrintOf(name.hash), RestOf(name.hash) | name.value};
    }
    return table;
  }
}

}  // namespace weir::rules

#include "rules/compile/name_table.h"

#include <algorithm>
#include <span>
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

void NameTable::Builder::Add(std::string_view name, uint32_t condition, bool is_domain) {
  AddRecord(name, is_domain ? Kind::kDomain : Kind::kHost, condition, 0, is_domain);
}

void NameTable::Builder::AddListed(const ListName& name, uint32_t list) {
  const ListPlace place(list, name.reach, name.pass);
  AddRecord(name.name, Kind::kList, place.bits(), name.line, name.reach != NameReach::kExact);
}

void NameTable::Builder::AddRecord(std::string_view name, Kind kind, uint32_t number, uint32_t line,
                                   bool has_below) {
  ParentWalk walk(key_, name);
  while (walk.Next()) {
  }
  whole_labels_.set(walk.labels());
  if (has_below) domain_labels_.set(walk.labels());
  const auto place = uint64_t{static_cast<uint8_t>(kind)} << 56 | uint64_t{number} << 24 | line;
  records_.push_back({walk.hash(), place});
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

// Joins the records of each name, and gives equal groups one place.
class NameTable::Builder::Groups {
 public:
  explicit Groups(NameTable& table) : table_(table) {}

  // The records of one name, sorted.
  uint64_t ValueOf(std::span<const Record> records) {
    group_ = {};
    ids_.clear();
    lines_.clear();
    const Record* before = nullptr;
    for (const Record& record : records) {
      if (before == nullptr || !record.SamePlace(*before)) Take(record);
      before = &record;
    }
    const uint64_t line = lines_.size() == 1 ? lines_[0] : 0;
    if (lines_.size() > 1) ids_.insert(ids_.end(), lines_.begin(), lines_.end());
    return Number() << kGroupShift | line << kLineShift;
  }

 private:
  void Take(const Record& record) {
    ids_.push_back(record.number());
    switch (record.kind()) {
      case Kind::kHost:
        ++group_.host_count;
        break;
      case Kind::kDomain:
        ++group_.domain_count;
        break;
      case Kind::kList:
        ++group_.list_count;
        lines_.push_back(record.line());
        break;
    }
  }

  // Most names have the group of the one before.
  uint64_t Number() {
    key_ = {group_.host_count, group_.domain_count};
    key_.insert(key_.end(), ids_.begin(), ids_.end());
    if (key_ == last_key_) return last_;
    const auto [known, is_new] = known_.try_emplace(key_, known_.size() + 1);
    if (is_new) {
      group_.first = static_cast<uint32_t>(table_.ids_.size());
      table_.groups_.push_back(group_);
      table_.ids_.insert(table_.ids_.end(), ids_.begin(), ids_.end());
    }
    last_key_ = key_;
    return last_ = known->second;
  }

  NameTable& table_;
  std::unordered_map<std::vector<uint32_t>, uint64_t, NumbersHash> known_;
  GroupPlace group_;
  std::vector<uint32_t> ids_;
  std::vector<uint32_t> lines_;
  std::vector<uint32_t> key_;
  std::vector<uint32_t> last_key_;
  uint64_t last_ = 0;
};

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
  Groups groups(table);
  for (size_t i = 0; i < records_.size();) {
    const size_t first = i;
    while (i < records_.size() && records_[i].hash == records_[first].hash) ++i;
    const auto same = std::span<const Record>(records_).subspan(first, i - first);
    names.push_back({records_[first].hash, groups.ValueOf(same)});
  }
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

#include "control/audit/day_index_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <random>
#include <utility>

#include "control/audit/bytes.h"

namespace weir::control::audit {
namespace {

constexpr uint64_t kAskEvery = 50'000;  // records or entries
// Of each hour: for a day's differences that are few, and once more for an hour that has many.
constexpr size_t kPlacesMin = 3 << 10;
constexpr size_t kPlacesMax = 3 << 16;
constexpr size_t kPlacesFactor = 16;
constexpr uint32_t kHoursAtOnce = 4;

base::Error Unreadable(const rocksdb::Status& status) {
  return base::Error{"session store: cannot read: " + status.ToString()};
}

base::HashKey RandomKey() {
  std::random_device random;
  const auto word = [&] { return static_cast<uint64_t>(random()) << 32 | random(); };
  return {word(), word()};
}

uint32_t HourOf(std::string_view record_key) {
  const auto hour = static_cast<uint8_t>(record_key.empty() ? 0 : record_key[0]);
  return std::min<uint32_t>(hour, DayIndexCheck::kHours - 1);
}

// The entries of one cell's records, each once. They come together: a cell's records are
// neighbours.
class CellEntries {
 public:
  explicit CellEntries(EntryDifference& into) : into_(into) {}

  void Begin(const Cell& cell) {
    if (cell == cell_) return;
    Finish();
    cell_ = cell;
  }
  void Add(uint64_t entry) {
    entries_.push_back(entry);
    if (entries_.size() < kUniteAbove || entries_.size() < 2 * united_) return;
    Unite();
    united_ = entries_.size();
  }
  void Finish() {
    Unite();
    for (const uint64_t entry : entries_) into_.Add(entry);
    entries_.clear();
    united_ = 0;
  }

 private:
  static constexpr size_t kUniteAbove = 1 << 16;

  void Unite() {
    std::ranges::sort(entries_);
    const auto rest = std::unique(entries_.begin(), entries_.end());
    entries_.erase(rest, entries_.end());
  }

  EntryDifference& into_;
  std::optional<Cell> cell_;
  std::vector<uint64_t> entries_;
  size_t united_ = 0;  // how many there were after the last Unite()
};

}  // namespace

DayIndexCheck::DayIndexCheck(Source source, Hours hours)
    : source_(std::move(source)), hours_(hours), key_(RandomKey()) {}

base::Status DayIndexCheck::Run(std::vector<IndexFault>& faults) {
  HourSet asked{};
  std::fill(asked.begin() + hours_.from, asked.begin() + hours_.to, true);
  const uint64_t records = source_.state ? source_.state->records : 0;
  const size_t places = std::clamp<size_t>(records / 48, kPlacesMin, kPlacesMax);
  if (auto compared = Compare(asked, places); !compared.ok()) return compared;
  for (uint32_t hour = hours_.from; hour < hours_.to;) {
    HourSet again{};
    for (uint32_t count = 0; hour < hours_.to && count < kHoursAtOnce; hour++) {
      again[hour] = of_hour_[hour].undecided;
      if (again[hour]) count++;
    }
    if (std::ranges::find(again, true) == again.end()) continue;
    if (auto compared = Compare(again, places * kPlacesFactor); !compared.ok()) return compared;
  }
  for (uint32_t hour = hours_.from; hour < hours_.to; hour++) {
    if (auto described = Describe(hour, faults); !described.ok()) return described;
  }
  return {};
}

base::Status DayIndexCheck::Compare(const HourSet& hours, size_t places) {
  for (uint32_t hour = 0; hour < kHours; hour++) {
    if (!hours[hour]) continue;
    of_hour_[hour] = {};
    differences_[hour] = std::make_unique<EntryDifference>(places);
    if (auto added = AddRecords(hour, *differences_[hour]); !added.ok()) return added;
  }
  if (auto removed = RemoveEntries(hours); !removed.ok()) return removed;
  for (uint32_t hour = 0; hour < kHours; hour++) {
    if (!hours[hour]) continue;
    auto rest = differences_[hour]->Take();
    differences_[hour].reset();
    of_hour_[hour].undecided = !rest;
    if (!rest) continue;
    of_hour_[hour].missing = std::move(rest->added);
    std::ranges::sort(of_hour_[hour].missing);
  }
  return {};
}

// Calls `visit(key, record)`; what cannot be read it counts.
template <typename Visit>
base::Status DayIndexCheck::ForEachRecord(uint32_t hour, const Visit& visit) {
  uint64_t damaged = 0;
  const auto at = Read(*source_.day->sessions);
  for (at->Seek(std::string(1, static_cast<char>(hour))); at->Valid(); at->Next()) {
    const std::string_view bytes = at->key().ToStringView();
    if (HourOf(bytes) != hour) break;
    if (auto step = Step(); !step.ok()) return step;
    const auto key = DecodeRecordKey(source_.day->number, bytes);
    // Another writing of the same key would be another record.
    const bool whole = key && EncodeRecordKey(*key) == bytes;
    const auto record =
        whole ? DecodeSession(*key, at->value().ToStringView(), source_.sensors)
              : base::Result<SessionRecord>(base::Error{"a key in the session store is damaged"});
    record.ok() ? visit(*key, *record) : static_cast<void>(damaged++);
  }
  of_hour_[hour].damaged = damaged;
  return at->status().ok() ? base::Status() : base::Status(Unreadable(at->status()));
}

base::Status DayIndexCheck::AddRecords(uint32_t hour, EntryDifference& difference) {
  Hour& of_hour = of_hour_[hour];
  CellEntries entries(difference);
  const int64_t known_ns = source_.state ? source_.state->longest_ns : 0;
  const auto read = ForEachRecord(hour, [&](const RecordKey& key, const SessionRecord& record) {
    of_hour.records++;
    const events::SessionEvent& event = record.event;
    if (event.end > event.start && event.end.ns - event.start.ns > known_ns) of_hour.beyond_day++;
    const Cell cell = CellOf(key);
    entries.Begin(cell);
    ForEachTerm(record, [&](std::string entry, TermUse) {
      AppendCell(entry, cell);
      entries.Add(HashOf(entry));
    });
  });
  entries.Finish();
  return read;
}

base::Status DayIndexCheck::RemoveEntries(const HourSet& hours) {
  return ForEachEntry([&](std::string_view entry) {
    const size_t term_bytes = TermBytes(entry);
    const auto cell = term_bytes > 0 ? DecodeIndexCell(entry, term_bytes) : std::nullopt;
    if (!cell) return;  // no look-up reads it
    const uint32_t hour = cell->minute / 60U;
    if (hours[hour]) differences_[hour]->Remove(HashOf(entry));
  });
}

// Calls `visit(entry)`, in order, and once for one that is in the tail and in the index.
template <typename Visit>
base::Status DayIndexCheck::ForEachEntry(const Visit& visit) {
  EntryRun tail;
  for (const auto& run : source_.tail) tail = EntryRun::Merged(tail, *run);
  size_t next = 0;
  const auto at = Read(*source_.day->index);
  for (at->SeekToFirst(); at->Valid(); at->Next()) {
    if (auto step = Step(); !step.ok()) return step;
    const std::string_view entry = at->key().ToStringView();
    for (; next < tail.size() && tail[next] < entry; next++) visit(tail[next]);
    if (next < tail.size() && tail[next] == entry) next++;
    visit(entry);
  }
  for (; next < tail.size(); next++) visit(tail[next]);
  return at->status().ok() ? base::Status() : base::Status(Unreadable(at->status()));
}

base::Status DayIndexCheck::Describe(uint32_t hour, std::vector<IndexFault>& faults) {
  const Hour& of_hour = of_hour_[hour];
  // May wrap on the last day of all times.
  const uint64_t start_ns = static_cast<uint64_t>(DayStart(source_.day->number).ns) +
                            static_cast<uint64_t>(hour * kHourNs);
  const base::WallTime start{static_cast<int64_t>(start_ns)};
  const auto tell = [&](std::string what) { faults.push_back({start, std::move(what)}); };
  if (of_hour.damaged > 0) {
    tell(fmt::format("{} sessions are damaged and cannot be read", of_hour.damaged));
  }
  if (of_hour.records == 0) return {};
  if (!source_.state) {
    tell(
        fmt::format("{} sessions are in a day that the store does not know, and that no look-up "
                    "reads",
                    of_hour.records));
    return {};
  }
  if (of_hour.beyond_day > 0) {
    tell(
        fmt::format("{} sessions are longer than any that the store knows of that day: look-ups of "
                    "a moment may not find them",
                    of_hour.beyond_day));
  }
  if (of_hour.undecided) {
    tell("the sessions and the index to them differ in so much that they cannot be compared");
  }
  if (of_hour.missing.empty()) return {};
  const auto hidden = HiddenFrom(hour);
  if (!hidden.ok()) return hidden.error();
  tell("look-ups do not find all sessions, for entries of the index are missing: " + *hidden);
  return {};
}

// "1 by time, 2 by account": reads the hour once more.
base::Result<std::string> DayIndexCheck::HiddenFrom(uint32_t hour) {
  const std::vector<uint64_t>& missing = of_hour_[hour].missing;
  std::map<std::string_view, uint64_t> sessions;
  const auto read = ForEachRecord(hour, [&](const RecordKey& key, const SessionRecord& record) {
    const Cell cell = CellOf(key);
    std::string_view last;
    ForEachTerm(record, [&](std::string entry, TermUse) {
      AppendCell(entry, cell);
      if (!std::ranges::binary_search(missing, HashOf(entry))) return;
      const std::string_view kind = TermKind(entry);
      if (kind != std::exchange(last, kind)) sessions[kind]++;
    });
  });
  if (!read.ok()) return read.error();
  std::string text;
  for (const auto& [kind, count] : sessions) {
    text += fmt::format("{}{} by {}", text.empty() ? "" : ", ", count, kind);
  }
  return text;
}

base::Status DayIndexCheck::Step() {
  if (++steps_ % kAskEvery != 0) return {};
  if (source_.abandon) {
    return base::Error{"the session store is being opened anew after a failure: ask again"};
  }
  return source_.keep_on() ? base::Status() : base::Error{"stopped before the end"};
}

std::unique_ptr<rocksdb::Iterator> DayIndexCheck::Read(const RocksDb::Family& family) const {
  rocksdb::ReadOptions options;
  options.snapshot = source_.snapshot;
  // All of it is read, and once: what look-ups need stays in the cache.
  options.fill_cache = false;
  options.readahead_size = 2 << 20;
  return std::unique_ptr<rocksdb::Iterator>(source_.db.db()->NewIterator(options, family.handle()));
}

uint64_t DayIndexCheck::HashOf(std::string_view entry) const {
  return base::KeyedHash(key_, AsBytes(entry));
}

}  // namespace weir::control::audit

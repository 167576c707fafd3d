#include "control/audit/index_tail.h"

#include <algorithm>
#include <utility>

#include "control/audit/bytes.h"

namespace weir::control::audit {
namespace {

std::string KeyOf(uint64_t number) {
  std::string key;
  PutBe(key, number);
  return key;
}

}  // namespace

base::Status IndexTail::Load() {
  Abandon();
  {
    const std::lock_guard lock(mutex_);
    runs_.clear();
  }
  entries_ = 0;
  first_ = 0;
  uint64_t last = 0;
  const std::unique_ptr<rocksdb::Iterator> at(db_.db()->NewIterator({}, db_.index_tail()));
  for (at->SeekToFirst(); at->Valid(); at->Next()) {
    base::Cursor key(AsBytes(at->key().ToStringView()));
    last = key.U64();
    if (first_ == 0) first_ = last;
    const std::string_view value = at->value().ToStringView();
    base::Cursor in(AsBytes(value));
    const auto day = static_cast<DayNumber>(in.U32());
    auto run = in.ok() ? EntryRun::Decode(value.substr(sizeof(uint32_t))) : std::nullopt;
    if (!key.ok() || !run) return base::Error{"the session store's index_tail is damaged"};
    if (db_.FindDay(day)) AddRun(day, std::move(*run));
  }
  if (!at->status().ok()) {
    return base::Error{"session store: cannot read index_tail: " + at->status().ToString()};
  }
  if (first_ == 0) first_ = 1;
  moved_ = first_;
  next_ = std::max(first_, last + 1);
  return {};
}

void IndexTail::Add(DayNumber day, std::string_view term, TermUse use, const Cell& cell) {
  entry_.assign(term);
  AppendCell(entry_, cell);
  if (use == TermUse::kByMany && !recent_.Add(day, entry_)) return;
  Gathered& gathered = gathered_[day];
  gathered.bytes += entry_;
  gathered.ends.push_back(static_cast<uint32_t>(gathered.bytes.size()));
}

// A batch takes every write, save when it would grow beyond 4 GiB, which none here does.
void IndexTail::PutInto(rocksdb::WriteBatch& batch) {
  for (uint64_t number = first_; number < moved_; number++) {
    static_cast<void>(batch.Delete(db_.index_tail(), KeyOf(number)));
  }
  uint64_t number = next_;
  for (auto& [day, gathered] : gathered_) {
    std::vector<std::string_view> entries;
    entries.reserve(gathered.ends.size());
    uint32_t begin = 0;
    for (const uint32_t end : gathered.ends) {
      entries.push_back(std::string_view(gathered.bytes).substr(begin, end - begin));
      begin = end;
    }
    if (entries.empty()) continue;
    EntryRun run = EntryRun::Of(std::move(entries));
    std::string value;
    PutBe(value, static_cast<uint32_t>(day));
    value += run.Encode();
    static_cast<void>(batch.Put(db_.index_tail(), KeyOf(number++), value));
    writing_.insert_or_assign(day, std::move(run));
  }
}

void IndexTail::Written() {
  first_ = moved_;
  next_ += writing_.size();
  for (auto& [day, run] : writing_) AddRun(day, std::move(run));
  writing_.clear();
  // Of a day their memory is kept for the next batch.
  std::erase_if(gathered_, [](const auto& of_day) { return of_day.second.ends.empty(); });
  for (auto& [day, gathered] : gathered_) {
    gathered.bytes.clear();
    gathered.ends.clear();
  }
}

void IndexTail::Abandon() {
  gathered_.clear();
  writing_.clear();
  recent_.Clear();  // what it remembers may never have been written
}

void IndexTail::AddRun(DayNumber day, EntryRun run) {
  entries_ += run.size();
  const std::lock_guard lock(mutex_);
  Runs& runs = runs_[day];
  while (!runs.empty() && runs.back()->size() / 4 < run.size()) {
    entries_ -= runs.back()->size() + run.size();
    run = EntryRun::Merged(*runs.back(), run);
    entries_ += run.size();
    runs.pop_back();
  }
  runs.push_back(std::make_shared<const EntryRun>(std::move(run)));
}

EntryRun IndexTail::MergeAll(const Runs& runs) {
  EntryRun all;
  for (auto run = runs.rbegin(); run != runs.rend(); ++run) all = EntryRun::Merged(**run, all);
  return all;
}

base::Status IndexTail::MoveIntoIndexes() {
  std::map<DayNumber, Runs> runs;
  {
    const std::lock_guard lock(mutex_);
    runs = runs_;
  }
  for (const auto& [number, of_day] : runs) {
    const auto day = db_.FindDay(number);
    if (!day) continue;
    if (auto moved = db_.AddToIndex(*day, MergeAll(of_day)); !moved.ok()) return moved;
  }
  moved_ = next_;
  entries_ = 0;
  const std::lock_guard lock(mutex_);
  runs_.clear();
  return {};
}

void IndexTail::Forget(DayNumber day) {
  recent_.Clear();
  const std::lock_guard lock(mutex_);
  const auto found = runs_.find(day);
  if (found == runs_.end()) return;
  for (const auto& run : found->second) entries_ -= run->size();
  runs_.erase(found);
}

IndexTail::Runs IndexTail::Of(DayNumber day) const {
  const std::lock_guard lock(mutex_);
  const auto found = runs_.find(day);
  return found == runs_.end() ? Runs() : found->second;
}

}  // namespace weir::control::audit

#include "control/clickhouse/keeper.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>
#include <vector>

#include "control/clickhouse/day_comparison.h"
#include "control/clickhouse/found_notes.h"
#include "control/clickhouse/schema.h"
#include "control/clickhouse/session_row.h"

namespace weir::control::clickhouse {

using audit::DayNumber;
using audit::DayStart;
using audit::kDayNs;

namespace {

constexpr int kMergeAttempts = 30;  // a second between them
constexpr size_t kMergesTried = 3;  // days a time that may fail
constexpr DayNumber kLostDaysMax = 1000;
constexpr std::chrono::seconds kFirstAfter{60};
constexpr std::chrono::seconds kEvery{3600};

// Whether so many whole days have passed behind the day.
bool IsOlder(DayNumber day, uint32_t days, base::WallTime now) {
  return DayStart(day + 1).ns + days * kDayNs <= now.ns;
}

}  // namespace

Keeper::Keeper(Options options, audit::RocksStore& local, ArchiveBook& book, Shipper& shipper)
    : options_(std::move(options)),
      local_(local),
      book_(book),
      shipper_(shipper),
      server_(options_.endpoint, stop_) {}

void Keeper::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Keeper::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Keeper::Wake(base::WallTime now) {
  {
    const std::lock_guard lock(mutex_);
    due_ = now;
  }
  changed_.notify_all();
}

void Keeper::Run() {
  std::unique_lock lock(mutex_);
  auto wait = kFirstAfter;
  while (true) {
    changed_.wait_for(lock, wait, [this] { return stop_ || due_; });
    if (stop_) return;
    wait = kEvery;
    const base::WallTime now = due_.value_or(base::WallNow());
    due_.reset();
    lock.unlock();
    if (auto worked = Work(now); !worked.ok() && !stop_) {
      Log("archive: old days stay on this machine for now: " + worked.error().message);
    }
    lock.lock();
  }
}

base::Status Keeper::Work(base::WallTime now) {
  const std::lock_guard working(working_);
  const SchemaCheck check = shipper_.CheckSchema(server_);
  if (check.outcome != SchemaOutcome::kReady) return base::Error{check.error};
  plain_ = check.plain;
  const auto moved = MoveDays(now);
  if (auto dropped = DropDoomed(); !dropped.ok()) return dropped;
  return moved;
}

// What retention has taken from the book.
base::Status Keeper::DropDoomed() {
  for (const DayNumber day : book_.doomed()) {
    if (auto dropped = DropPartition("sessions", audit::DayName(day)); !dropped.ok()) {
      return dropped;
    }
    if (auto buried = book_.Bury(local_.spool(), day); !buried.ok()) return buried;
  }
  const audit::RetentionPlan upto = book_.dropped_upto();
  for (const auto& [table, number] : {std::pair{"findings", upto.findings_upto},
                                      {"health", upto.health_upto},
                                      {"logins", upto.logins_upto}}) {
    if (auto dropped = DropNumbered(table, number); !dropped.ok()) return dropped;
  }
  return {};
}

// Days of which no record is to be kept.
base::Status Keeper::DropNumbered(std::string_view table, uint64_t upto) {
  if (upto == 0) return {};
  const auto days = AskDays(fmt::format(
      "SELECT toString(day) FROM {} GROUP BY day HAVING max(seq) <= {} FORMAT TabSeparated",
      TableName(options_.endpoint, table), upto));
  if (!days.ok()) return days.error();
  for (const std::string& day_name : *days) {
    if (auto dropped = DropPartition(table, day_name); !dropped.ok()) return dropped;
  }
  return {};
}

// Names of days, one on a line.
base::Result<std::vector<std::string>> Keeper::AskDays(const std::string& sql) {
  const auto text = server_.Ask(sql);
  if (!text.ok()) return text.error();
  std::vector<std::string> days;
  std::string_view rest(*text);
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view day_name = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (!audit::ParseDayName(day_name)) {
      return base::Error{fmt::format("ClickHouse at {}: {} is no day", options_.endpoint.url,
                                     ServerWords(day_name))};
    }
    days.emplace_back(day_name);
  }
  return days;
}

// Of which the archive has records and this store, which was set back, knows nothing.
base::Result<std::vector<DayNumber>> Keeper::LostDays(base::WallTime now) {
  std::vector<DayNumber> lost;
  if (!options_.restored) return lost;
  std::set<DayNumber> known = book_.doomed();
  for (const auto& [day, state] : local_.spool().state().days) known.insert(day);
  for (const auto& [day, archived] : book_.days()) known.insert(day);
  if (known.empty()) return lost;
  std::string names;
  const DayNumber first = audit::DayOf(*options_.restored) - kLostDaysMax;
  for (DayNumber day = std::max(first, *known.begin()); WasSetBack(day); day++) {
    if (known.contains(day) || !IsOlder(day, options_.local_days, now)) continue;
    names += fmt::format("{}'{}'", names.empty() ? "" : ", ", audit::DayName(day));
  }
  if (names.empty()) return lost;
  const auto there = AskDays(
      fmt::format("SELECT toString(day) FROM {} WHERE day IN ({}) GROUP BY day FORMAT TabSeparated",
                  TableName(options_.endpoint, "sessions"), names));
  if (!there.ok()) return there.error();
  for (const std::string& name : *there) lost.push_back(*audit::ParseDayName(name));
  return lost;
}

base::Status Keeper::DropPartition(std::string_view table, std::string_view day_name) {
  const auto dropped = server_.Ask(fmt::format("ALTER TABLE {} DROP PARTITION '{}'",
                                               TableName(options_.endpoint, table), day_name),
                                   options_.merge_timeout_ms);
  return dropped.ok() ? base::Status() : base::Status(dropped.error());
}

uint64_t Keeper::days_differing() const {
  const std::lock_guard lock(mutex_);
  return differing_.size();
}

base::Status Keeper::MoveDays(base::WallTime now) {
  // What the archive was never told of cannot be compared with it.
  if (shipper_.migration().backfill.state != BackfillState::kDone) return {};
  std::set<DayNumber> candidates;
  for (const auto& [day, state] : local_.spool().state().days) {
    if (IsOlder(day, options_.local_days, now)) candidates.insert(day);
  }
  for (const auto& [day, known] : book_.days()) {
    if (local_.spool().HasFamilies(day)) candidates.insert(day);
  }
  const auto lost = LostDays(now);
  if (!lost.ok()) return lost.error();
  candidates.insert(lost->begin(), lost->end());
  const std::set<DayNumber> doomed = book_.doomed();
  base::Status first;
  for (const DayNumber day : candidates) {
    if (stop_) return {};
    if (doomed.contains(day)) continue;
    const auto moved = MoveDay(day, now);
    if (moved.ok()) continue;
    // What is wrong with one day keeps no other here.
    if (first.ok()) first = base::Error{audit::DayName(day) + ": " + moved.error().message};
    if (!server_.Ask("SELECT 1").ok()) return first;
  }
  const auto merged = MergeLater();
  return first.ok() ? merged : first;
}

base::Status Keeper::MoveDay(DayNumber day, base::WallTime now) {
  audit::RocksSpool& spool = local_.spool();
  const uint64_t changes = spool.Changes(day);
  if (spool.Waits(day)) return {};
  const auto open = spool.HasOpenSessions(day);
  if (!open.ok()) return open.error();
  const bool even_open = IsOlder(day, options_.local_days + options_.open_days, now);
  if (*open && !even_open) return {};
  // Where it fails, doubles stay and FINAL is used.
  static_cast<void>(MergeDay(day, false));
  const bool came_late = book_.Has(day);
  const bool set_back = !came_late && WasSetBack(day);
  FoundNotes notes(local_, day);
  FoundThere note;
  if (set_back) note = [&notes](const audit::SessionRecord& record) { return notes.Add(record); };
  auto comparison = CompareDay(local_, server_, day, came_late || set_back, note);
  if (!comparison.ok()) return comparison.error();
  // Another replica, or shard, may have doubles that this one has not.
  comparison->archived.single = comparison->archived.single && plain_;
  if (!comparison->same) {
    NoteDifference(day, comparison->difference);
    return {};
  }
  const auto noted = notes.Finish();
  if (!noted.ok()) return noted.error();
  if (!*noted) return {};  // an hour was sealed anew meanwhile: next time
  // Readers look at the book last: the day must not be missing in both for a moment.
  const auto known = book_.Replace(day, comparison->archived);
  const auto dropped = spool.DropArchivedDay(day, changes, ArchiveBook::Key(day),
                                             ArchiveBook::Encode(comparison->archived), even_open);
  if (!dropped.ok()) return dropped.error();
  if (!*dropped) {  // something of it has changed meanwhile
    book_.Replace(day, known);
    return {};
  }
  {
    const std::lock_guard lock(mutex_);
    differing_.erase(day);
  }
  Log(fmt::format("archive: {} is compared, {} records, and let go from this machine{}",
                  audit::DayName(day), comparison->archived.records, notes.Words()));
  return {};
}

base::Result<uint64_t> Keeper::CountParts(std::string_view partition) {
  const auto text = server_.Ask(
      fmt::format("SELECT count() FROM system.parts WHERE active AND database = '{}' AND table = "
                  "'sessions' AND partition = '{}' FORMAT TabSeparated",
                  options_.endpoint.database, partition));
  if (!text.ok()) return text.error();
  uint64_t count = 0;
  const auto parsed = std::from_chars(text->data(), text->data() + text->size(), count);
  if (parsed.ec == std::errc()) return count;
  return base::Error{fmt::format("ClickHouse at {}: {} is no number of parts",
                                 options_.endpoint.url, ServerWords(*text))};
}

// Doubles go, and questions about the day need no FINAL. True: the day is one part now; `rewrite`:
// also when it was one before. The server does nothing, and does not say so, while merges of its
// own are under way: then once more. Where its parts may not be asked nothing is merged: it would
// be again and again.
base::Result<bool> Keeper::MergeDay(DayNumber day, bool rewrite) {
  const std::string partition = audit::DayName(DateOf(DayStart(day)));
  const std::string optimize = fmt::format("OPTIMIZE TABLE {} PARTITION '{}' FINAL",
                                           TableName(options_.endpoint, "sessions"), partition);
  for (int attempt = 0; attempt < kMergeAttempts && !stop_; attempt++) {
    const auto parts = CountParts(partition);
    if (!parts.ok()) return parts.error();
    if (*parts == 0) return false;  // a Distributed table has none
    if (*parts == 1 && (attempt > 0 || !rewrite)) return true;
    if (attempt > 0) {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, std::chrono::seconds(1), [this] { return stop_.load(); });
    }
    // Not where there is no room.
    if (!server_.Ask(optimize, options_.merge_timeout_ms).ok()) return false;
  }
  return false;
}

// One of the days that had doubles when they were compared: the first behind the one that was tried
// last, and when it fails the next.
base::Status Keeper::MergeLater() {
  if (!plain_) return {};
  std::vector<DayNumber> later;
  for (const auto& [day, known] : book_.days()) {
    if (!known.single && !local_.spool().HasFamilies(day)) later.push_back(day);
  }
  const auto next = std::upper_bound(later.begin(), later.end(), merged_last_);
  std::rotate(later.begin(), next, later.end());
  later.resize(std::min(later.size(), kMergesTried));
  for (const DayNumber day : later) {
    merged_last_ = day;
    const auto merged = MergeDay(day, true);
    if (!merged.ok()) {
      if (!std::exchange(parts_refused_, true)) {
        Log("archive: days with doubles are not merged: " + merged.error().message);
      }
      return {};
    }
    parts_refused_ = false;
    if (!*merged) continue;
    const auto known = book_.days();
    const auto found = known.find(day);
    if (found == known.end()) continue;
    ArchivedDay single = found->second;
    single.single = true;
    const std::string bytes = ArchiveBook::Encode(single);
    if (auto put = local_.spool().PutMeta(ArchiveBook::Key(day), bytes); !put.ok()) return put;
    book_.Replace(day, single);
    return {};
  }
  return {};
}

void Keeper::NoteDifference(DayNumber day, const std::string& difference) {
  {
    const std::lock_guard lock(mutex_);
    if (!differing_.insert(day).second) return;
  }
  Log(fmt::format("archive: {} stays on this machine: {}", audit::DayName(day), difference));
}

}  // namespace weir::control::clickhouse

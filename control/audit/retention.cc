// The writer's half that drops what is too old: whole days of sessions, other records one by one.
#include "control/audit/retention.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "control/audit/bytes.h"
#include "control/audit/late_records.h"
#include "control/audit/rocks_writer.h"

namespace weir::control::audit {
namespace {

constexpr uint64_t kOldRecordsChunk = 100'000;
constexpr uint64_t kDroppedAtOnce = 100'000;

base::WallTime LimitOf(const RetentionLimits& limits, RecordClass record_class) {
  return limits.before[static_cast<size_t>(record_class)];
}

uint64_t NumberOf(const rocksdb::Iterator& at) {
  return base::Cursor(AsBytes(at.key().ToStringView())).U64();
}

// The last of `ends` from `first` to `last`; 0: there is none.
uint64_t LastEnd(std::span<const uint64_t> ends, uint64_t first, uint64_t last) {
  const auto after = std::upper_bound(ends.begin(), ends.end(), last);
  return after == ends.begin() || *(after - 1) < first ? 0 : *(after - 1);
}

// A record is as old as `time`, and stays while any of `of` is held.
struct Aged {
  base::WallTime time;
  TimeSpan of;
};

Aged AtOnce(base::WallTime time) { return {time, {time, {time.ns + 1}}}; }

// Who is still logged in, as far as the record says, is so for ever.
Aged AgedLogin(const LoginRecord& login) {
  const base::WallTime start = login.login_time;
  if (!login.logout_time) return {start, {start, {INT64_MAX}}};
  return {*login.logout_time, {start, {std::max(start, *login.logout_time).ns + 1}}};
}

// The number of the last record that may go; those behind the first that must stay do not. However
// many were sealed together last, the oldest of such are looked at as a whole: else none ever went.
template <typename Read>
base::Result<uint64_t> LastToGo(rocksdb::Iterator& at, const RetentionLimits& limits,
                                RecordClass record_class, const Read& read) {
  const std::span<const uint64_t> ends = limits.ends[static_cast<size_t>(record_class)];
  at.SeekToFirst();
  if (!at.Valid()) return uint64_t{0};
  const uint64_t first = NumberOf(at);
  const auto whole = std::lower_bound(ends.begin(), ends.end(), first);
  const uint64_t at_least = whole == ends.end() ? 0 : *whole;
  uint64_t last = 0;
  for (uint64_t seen = 0; at.Valid() && (seen < kOldRecordsChunk || last < at_least); at.Next()) {
    const base::Result<Aged> aged = read(at.value().ToStringView());
    if (!aged.ok()) return aged.error();
    if (aged->time >= LimitOf(limits, record_class) || limits.Hold(aged->of)) break;
    last = NumberOf(at);
    seen++;
  }
  return ends.empty() ? last : LastEnd(ends, first, last);
}

}  // namespace

base::Result<RetentionLimits> RetentionLimitsAt(base::WallTime now, const RetentionDays& days) {
  RetentionLimits limits;
  for (size_t i = 0; i < kRecordClasses; i++) {
    if (days[i] < kRetentionDaysMin) {
      return base::Error{fmt::format(
          "the {} records are to be kept for {} days: at least {}, for the record must be kept six "
          "months",
          RecordClassName(static_cast<RecordClass>(i)), days[i], kRetentionDaysMin)};
    }
    limits.before[i] = {now.ns - days[i] * kDayNs};
  }
  return limits;
}

std::optional<DayNumber> FirstDayToGo(const std::map<DayNumber, int64_t>& longest_ns,
                                      const RetentionLimits& limits) {
  for (const auto& [day, longest] : longest_ns) {
    const base::WallTime end = DayStart(day + 1);
    if (end > LimitOf(limits, RecordClass::kSession)) break;
    const int64_t reach_ns =
        std::clamp(longest, int64_t{0}, INT64_MAX - std::max(end.ns, int64_t{0}));
    if (!limits.Hold({DayStart(day), {end.ns + reach_ns}})) return day;
  }
  return std::nullopt;
}

base::Result<RetentionPlan> RocksWriter::PlanRetention(const RetentionLimits& limits) const {
  RetentionPlan plan;
  const StoreState known = state();
  std::map<DayNumber, int64_t> longest_ns;
  for (const auto& day : db_.Days()) {
    const auto found = known.days.find(day->number);
    longest_ns[day->number] = found == known.days.end() ? 0 : found->second.longest_ns;
  }
  plan.day = FirstDayToGo(longest_ns, limits);
  const Sensors written_by = sensors();
  const auto upto = [&](rocksdb::ColumnFamilyHandle* family, RecordClass record_class,
                        const auto& read) -> base::Result<uint64_t> {
    const std::unique_ptr<rocksdb::Iterator> at(db_.db()->NewIterator({}, family));
    const auto last = LastToGo(*at, limits, record_class, read);
    if (!at->status().ok()) return Failure("cannot read", at->status());
    return last;
  };
  using Read = base::Result<Aged>;
  const auto findings = upto(db_.findings(), RecordClass::kFinding, [&](auto value) -> Read {
    const auto finding = DecodeFinding(0, value, written_by);
    if (!finding.ok()) return finding.error();
    return AtOnce(finding->event.time);
  });
  if (!findings.ok()) return findings.error();
  const auto health = upto(db_.health(), RecordClass::kHealth, [&](auto value) -> Read {
    const auto event = DecodeHealth(0, value, written_by);
    if (!event.ok()) return event.error();
    return AtOnce(event->event.time);
  });
  if (!health.ok()) return health.error();
  const auto logins = upto(db_.logins(), RecordClass::kLogin, [&](auto value) -> Read {
    const auto login = DecodeLogin(value);
    if (!login.ok()) return login.error();
    return AgedLogin(*login);
  });
  if (!logins.ok()) return logins.error();
  plan.findings_upto = *findings;
  plan.health_upto = *health;
  plan.logins_upto = *logins;
  return plan;
}

base::Result<RetentionResult> RocksWriter::EnforceRetention(const RetentionPlan& plan) {
  RetentionResult result;
  if (plan.day) {
    if (auto dropped = DropDay(*plan.day, result); !dropped.ok()) return dropped.error();
  }
  if (auto dropped = DropNumbered(plan, result); !dropped.ok()) return dropped.error();
  return result;
}

base::Status RocksWriter::DropDay(DayNumber day, RetentionResult& result) {
  if (!db_.FindDay(day)) return {};
  // First the records, then the count of them: LoadState() finishes what is cut short between.
  if (auto dropped = db_.DropDay(day); !dropped.ok()) return dropped;
  index_tail_.Forget(day);
  cache_.Clear();
  Write write;
  write.state = state_;
  write.counters = counters_;
  const uint64_t records = write.state.days[day].records;
  if (auto forgotten = ForgetDay(write, day); !forgotten.ok()) return forgotten;
  write.state.days_dropped++;
  write.state.records_dropped += records;
  auto forgotten = ForgetLate(write.batch, db_, {DayStart(day), DayStart(day + 1)});
  if (!forgotten.ok()) return forgotten;
  PutTotals(write.batch, db_, write.state);
  result.days_dropped.push_back(DayName(day));
  result.records_dropped += records;
  return Apply(write);
}

base::Status RocksWriter::DropNumbered(const RetentionPlan& plan, RetentionResult& result) {
  auto dropped = DropUpto(db_.findings(), plan.findings_upto, &StoreState::findings, result);
  if (!dropped.ok()) return dropped;
  dropped = DropUpto(db_.health(), plan.health_upto, &StoreState::health, result);
  if (!dropped.ok()) return dropped;
  return DropUpto(db_.logins(), plan.logins_upto, &StoreState::logins, result);
}

// So many a write; where that is cut short, the next plan has the rest.
base::Status RocksWriter::DropUpto(rocksdb::ColumnFamilyHandle* family, uint64_t upto,
                                   uint64_t StoreState::*records, RetentionResult& result) {
  if (upto == 0) return {};
  const std::unique_ptr<rocksdb::Iterator> at(db_.db()->NewIterator({}, family));
  at->SeekToFirst();
  while (true) {
    Write write;
    write.state = state_;
    write.counters = counters_;
    uint64_t dropped = 0;
    for (; at->Valid() && dropped < kDroppedAtOnce && NumberOf(*at) <= upto; at->Next()) {
      static_cast<void>(write.batch.Delete(family, at->key()));
      dropped++;
    }
    if (!at->status().ok()) return Failure("cannot read", at->status());
    if (dropped == 0) return {};
    write.state.*records -= dropped;
    write.state.records_dropped += dropped;
    PutTotals(write.batch, db_, write.state);
    if (auto applied = Apply(write); !applied.ok()) return applied;
    result.records_dropped += dropped;
  }
}

}  // namespace weir::control::audit

// The writer's half that drops what is too old: whole days of sessions, other records one by one.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "control/audit/bytes.h"
#include "control/audit/late_records.h"
#include "control/audit/rocks_writer.h"

namespace weir::control::audit {
namespace {

constexpr uint64_t kOldRecordsChunk = 100'000;

base::WallTime LimitOf(const RetentionLimits& limits, RecordClass record_class) {
  return limits.before[static_cast<size_t>(record_class)];
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

base::Result<RetentionPlan> RocksWriter::PlanRetention(const RetentionLimits& limits) const {
  RetentionPlan plan;
  for (const auto& day : db_.Days()) {
    const base::WallTime end = DayStart(day->number + 1);
    if (end > LimitOf(limits, RecordClass::kSession)) break;
    if (limits.Hold({DayStart(day->number), end})) continue;
    plan.day = day->number;
    break;
  }
  // The number of the last record that may go; those behind the first that must stay do not.
  const auto upto = [&](rocksdb::ColumnFamilyHandle* family, RecordClass record_class,
                        const auto& time_of) -> base::Result<uint64_t> {
    const std::unique_ptr<rocksdb::Iterator> at(db_.db()->NewIterator({}, family));
    uint64_t last = 0;
    at->SeekToFirst();
    for (uint64_t seen = 0; at->Valid() && seen < kOldRecordsChunk; at->Next(), seen++) {
      const base::Result<base::WallTime> time = time_of(at->value().ToStringView());
      if (!time.ok()) return time.error();
      if (*time >= LimitOf(limits, record_class) || limits.Hold({*time, {time->ns + 1}})) break;
      last = base::Cursor(AsBytes(at->key().ToStringView())).U64();
    }
    if (!at->status().ok()) return Failure("cannot read", at->status());
    return last;
  };
  using Time = base::Result<base::WallTime>;
  const auto findings = upto(db_.findings(), RecordClass::kFinding, [&](auto value) -> Time {
    const auto finding = DecodeFinding(0, value, sensors_);
    if (!finding.ok()) return finding.error();
    return finding->event.time;
  });
  if (!findings.ok()) return findings.error();
  const auto health = upto(db_.health(), RecordClass::kHealth, [&](auto value) -> Time {
    const auto event = DecodeHealth(0, value, sensors_);
    if (!event.ok()) return event.error();
    return event->event.time;
  });
  if (!health.ok()) return health.error();
  const auto logins = upto(db_.logins(), RecordClass::kLogin, [&](auto value) -> Time {
    const auto login = DecodeLogin(value);
    if (!login.ok()) return login.error();
    return login->logout_time.value_or(login->login_time);
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
  Write write;
  write.state = state_;
  write.counters = counters_;
  uint64_t dropped = 0;
  const auto sweep = [&](rocksdb::ColumnFamilyHandle* family, uint64_t upto,
                         uint64_t& records) -> base::Status {
    if (upto == 0) return {};
    const std::unique_ptr<rocksdb::Iterator> at(db_.db()->NewIterator({}, family));
    for (at->SeekToFirst(); at->Valid(); at->Next()) {
      if (base::Cursor(AsBytes(at->key().ToStringView())).U64() > upto) break;
      static_cast<void>(write.batch.Delete(family, at->key()));
      records--;
      dropped++;
    }
    return at->status().ok() ? base::Status() : Failure("cannot read", at->status());
  };
  auto swept = sweep(db_.findings(), plan.findings_upto, write.state.findings);
  if (swept.ok()) swept = sweep(db_.health(), plan.health_upto, write.state.health);
  if (swept.ok()) swept = sweep(db_.logins(), plan.logins_upto, write.state.logins);
  if (!swept.ok() || dropped == 0) return swept;
  write.state.records_dropped += dropped;
  PutTotals(write.batch, db_, write.state);
  result.records_dropped += dropped;
  return Apply(write);
}

}  // namespace weir::control::audit

#include "control/clickhouse/archive_book.h"

#include <algorithm>

#include "control/audit/bytes.h"

namespace weir::control::clickhouse {
namespace {

constexpr std::string_view kDayPrefix = "archive/day/";
constexpr std::string_view kDroppedKey = "archive/dropped";
constexpr std::string_view kDoomedPrefix = "archive/doomed/";
constexpr std::string_view kUptoKey = "archive/upto";

const base::Error kDamaged{"session store: its record of archived days is damaged"};

}  // namespace

std::string ArchiveBook::Key(audit::DayNumber day) {
  return std::string(kDayPrefix) + audit::DayName(day);
}

std::string ArchiveBook::Encode(const ArchivedDay& day) {
  std::string bytes;
  audit::PutVarint(bytes, day.records);
  audit::PutSigned(bytes, day.longest_ns);
  audit::PutSigned(bytes, day.oldest.ns);
  bytes += day.single ? '\1' : '\0';
  return bytes;
}

std::optional<ArchivedDay> ArchiveBook::Decode(std::string_view bytes) {
  base::Cursor in(audit::AsBytes(bytes));
  ArchivedDay day;
  day.records = audit::GetVarint(in);
  day.longest_ns = audit::GetSigned(in);
  day.oldest.ns = audit::GetSigned(in);
  day.single = in.U8() == 1;
  if (!in.ok() || !in.empty()) return std::nullopt;
  return day;
}

base::Status ArchiveBook::Load(const audit::RocksSpool& spool) {
  const auto meta = spool.Meta(kDayPrefix);
  if (!meta.ok()) return meta.error();
  const auto totals = spool.Meta(kDroppedKey);
  if (!totals.ok()) return totals.error();
  std::map<audit::DayNumber, ArchivedDay> days;
  for (const auto& [key, value] : *meta) {
    const auto number = audit::ParseDayName(std::string_view(key).substr(kDayPrefix.size()));
    const auto day = Decode(value);
    if (!number || !day) return kDamaged;
    days[*number] = *day;
  }
  std::set<audit::DayNumber> doomed;
  const auto to_drop = spool.Meta(kDoomedPrefix);
  if (!to_drop.ok()) return to_drop.error();
  for (const auto& [key, value] : *to_drop) {
    const auto number = audit::ParseDayName(std::string_view(key).substr(kDoomedPrefix.size()));
    if (!number) return kDamaged;
    doomed.insert(*number);
    days.erase(*number);  // a crash has left it
  }
  audit::RetentionPlan upto;
  const auto numbers = spool.Meta(kUptoKey);
  if (!numbers.ok()) return numbers.error();
  if (!numbers->empty()) {
    base::Cursor in(audit::AsBytes(numbers->begin()->second));
    upto.findings_upto = audit::GetVarint(in);
    upto.health_upto = audit::GetVarint(in);
    upto.logins_upto = audit::GetVarint(in);
    if (!in.ok()) return kDamaged;
  }
  ArchiveDropped dropped;
  if (!totals->empty()) {
    base::Cursor in(audit::AsBytes(totals->begin()->second));
    dropped.days = audit::GetVarint(in);
    dropped.records = audit::GetVarint(in);
    if (!in.ok()) return kDamaged;
  }
  const std::lock_guard lock(mutex_);
  days_ = std::move(days);
  dropped_ = dropped;
  doomed_ = std::move(doomed);
  upto_ = upto;
  return {};
}

std::map<audit::DayNumber, ArchivedDay> ArchiveBook::days() const {
  const std::lock_guard lock(mutex_);
  return days_;
}

bool ArchiveBook::Has(audit::DayNumber day) const {
  const std::lock_guard lock(mutex_);
  return days_.contains(day);
}

bool ArchiveBook::empty() const {
  const std::lock_guard lock(mutex_);
  return days_.empty();
}

std::pair<std::map<audit::DayNumber, ArchivedDay>, ArchiveDropped> ArchiveBook::Snapshot() const {
  const std::lock_guard lock(mutex_);
  return {days_, dropped_};
}

std::optional<ArchivedDay> ArchiveBook::Replace(audit::DayNumber day,
                                                const std::optional<ArchivedDay>& known) {
  const std::lock_guard lock(mutex_);
  std::optional<ArchivedDay> before;
  if (const auto found = days_.find(day); found != days_.end()) before = found->second;
  if (known) {
    days_[day] = *known;
  } else {
    days_.erase(day);
  }
  return before;
}

base::Status ArchiveBook::Doom(audit::RocksSpool& spool, audit::DayNumber day, uint64_t records) {
  if (auto put = spool.PutMeta(std::string(kDoomedPrefix) + audit::DayName(day), "1"); !put.ok()) {
    return put;
  }
  const bool known = Has(day);
  ArchiveDropped dropped = Snapshot().second;
  if (known) {
    dropped.days++;
    dropped.records += records;
    std::string bytes;
    audit::PutVarint(bytes, dropped.days);
    audit::PutVarint(bytes, dropped.records);
    if (auto put = spool.PutMeta(kDroppedKey, bytes); !put.ok()) return put;
    if (auto deleted = spool.DeleteMeta(Key(day)); !deleted.ok()) return deleted;
  }
  const std::lock_guard lock(mutex_);
  days_.erase(day);
  doomed_.insert(day);
  dropped_ = dropped;
  return {};
}

std::set<audit::DayNumber> ArchiveBook::doomed() const {
  const std::lock_guard lock(mutex_);
  return doomed_;
}

base::Status ArchiveBook::Bury(audit::RocksSpool& spool, audit::DayNumber day) {
  if (auto deleted = spool.DeleteMeta(std::string(kDoomedPrefix) + audit::DayName(day));
      !deleted.ok()) {
    return deleted;
  }
  const std::lock_guard lock(mutex_);
  doomed_.erase(day);
  return {};
}

base::Status ArchiveBook::DropUpto(audit::RocksSpool& spool, const audit::RetentionPlan& plan) {
  audit::RetentionPlan upto = dropped_upto();
  upto.findings_upto = std::max(upto.findings_upto, plan.findings_upto);
  upto.health_upto = std::max(upto.health_upto, plan.health_upto);
  upto.logins_upto = std::max(upto.logins_upto, plan.logins_upto);
  std::string bytes;
  for (const uint64_t number : {upto.findings_upto, upto.health_upto, upto.logins_upto}) {
    audit::PutVarint(bytes, number);
  }
  if (auto put = spool.PutMeta(kUptoKey, bytes); !put.ok()) return put;
  const std::lock_guard lock(mutex_);
  upto_ = upto;
  return {};
}

audit::RetentionPlan ArchiveBook::dropped_upto() const {
  const std::lock_guard lock(mutex_);
  return upto_;
}

}  // namespace weir::control::clickhouse
